"""Whatever a file holds, the answer is a bundle or one sentence, and every sentence that files can lead to is reached."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from engine.bundle.bundle import read_bundle
from engine.errors import UserError
from engine.importing.readers.separate_process import ImportTask, Worker
from tests.engine.importing.bombs import BOMBS, odd_files
from tests.engine.importing.malformed import OPTIONS, changed_file, invalid_files
from tests.engine.importing.outcomes import MOST, memory_of, outcome
from tests.engine.importing.watched_worker import places, reached, watched

CHANGED = 280
#: What the worker may take in all, as seen from outside: its libraries, the limit, and the buffers of any task.
WITHIN = 2 * MOST + 128 * 2**20

#: Refusals that no file leads to, and why. The test fails if one of them is reached after all.
NOT_FROM_FILES = {
    "importing/budget.py check_batches 1": "of files of more than 200,000 rows, see test_large.py",
    "importing/checks.py whole_numbers 1": "text is refused or numbered before, and no other type gets past the readers",
    "importing/frames.py _table 1": "of frames in memory",
    "importing/frames.py _table 2": "of frames in memory",
    "importing/ids.py numbered 2": "two ids with the same hash of 64 bits",
    "importing/importer.py replaces 1": "of the place of the bundle",
    "importing/notebook.py _options 1": "of options in a notebook",
    "importing/notebook.py _started 1": "of the server of the page",
    **{f"importing/options.py __post_init__ {number}": "of options" for number in range(1, 6)},
    "importing/readers/separate_process.py _answer 1": "it repeats the sentence of the worker",
    "importing/readers/separate_process.py out_of_memory 1": "tested below: of files whose memory the system refuses",
    "importing/options.py named 1": "of options",
    "importing/readers/separate_process.py _too_slow 1": "tested below: the process that waits words it",
    **{f"importing/templates.py write_template {number}": "of example files" for number in range(1, 5)},
}


#: Of the benchmark's ten thousand, one of each kind that ended in a traceback, in two sentences or with the name of an object.
ONCE_NEITHER = (100261, 100893, 101125, 101798, 102054, 106951, 107028, 109003)


def test_every_file_is_imported_or_refused_and_every_sentence_is_reached(tmp_path, monkeypatch):
    files = tmp_path / "files"
    files.mkdir()
    tasks = [*invalid_files(files), *((path, {}) for path in odd_files(files))]
    tasks += [(changed_file(files, seed), OPTIONS[seed % len(OPTIONS)]) for seed in (*range(CHANGED), *ONCE_NEITHER)]
    for name in (
        "constant_rows.parquet",
        "many_columns.parquet",
        "many_rows.parquet",
        "names_of_its_own.jsonl",
        "same_names.npz",
        "deep_lists.jsonl",
    ):
        BOMBS[name](files / name)
        tasks.append((files / name, {}))
    assert len(tasks) >= 500
    refusals, workers, problems = [], set(), []
    with watched(Worker(), tmp_path / "notes", monkeypatch) as worker:
        for path, options in tasks:
            try:
                refusals.append(outcome(worker, path, options))
            except Exception as problem:
                problems.append(f"{path.name} {options}: {problem}")
            workers.add(worker.pid)
    assert not problems, "\n".join(problems)
    assert 15 < refusals.count("") < len(tasks) - 300, "too few files of one kind for the test to mean anything"
    assert len(workers - {None}) <= 5, "the worker is not reused"
    # Files of more than 200,000 rows are read by a package of its own, see test_large.py.
    known = {name: place for name, place in places("engine/importing").items() if not name.startswith("importing/large/")}
    unreached = set(known) - reached(tmp_path / "notes", known)
    assert unreached == set(NOT_FROM_FILES)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_files_that_are_small_on_disk_and_large_in_memory_are_refused_cheaply(tmp_path):
    imported = []
    with Worker() as worker, memory_of(worker) as peaks:
        for name, write in BOMBS.items():
            write(tmp_path / name)
            assert 512 * (tmp_path / name).stat().st_blocks < 50 * 2**20, f"{name} is not small"
            if not outcome(worker, tmp_path / name, {}):
                imported.append(name)
            (tmp_path / name).unlink()
    assert not imported
    assert 64 * 2**20 < peaks[-1] < WITHIN


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_the_limit_holds_whatever_the_file_declares(tmp_path, monkeypatch):
    """As if an estimate were far too low: the system refuses the memory, and the sentence is the one for damaged files."""
    np.savez_compressed(tmp_path / "a.npz", correct=np.ones((50, 500_000), bool), stage_cost=np.arange(1, 51))
    monkeypatch.setenv("OFFRAMP_EXTENSIONS", str(tmp_path / "extensions"))
    (tmp_path / "extensions").mkdir()
    (tmp_path / "extensions" / "low.py").write_text("from engine.importing import budget\nbudget.memory_for_arrays = lambda *_: 1\n")
    with Worker() as worker, memory_of(worker) as peaks:
        sentence = outcome(worker, tmp_path / "a.npz", {}, 64 * 2**20)
    assert sentence == (
        "a.npz is damaged, or its import takes more than the 64 MiB of memory allowed; give fewer rows, or raise the limit, for"
        " example with --most-memory 128M."
    )
    assert peaks[-1] < WITHIN


def test_an_import_that_takes_too_long_is_ended(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", logits=rng.normal(size=(3, 50_000, 20)), labels=rng.integers(20, size=50_000), cost=[1, 2, 3])
    folder = tmp_path / "bundle"
    with Worker() as worker:
        with pytest.raises(UserError) as refused:
            worker.import_file(ImportTask(tmp_path / "a.npz", "x", folder, seconds=0.3))
        limit = "took longer than the 0.005 minutes allowed for its size; give fewer rows, or raise the limit, for example with"
        assert str(refused.value) == f"The import of a.npz {limit} --most-minutes 0.01."
        assert worker.pid is None and [path.name for path in tmp_path.iterdir()] == ["a.npz"]
        worker.import_file(ImportTask(tmp_path / "a.npz", "x", folder))  # by a new process
    assert read_bundle(folder).outputs.examples == 50_000


def test_a_worker_ends_with_the_process_that_started_it(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from engine.importing.readers.separate_process import Worker\n"
        "worker = Worker(); worker._sent({'task': 'read', 'path': 'x', 'most': 1}); print(worker.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()
    deadline = time.monotonic() + 30
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
