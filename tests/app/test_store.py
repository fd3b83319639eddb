"""What all visitors share: made once, made again when the files have changed, and dropped when there is no room."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app import store
from app.byte_cache import ByteCache
from engine.bundle.bundle import read_bundle, write_bundle
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.sweep import run_sweep
from tests import synthetic


class Counted:
    """Stands in for a function of the engine and counts its calls."""

    def __init__(self, function) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        return self.function(*arguments, **options)


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return written(tmp_path, "tiny")


def written(folder: Path, name: str, seed: int = 0) -> Entry:
    return Entry(name, write_bundle(synthetic.draft(synthetic.outputs(examples=90, seed=seed), name), folder / name))


def test_forty_visitors_fit_a_policy_once(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "run_sweep", counted := Counted(run_sweep))
    with ThreadPoolExecutor(40) as visitors:
        sweeps = list(visitors.map(lambda _: store.swept(entry, "maxprob", "macs"), range(40)))
    assert counted.calls == 1 and all(sweep is sweeps[0] for sweep in sweeps)


def test_a_bundle_that_was_replaced_is_opened_and_swept_again(entry: Entry, tmp_path: Path) -> None:
    before = store.opened(entry), store.swept(entry, "maxprob", "macs")
    assert (store.opened(entry), store.swept(entry, "maxprob", "macs")) == before
    written(tmp_path, "tiny", seed=1)
    after = store.opened(entry), store.swept(entry, "maxprob", "macs")
    assert after[0] is not before[0] and after[1] is not before[1]


def test_a_bundle_that_was_damaged_is_noticed(entry: Entry) -> None:
    assert store.title(entry) == store.opened(entry).title
    (entry.folder / "logits.safetensors").write_bytes(b"")
    for read in (store.title, store.opened):
        with pytest.raises(UserError, match="logits.safetensors"):
            read(entry)


def test_titles_outlive_their_bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing more bundles than there is room for must not open each of them every time."""
    monkeypatch.setattr(store, "_bundles", ByteCache(1, lambda bundle: bundle.nbytes))
    monkeypatch.setattr(store, "read_bundle", counted := Counted(read_bundle))
    many = [written(tmp_path, f"b{i}") for i in range(4)]
    for _ in range(3):
        assert [store.title(one) for one in many] == ["A tiny bundle"] * 4
    assert counted.calls == 4 and len(store._bundles) == 1


def test_the_bytes_of_a_bundle_are_those_of_its_arrays(entry: Entry) -> None:
    """A bundle read from its files, whose logits are mapped and not counted, and the same outputs in memory."""
    opened = store.opened(entry)
    outputs = opened.outputs
    exits, examples = outputs.prediction.shape
    scores, factors = len(outputs.scores), len(outputs.factors)
    split, ids = outputs.split.itemsize, 8
    costs = sum(cost.nbytes for cost in outputs.stage_cost.values())
    correct = exits  # a byte for each exit, computed when it is first needed
    expected = costs + examples * (4 * exits * (1 + scores) + correct + 4 + ids + split + 4 * factors)
    assert outputs.nbytes == expected
    assert opened.nbytes == expected + opened.top.classes.nbytes + opened.top.probability.nbytes + opened.images.nbytes
    assert synthetic.outputs(examples=90).nbytes == expected + outputs.logits.nbytes


def test_a_deleted_bundle_cannot_be_opened(entry: Entry) -> None:
    store.opened(entry)
    shutil.rmtree(entry.folder)
    with pytest.raises(UserError):
        store.opened(entry)
