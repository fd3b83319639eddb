"""One writer at a time for a bundle, and a disk on which there is no more room."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors import SafetensorError

from engine.bundle import bundle as bundle_module
from engine.bundle.bundle import read_bundle, write_bundle
from engine.bundle.lock import writing
from engine.errors import UserError
from engine.importing.importer import import_file
from engine.importing.templates import write_template
from engine.storage import tensors
from tests.engine.bundle.test_bundle import draft, outputs, same_outputs

BUSY = "is being written by another process; wait until it is done, or choose another place with --out."
OLD, NEW = outputs(examples=30, seed=1), outputs(examples=33, seed=2)
HOLDER = """
import sys, time
from pathlib import Path
from engine.bundle.lock import writing
with writing(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that is writing the bundle `tiny`."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "tiny")], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_until_the_first_one_dies(tmp_path, holder):
    file = write_template("confidence", tmp_path / "a.npz")
    tries = (
        lambda: write_bundle(draft(NEW), tmp_path / "tiny"),
        lambda: import_file(file, "tiny", out=tmp_path / "tiny"),
    )
    for write in tries:
        with pytest.raises(UserError) as refused:
            write()
        assert str(refused.value) == f"{tmp_path / 'tiny'} {BUSY}"
    write_bundle(draft(OLD), tmp_path / "other")  # another place is free
    holder.kill()
    holder.wait()
    write_bundle(draft(NEW), tmp_path / "tiny")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "other", "tiny"]


def test_a_lock_may_be_nested_but_not_taken_by_another_thread(tmp_path):
    refusals = []

    def write():
        try:
            write_bundle(draft(NEW), tmp_path / "tiny")
        except UserError as refused:
            refusals.append(str(refused))

    with writing(tmp_path / "tiny"), writing(tmp_path / "tiny"):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        write_bundle(draft(OLD), tmp_path / "tiny")
    assert refusals == [f"{tmp_path / 'tiny'} {BUSY}"]
    assert same_outputs(read_bundle(tmp_path / "tiny").outputs, OLD)


def test_many_writers_take_turns(tmp_path):
    """The lock is removed and made again by each, and never held by two at once."""
    inside, most, refused = 0, 0, 0
    count = threading.Lock()

    def work():
        nonlocal inside, most, refused
        for _ in range(50):
            try:
                with writing(tmp_path / "tiny"):
                    with count:
                        inside += 1
                        most = max(most, inside)
                    with count:
                        inside -= 1
            except UserError:
                refused += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1 and refused < 200 and not list(tmp_path.iterdir())


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_in_rust(*_, **__):
    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


WRITES = [
    (pq, "write_table", full),
    (tensors, "save_file", full_in_rust),
    (os, "fsync", full),
    (bundle_module, "write_synced", full),
    (Path, "mkdir", full),
]


@pytest.mark.parametrize(("owner", "name", "fail"), WRITES, ids=[name for _, name, _ in WRITES])
def test_a_full_disk_is_reported_and_leaves_the_earlier_bundle(tmp_path, monkeypatch, owner, name, fail):
    folder = write_bundle(draft(OLD), tmp_path / "tiny")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        with pytest.raises(UserError) as refused:
            write_bundle(draft(NEW), folder)
    sentence = f"{folder} cannot be written because the disk is full; free some space, or choose another place with --out."
    assert str(refused.value) == sentence
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"], "something half-written was left"
    assert same_outputs(read_bundle(folder).outputs, OLD)


def test_a_swap_that_fails_puts_the_earlier_bundle_back(tmp_path, monkeypatch):
    folder = write_bundle(draft(OLD), tmp_path / "tiny")
    rename = Path.rename

    def once_full(path, target):
        if path.name == "tiny.new":
            full()
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", once_full)
        with pytest.raises(UserError, match="because the disk is full"):
            write_bundle(draft(NEW), folder)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    assert same_outputs(read_bundle(folder).outputs, OLD)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("kilobytes", [1, 20, 200])
def test_an_import_stops_where_the_system_lets_it_write_no_more(tmp_path, kilobytes):
    """A real failure of the system, at several places: no file may be larger than this."""
    import resource

    rng = np.random.default_rng(0)
    arrays = {"logits": rng.normal(size=(2, 5000, 10)).astype(np.float32), "labels": rng.integers(10, size=5000), "cost": [1.0, 2.0]}
    np.savez(tmp_path / "a.npz", **arrays)
    command = [sys.executable, "-m", "engine", "import", str(tmp_path / "a.npz"), "--id", "b", "--out", str(tmp_path / "b")]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000 * kilobytes, 1000 * kilobytes))

    run = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert run.returncode == 2, run.stderr
    assert run.stderr.splitlines()[-1] == f"{tmp_path / 'b'} cannot be written (File too large); choose another place with --out."
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
