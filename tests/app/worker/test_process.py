"""The worker process: its replies, when it ends, and what happens to a request when it is killed."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.worker import pictures
from app.worker import process as worker_process
from app.worker.messages import Fetch, Open, Reply, Take, read_reply, read_request, write_reply, write_request
from app.worker.process import COMMAND, ROOT, WorkerFault, WorkerLost, WorkerProcess
from engine.bundle.bundle import write_bundle
from engine.bundle.library import Entry
from engine.datasets.folder import ImageFolder
from engine.errors import UserError
from tests import synthetic
from tests.image_folders import image_folder

SIZE = (24, 24)
#: A worker that reads a request and never replies.
SLEEPS = (sys.executable, "-c", "import sys, time; sys.stdin.readline(); time.sleep(600)")
#: One that is killed as soon as it has a request.
KILLED_AT_ONCE = (sys.executable, "-c", "import os, sys; sys.stdin.readline(); os.kill(os.getpid(), 9)")
#: A server with a worker that runs the code given.
SERVER = """
import sys
from app.worker import process as worker_process
from app.worker.messages import Open
worker_process.COMMAND = (sys.executable, "-P", "-c", sys.argv[1])
process = worker_process.WorkerProcess()
process.call(Open({}, "first"))
print(process.pid, flush=True)
process.call(Open({}, "second"))
print("idle", flush=True)
input()
"""


@pytest.fixture
def process() -> Iterator[WorkerProcess]:
    process = WorkerProcess()
    yield process
    process.stop()


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    """A folder of images in the folder of data sets, `tmp_path`: read without torchvision, so the worker starts quickly."""
    return ImageFolder(image_folder(tmp_path / "mine", classes=2, each=20), SIZE)


def about(folder: ImageFolder) -> dict[str, object]:
    return {"recipe": "folder", "dataset": folder.name, "image_size": list(SIZE)}


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not happen within a minute"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


# Messages


@pytest.mark.parametrize("request_", [Open({"dataset": "x\n"}, "/a b"), Take({}, ".", [1, 2**62]), Fetch("svhn", "/é")])
def test_a_request_arrives_as_it_was_sent(request_: Open | Take | Fetch) -> None:
    file = io.BytesIO()
    write_request(request_, file)
    assert file.getvalue().count(b"\n") == 1 and read_request(file.getvalue()) == request_


@pytest.mark.parametrize("reply", [Reply(), Reply([b"one\n", b"", b"\xff"]), Reply(digest="d"), Reply(problem="p\n", fault="f")])
def test_a_reply_arrives_as_it_was_sent_and_so_does_the_next(reply: Reply) -> None:
    file = io.BytesIO()
    write_reply(reply, file)
    write_reply(Reply(digest="next"), file)
    file.seek(0)
    arrived = read_reply(file)
    assert (list(arrived.images), arrived.digest, arrived.problem) == (list(reply.images), reply.digest, reply.problem)
    assert arrived.fault == reply.fault and read_reply(file).digest == "next"


def test_a_truncated_reply_is_an_error() -> None:
    file = io.BytesIO()
    write_reply(Reply([b"12345", b"67890"]), file)
    whole = file.getvalue()
    for length in range(len(whole)):
        with pytest.raises(EOFError):
            read_reply(io.BytesIO(whole[:length]))


# Replies


def test_images_are_the_data_sets_own(process: WorkerProcess, folder: ImageFolder, tmp_path: Path) -> None:
    assert process.call(Open(about(folder), str(tmp_path))).digest == folder.digest()
    ids = [39, 0, 17]
    images = process.call(Take(about(folder), str(tmp_path), ids)).images
    shown = [np.asarray(Image.open(io.BytesIO(image)).convert("RGB")) for image in images]
    assert np.array_equal(np.stack(shown), folder.take(np.array(ids)).pixels)


def test_a_request_that_cannot_be_met_is_a_sentence_and_the_process_stays(
    process: WorkerProcess, folder: ImageFolder, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="The images of other are not in"):
        process.call(Open({**about(folder), "dataset": "other"}, str(tmp_path)))
    pid = process.pid
    with pytest.raises(UserError, match="There is no data set 'nothing'"):
        process.call(Fetch("nothing", str(tmp_path)))
    assert process.call(Open(about(folder), str(tmp_path))).digest == folder.digest() and process.pid == pid


def test_a_bug_comes_with_its_traceback_and_the_process_stays(process: WorkerProcess, folder: ImageFolder, tmp_path: Path) -> None:
    with pytest.raises(WorkerFault, match="(?s)Traceback.*KeyError: 'mine has no picture 40'"):
        process.call(Take(about(folder), str(tmp_path), [40]))
    assert process.pid is not None and process.call(Open(about(folder), str(tmp_path))).digest


def test_printed_text_does_not_get_between_the_replies(monkeypatch: pytest.MonkeyPatch, process: WorkerProcess) -> None:
    replies = "lambda _, progress: (print('x' * 9), os.write(1, b'y'), loop.Reply(digest='d'))[2]"
    chatty = f"import os\nfrom app.worker import loop\nloop.reply_to = {replies}\nloop.main()"
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, "-P", "-c", chatty))
    assert [process.call(Open({}, ".")).digest for _ in range(3)] == ["d"] * 3


def test_the_worker_loads_neither_streamlit_nor_torch_before_it_needs_them() -> None:
    code = "import sys, app.worker.loop; print({'streamlit', 'plotly', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_a_folder_called_app_in_the_working_directory_is_not_ours(
    process: WorkerProcess, folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(tmp_path)
    assert process.call(Open(about(folder), str(tmp_path))).digest == folder.digest()


# When it ends


@pytest.mark.parametrize("second", ["loop.Reply()", "(open('begun', 'w').close(), time.sleep(600))"], ids=["idle", "busy"])
def test_it_ends_with_the_server_even_if_that_is_killed(second: str, tmp_path: Path) -> None:
    answers = f"lambda request, progress: {second} if request.datasets == 'second' else loop.Reply()"
    working = f"import time\nfrom app.worker import loop\nloop.reply_to = {answers}\nloop.main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", SERVER, working]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        if "begun" in second:
            until((tmp_path / "begun").exists)
        else:
            assert server.stdout.readline() == b"idle\n"
        assert alive(pid)
        server.kill()
    until(lambda: not alive(pid))


def test_it_is_stopped_when_idle_and_starts_again(folder: ImageFolder, tmp_path: Path) -> None:
    process = WorkerProcess(idle=0.3)
    assert process.call(Open(about(folder), str(tmp_path))).digest == folder.digest()
    pid = process.pid
    assert pid is not None
    until(lambda: not alive(pid))
    assert process.pid is None
    assert process.call(Open(about(folder), str(tmp_path))).digest == folder.digest() and process.pid != pid
    process.stop()


def test_ctrl_c_is_for_the_server_alone(process: WorkerProcess, folder: ImageFolder, tmp_path: Path) -> None:
    process.call(Open(about(folder), str(tmp_path)))
    pid = process.pid
    os.kill(pid, signal.SIGINT)
    assert process.call(Open(about(folder), str(tmp_path))).digest and process.pid == pid


def test_killed_while_busy_it_is_a_sentence_and_the_next_request_starts_another(
    process: WorkerProcess, folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "COMMAND", SLEEPS)

    def kill() -> None:
        until(lambda: process.pid is not None)
        os.kill(process.pid or 0, signal.SIGKILL)

    with ThreadPoolExecutor(1) as threads:
        killing = threads.submit(kill)
        with pytest.raises(WorkerLost, match="was killed, as happens when memory is short, before it replied; try again"):
            process.call(Open(about(folder), str(tmp_path)))
        killing.result()
    monkeypatch.setattr(worker_process, "COMMAND", COMMAND)
    assert process.call(Open(about(folder), str(tmp_path))).digest == folder.digest()


def test_killed_while_idle_it_is_not_noticed(process: WorkerProcess, folder: ImageFolder, tmp_path: Path) -> None:
    process.call(Open(about(folder), str(tmp_path)))
    pid = process.pid
    os.kill(pid or 0, signal.SIGKILL)
    until(lambda: process.pid is None)
    assert process.call(Open(about(folder), str(tmp_path))).digest == folder.digest() and process.pid not in (pid, None)


def test_a_worker_that_cannot_be_started_is_a_sentence(process: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "COMMAND", ("/nowhere/python",))
    with pytest.raises(WorkerLost, match="could not be started"):
        process.call(Open({}, "."))


# What a page shows then


def test_a_page_says_so_instead_of_images_and_has_them_the_next_time(
    process: WorkerProcess, folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFRAMP_DATASETS", str(tmp_path))
    monkeypatch.setattr(pictures, "worker", process)
    outputs = replace(synthetic.outputs(examples=60), ids=np.arange(60) - 20)  # test examples come last: 20 of the folder's 40 images
    made = {**about(folder), "dataset_digest": folder.digest()}
    entry = Entry("bare", write_bundle(synthetic.draft(outputs, "bare", images=(), provenance=made), tmp_path / "bundles" / "bare"))

    monkeypatch.setattr(worker_process, "COMMAND", KILLED_AT_ONCE)
    album = pictures.album(entry)
    assert album.pictures is None and album.missing.startswith("No image. The process that handles data sets was killed")
    monkeypatch.setattr(worker_process, "COMMAND", COMMAND)
    album = pictures.album(entry)
    assert album.pictures is not None and len(album.pictures.many([20, 21])) == 2

    # Killed after it opened the data set: images that were not read yet are missing, and the next time all are there.
    process.stop()
    monkeypatch.setattr(worker_process, "COMMAND", KILLED_AT_ONCE)
    with pytest.raises(WorkerLost):
        album.pictures.many([20, 22])
    assert album.pictures.many([20])[0], "what was read is kept"
    assert "was killed" in pictures.album(entry).missing
    monkeypatch.setattr(worker_process, "COMMAND", COMMAND)
    again = pictures.album(entry)
    assert again.pictures is not album.pictures and all(again.pictures.many([20, 22, 39]))
