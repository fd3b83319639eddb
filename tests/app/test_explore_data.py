"""The data of the live block is small: it holds the sentence, the front and addresses."""

import json
from pathlib import Path

from app import resources, store
from app.explore_data import data_of
from app.selection import select
from app.shown import Shown
from app.wording import budget_sentence
from app.worker.pictures import Album
from engine.bundle.bundle import add_measured, read_bundle
from engine.bundle.library import Entry, entries
from tests.app.samples import show, write_sample
from tests.measured import fresh
from tests.thorough import variants


def data(shown: Shown, folder: Path, budget: float = 0.5) -> dict:
    entry = Entry("tiny", folder / "bundles" / "tiny")
    selection = select({"tiny": entry}, {"unit": shown.sweep.unit})
    return data_of(selection, shown, Album(shown.bundle.images), budget)


def test_it_is_small_for_every_shipped_bundle() -> None:
    whole = {entry.id: entry for entry in entries()}
    for name in variants(list(whole), "doodles", "simulated-llm-log"):
        entry = whole[name]
        shown = Shown.of(entry, "maxprob", next(iter(store.opened(entry).outputs.stage_cost)))
        selection = select(whole, {"bundle": entry.id})
        size = len(json.dumps(data_of(selection, shown, Album(shown.bundle.images), 0.25), allow_nan=False, separators=(",", ":")))
        assert size < 30_000, (entry.id, size)


def test_the_first_sentence_is_that_of_the_budget_in_the_address(tmp_path: Path) -> None:
    shown = show(read_bundle(write_sample(tmp_path)))
    for step in (0, 17, len(shown.sweep.budgets) - 1):
        assert data(shown, tmp_path, float(shown.sweep.budgets[step]))["first"]["sentence"] == budget_sentence(shown.sweep, step)


def test_addresses_are_relative_and_change_with_the_content(tmp_path: Path) -> None:
    first = data(show(read_bundle(write_sample(tmp_path))), tmp_path)["resources"]
    assert not any(address.startswith(("/", "http")) for address in first.values())
    other = data(show(read_bundle(write_sample(tmp_path, seed=5))), tmp_path)["resources"]
    assert all(first[name] != other[name] for name in first)
    resources._resources = type(resources._resources)(48_000_000, resources._resources._size)  # forgotten, and made again
    assert data(show(read_bundle(tmp_path / "bundles" / "tiny")), tmp_path)["resources"] == other


def test_real_runs_go_with_the_unit_they_belong_to(tmp_path: Path) -> None:
    folder = write_sample(tmp_path, examples=300)
    none = data(show(read_bundle(folder)), tmp_path)
    assert none["speedupVerdict"] == [] and none["front"]["runs"] == []
    add_measured(folder, [fresh(1), fresh(32, joules=True)])
    bundle = read_bundle(folder)
    for unit, sizes in {"macs": (1, 32), "ms_batch_1": (1,), "ms_batch_32": (32,), "joules_batch_32": ()}.items():
        payload = data(show(bundle, unit=unit), tmp_path)
        drawn = sizes if unit.startswith("ms") else ()  # times have no place on another axis
        assert sorted({run["label"] for run in payload["front"]["runs"]}) == sorted(str(size) for size in drawn)
        assert payload["front"]["runsUnit"] == ("ms_batch_1" if unit == "macs" else None)
        assert [sentence.split(" on ")[0] for sentence in payload["speedupVerdict"]] == [f"Batch {size}" for size in sizes]
