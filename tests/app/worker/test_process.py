"""The process that reads data sets for the page: what it answers, when it ends, and what becomes of a request if it is killed."""

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
#: A worker that reads a request and never answers.
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
process.ask(Open({}, "first"))
print(process.pid, flush=True)
process.ask(Open({}, "second"))
print("rests", flush=True)
input()
"""


@pytest.fixture
def process() -> Iterator[WorkerProcess]:
    process = WorkerProcess()
    yield process
    process.stop()


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    """A folder of pictures among the data sets, which are in `tmp_path`: read without torch's data sets, so the worker is soon ready."""
    return ImageFolder(image_folder(tmp_path / "mine", classes=2, each=20), SIZE)


def about(folder: ImageFolder) -> dict[str, object]:
    return {"recipe": "folder", "dataset": folder.name, "image_size": list(SIZE)}


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for yet does not."""
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


@pytest.mark.parametrize("answer", [Reply(), Reply([b"one\n", b"", b"\xff"]), Reply(digest="d"), Reply(problem="p\n", fault="f")])
def test_so_does_an_answer_and_the_next_one_after_it(answer: Reply) -> None:
    file = io.BytesIO()
    write_reply(answer, file)
    write_reply(Reply(digest="next"), file)
    file.seek(0)
    found = read_reply(file)
    assert (list(found.pictures), found.digest, found.problem) == (list(answer.pictures), answer.digest, answer.problem)
    assert found.fault == answer.fault and read_reply(file).digest == "next"


def test_an_answer_that_breaks_off_is_none() -> None:
    file = io.BytesIO()
    write_reply(Reply([b"12345", b"67890"]), file)
    whole = file.getvalue()
    for length in range(len(whole)):
        with pytest.raises(EOFError):
            read_reply(io.BytesIO(whole[:length]))


# What it answers


def test_pictures_are_the_data_sets_own(process: WorkerProcess, folder: ImageFolder, tmp_path: Path) -> None:
    assert process.ask(Open(about(folder), str(tmp_path))).digest == folder.digest()
    ids = [39, 0, 17]
    found = process.ask(Take(about(folder), str(tmp_path), ids)).pictures
    shown = [np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")) for picture in found]
    assert np.array_equal(np.stack(shown), folder.take(np.array(ids)).pixels)


def test_what_cannot_be_had_is_a_sentence_and_the_process_stays(process: WorkerProcess, folder: ImageFolder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="The pictures of other are not in"):
        process.ask(Open({**about(folder), "dataset": "other"}, str(tmp_path)))
    pid = process.pid
    with pytest.raises(UserError, match="There is no data set 'nothing'"):
        process.ask(Fetch("nothing", str(tmp_path)))
    assert process.ask(Open(about(folder), str(tmp_path))).digest == folder.digest() and process.pid == pid


def test_a_fault_of_ours_comes_with_its_traceback_and_the_process_stays(
    process: WorkerProcess, folder: ImageFolder, tmp_path: Path
) -> None:
    with pytest.raises(WorkerFault, match="(?s)Traceback.*KeyError: 'mine has no picture 40'"):
        process.ask(Take(about(folder), str(tmp_path), [40]))
    assert process.pid is not None and process.ask(Open(about(folder), str(tmp_path))).digest


def test_what_is_printed_in_it_does_not_end_up_between_the_answers(monkeypatch: pytest.MonkeyPatch, process: WorkerProcess) -> None:
    replies = "lambda _: (print('x' * 9), os.write(1, b'y'), loop.Reply(digest='d'))[2]"
    chatty = f"import os\nfrom app.worker import loop\nloop.answered = {replies}\nloop.main()"
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, "-P", "-c", chatty))
    assert [process.ask(Open({}, ".")).digest for _ in range(3)] == ["d"] * 3


def test_neither_streamlit_nor_torch_is_loaded_before_it_is_needed() -> None:
    code = "import sys, app.worker.loop; print({'streamlit', 'plotly', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_a_folder_named_as_ours_where_the_server_was_started_is_not_taken_for_it(
    process: WorkerProcess, folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(tmp_path)
    assert process.ask(Open(about(folder), str(tmp_path))).digest == folder.digest()


# When it ends


@pytest.mark.parametrize("second", ["loop.Reply()", "(open('begun', 'w').close(), time.sleep(600))"], ids=["resting", "at work"])
def test_it_ends_with_the_server_even_if_that_is_killed(second: str, tmp_path: Path) -> None:
    answers = f"lambda request: {second} if request.datasets == 'second' else loop.Reply()"
    working = f"import time\nfrom app.worker import loop\nloop.answered = {answers}\nloop.main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", SERVER, working]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        if "begun" in second:
            until((tmp_path / "begun").exists)
        else:
            assert server.stdout.readline() == b"rests\n"
        assert alive(pid)
        server.kill()
    until(lambda: not alive(pid))


def test_it_is_stopped_when_it_has_rested_and_starts_again(folder: ImageFolder, tmp_path: Path) -> None:
    process = WorkerProcess(rest=0.3)
    assert process.ask(Open(about(folder), str(tmp_path))).digest == folder.digest()
    pid = process.pid
    assert pid is not None
    until(lambda: not alive(pid))
    assert process.pid is None
    assert process.ask(Open(about(folder), str(tmp_path))).digest == folder.digest() and process.pid != pid
    process.stop()


def test_ctrl_c_is_for_the_server_alone(process: WorkerProcess, folder: ImageFolder, tmp_path: Path) -> None:
    process.ask(Open(about(folder), str(tmp_path)))
    pid = process.pid
    os.kill(pid, signal.SIGINT)
    assert process.ask(Open(about(folder), str(tmp_path))).digest and process.pid == pid


def test_killed_while_it_works_it_is_a_sentence_and_the_next_request_starts_another(
    process: WorkerProcess, folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "COMMAND", SLEEPS)

    def kill() -> None:
        until(lambda: process.pid is not None)
        os.kill(process.pid or 0, signal.SIGKILL)

    with ThreadPoolExecutor(1) as threads:
        killing = threads.submit(kill)
        with pytest.raises(WorkerLost, match="was killed, as happens where memory is short, before it had answered; try again"):
            process.ask(Open(about(folder), str(tmp_path)))
        killing.result()
    monkeypatch.setattr(worker_process, "COMMAND", COMMAND)
    assert process.ask(Open(about(folder), str(tmp_path))).digest == folder.digest()


def test_killed_while_it_rests_it_is_not_even_noticed(process: WorkerProcess, folder: ImageFolder, tmp_path: Path) -> None:
    process.ask(Open(about(folder), str(tmp_path)))
    pid = process.pid
    os.kill(pid or 0, signal.SIGKILL)
    until(lambda: process.pid is None)
    assert process.ask(Open(about(folder), str(tmp_path))).digest == folder.digest() and process.pid not in (pid, None)


def test_one_that_cannot_be_started_is_a_sentence(process: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "COMMAND", ("/nowhere/python",))
    with pytest.raises(WorkerLost, match="could not be started"):
        process.ask(Open({}, "."))


# What a page makes of that


def test_a_page_says_so_in_place_of_the_pictures_and_has_them_at_the_next_look(
    process: WorkerProcess, folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFRAMP_DATASETS", str(tmp_path))
    monkeypatch.setattr(pictures, "worker", process)
    outputs = replace(synthetic.outputs(examples=60), ids=np.arange(60) - 20)  # test examples come last: 20 of the folder's 40 pictures
    made = {**about(folder), "dataset_digest": folder.digest()}
    entry = Entry("bare", write_bundle(synthetic.draft(outputs, "bare", images=(), provenance=made), tmp_path / "bundles" / "bare"))

    monkeypatch.setattr(worker_process, "COMMAND", KILLED_AT_ONCE)
    found = pictures.album(entry)
    assert found.pictures is None and found.missing.startswith("No picture here. The process that handles data sets was killed")
    monkeypatch.setattr(worker_process, "COMMAND", COMMAND)
    found = pictures.album(entry)
    assert found.pictures is not None and len(found.pictures.many([20, 21])) == 2

    # Killed when it had opened the data set: no picture that was not read yet can be had, and then all can.
    process.stop()
    monkeypatch.setattr(worker_process, "COMMAND", KILLED_AT_ONCE)
    with pytest.raises(WorkerLost):
        found.pictures.many([20, 22])
    assert found.pictures.many([20])[0], "what was read is kept"
    assert "was killed" in pictures.album(entry).missing
    monkeypatch.setattr(worker_process, "COMMAND", COMMAND)
    again = pictures.album(entry)
    assert again.pictures is not found.pictures and all(again.pictures.many([20, 22, 39]))
