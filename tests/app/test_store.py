"""What all visitors share: made once, made again when the files have changed, and forgotten when there is no room."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app import shown as pages
from app import store
from app.byte_cache import ByteCache
from engine.bundle.bundle import read_bundle, write_bundle
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.sweep import sweep
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
    monkeypatch.setattr(store, "sweep", counted := Counted(sweep))
    with ThreadPoolExecutor(40) as visitors:
        found = list(visitors.map(lambda _: store.swept(entry, "maxprob", "macs"), range(40)))
    assert counted.calls == 1 and all(one is found[0] for one in found)


def test_a_bundle_that_was_replaced_is_opened_and_swept_anew(entry: Entry, tmp_path: Path) -> None:
    before = store.opened(entry), store.swept(entry, "maxprob", "macs")
    assert (store.opened(entry), store.swept(entry, "maxprob", "macs")) == before
    written(tmp_path, "tiny", seed=1)
    after = store.opened(entry), store.swept(entry, "maxprob", "macs")
    assert after[0] is not before[0] and after[1] is not before[1]


def test_one_that_breaks_is_noticed(entry: Entry) -> None:
    assert store.title(entry) == store.opened(entry).title
    (entry.folder / "logits.safetensors").write_bytes(b"")
    for ask in (store.title, store.opened):
        with pytest.raises(UserError, match="logits.safetensors"):
            ask(entry)


def test_titles_outlive_their_bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more bundles than there is room for, listing them must not open each of them every time."""
    monkeypatch.setattr(store, "_bundles", ByteCache(1, lambda bundle: bundle.nbytes))
    monkeypatch.setattr(store, "read_bundle", counted := Counted(read_bundle))
    many = [written(tmp_path, f"b{i}") for i in range(4)]
    for _ in range(3):
        assert [store.title(one) for one in many] == ["A tiny bundle"] * 4
    assert counted.calls == 4 and len(store._bundles) == 1


def test_what_is_counted_is_what_arrays_take(entry: Entry) -> None:
    """A bundle read from its files, whose logits are mapped and not counted, and the same outputs in memory."""
    opened = store.opened(entry)
    outputs = opened.outputs
    exits, examples = outputs.prediction.shape
    scores, factors = len(outputs.scores), len(outputs.factors)
    split, ids = outputs.split.itemsize, 8
    said = examples * (4 * exits * (1 + scores) + 4 + ids + split + 4 * factors)
    assert outputs.nbytes == said
    assert opened.nbytes == said + opened.top.classes.nbytes + opened.top.probability.nbytes + opened.images.nbytes
    assert synthetic.outputs(examples=90).nbytes == said + outputs.logits.nbytes


def test_payloads_are_kept_within_their_bytes(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    size = pages._bytes(pages.payload(entry, "maxprob", "macs"))
    monkeypatch.setattr(pages, "_payloads", ByteCache(int(2.5 * size), pages._bytes))
    for policy in ("maxprob", "entropy", "margin", "energy"):
        assert pages.payload(entry, policy, "macs") is pages.payload(entry, policy, "macs")
    assert 1 < len(pages._payloads) < 4 and pages._payloads.held <= 2.5 * size


def test_the_bytes_of_a_payload_are_those_of_its_parts() -> None:
    assert pages._bytes({"a": "x" * 1000, "b": ["y" * 2000, 1.5]}) > 3000
    assert pages._bytes({"a": "x" * 1000}) - pages._bytes({"a": "x"}) == 999


def test_a_bundle_gone_is_gone(entry: Entry) -> None:
    store.opened(entry)
    shutil.rmtree(entry.folder)
    with pytest.raises(UserError):
        store.opened(entry)
