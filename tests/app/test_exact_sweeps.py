"""The figures of all examples of a large bundle: a worker computes them, they are kept, and it ends when the last visitor leaves."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app import explore_route, store
from app.shared_jobs import SharedJobs
from app.shown import Shown
from app.worker import process as worker_process
from engine.analysis.kept_sweeps import kept_at
from engine.bundle.library import Entry
from tests.app.test_explore_route import Visitor
from tests.coroutines import run
from tests.large import large_bundle
from tests.synthetic import outputs

MADE = outputs(examples=1500, seed=70, shuffled=True)
QUERY = "bundle=large&policy=maxprob"
#: A worker that reports progress for ever, and writes its process id where the test finds it.
BUSY = """
import os, sys, time
from pathlib import Path
from app.worker import loop

def busy(request, progress):
    Path({place!r}).write_text(str(os.getpid()))
    for done in range(100_000):
        progress(done % 100, 100)
        time.sleep(0.02)

loop.reply_to = busy
loop.main()
"""


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entry]:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    monkeypatch.setattr(explore_route, "exact_sweeps", SharedJobs(1))
    large_bundle(MADE, tmp_path / "bundles" / "large")
    yield Entry("large", tmp_path / "bundles" / "large")
    assert len(explore_route.exact_sweeps) == 0


def visitor() -> Visitor:
    return Visitor(QUERY, "/offramp/exact")


def exact(entry: Entry) -> bool:
    shown = Shown.of(entry, "maxprob", "macs")
    return not shown.is_sampled and shown.sweep.examples == 500


def test_they_are_computed_once_and_kept(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "sampled" in explore(entry)
    first = visitor()
    run(first.visit())
    assert first.lines[-1]["data"]["tested"] == 500 and "sampled" not in first.lines[-1]["data"]
    assert exact(entry) and kept_at(store.opened(entry), "maxprob", "macs").is_file()
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    again = visitor()
    run(again.visit())
    assert again.lines[-1]["data"]["tested"] == 500


def explore(entry: Entry) -> dict:
    before = Visitor(QUERY)
    run(before.visit())
    return before.lines[-1]["data"]


def test_counts_of_classes_and_levels_are_those_of_all_examples(entry: Entry) -> None:
    run(visitor().visit())
    sweep, test = Shown.of(entry, "maxprob", "macs").sweep, MADE.test()
    counts = sweep.subsets.counts
    assert counts.examples[: MADE.classes].tolist() == np.bincount(test.labels, minlength=MADE.classes).tolist()
    for point in (0, 70, 200):
        exit = sweep.rules[point].route(test).exit
        of_class = [[int(np.count_nonzero((test.labels == c) & (exit == k))) for k in range(test.exits)] for c in range(MADE.classes)]
        assert counts.by_exit(counts.left)[: MADE.classes, point].tolist() == of_class
    levels = counts.examples[MADE.classes :].reshape(-1, 3)
    assert (levels.sum(axis=1) == test.examples).all() and (levels > 0).all()


def test_where_the_folder_cannot_be_written_they_are_kept_in_memory(entry: Entry, tmp_path: Path) -> None:
    (tmp_path / "sweeps").write_text("not a folder")
    run(visitor().visit())
    assert exact(entry)


@pytest.mark.parametrize("stale", ["not JSON", '{"examples": 500}'])
def test_figures_that_do_not_fit_are_computed_again(stale: str, entry: Entry) -> None:
    place = kept_at(store.opened(entry), "maxprob", "macs")
    place.parent.mkdir()
    place.write_text(stale)
    run(visitor().visit())
    assert exact(entry) and json.loads(place.read_bytes())["examples"] == 500


def test_when_the_last_visitor_leaves_the_worker_ends(entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "pid"
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, "-P", "-c", BUSY.format(place=str(place))))
    leaving = visitor()

    async def leave_when_it_works() -> None:
        visit = asyncio.create_task(leaving.visit())
        while not place.exists():
            await asyncio.sleep(0.02)
        leaving.gone.set()
        await visit

    run(leave_when_it_works())
    assert gone(int(place.read_text()))
    assert Shown.of(entry, "maxprob", "macs").is_sampled


def gone(pid: int) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.02)
    return False


def test_a_worker_that_is_killed_is_told_in_a_sentence(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, "-c", "import os, sys; sys.stdin.readline(); os.kill(os.getpid(), 9)"))
    failing = visitor()
    run(failing.visit())
    told = failing.lines[-1]["error"]
    assert "computes the figures of all examples was killed, as happens when memory is short," in told
    assert Shown.of(entry, "maxprob", "macs").is_sampled
