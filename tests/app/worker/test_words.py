"""What words do, asked by the page's process and answered by its worker."""

from pathlib import Path

import numpy as np
import pytest

from app import store
from app.worker import words
from app.worker.process import WorkerProcess
from engine.bundle.bundle import write_bundle
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.paths import bundles_folder
from engine.splits import Split
from tests import synthetic
from tests.sentences import assert_one_sentence


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch):
    process = WorkerProcess()
    monkeypatch.setattr(words, "worker", process)
    yield process
    process.stop()


def test_the_network_of_the_shipped_reviews_is_asked(worker: WorkerProcess) -> None:
    bundle = store.opened(Entry("phrases", bundles_folder() / "phrases"))
    assert bundle.texts is not None
    (text,) = bundle.texts[np.flatnonzero(bundle.outputs.split == Split.TEST)[[3]]]
    answer = words.words_of(bundle, 3)
    assert answer is not None
    assert [text[int(begin) : int(end)] for begin, end, *_ in answer] == text.split()
    effects = np.array([effect for _, _, *effect in answer])
    assert effects.shape == (len(text.split()), bundle.outputs.exits) and np.abs(effects).max() > 0.01 and np.abs(effects).max() <= 1


def test_a_bundle_without_a_network_is_a_sentence_and_one_without_texts_is_none(worker: WorkerProcess, tmp_path: Path) -> None:
    made = synthetic.outputs(examples=60, exits=3)
    texts = tuple(f"Sentence {number}" for number in range(len(made.ids)))
    written = write_bundle(synthetic.draft(made, "written", images=(), texts=texts), tmp_path / "written")
    with pytest.raises(UserError) as refused:
        words.words_of(store.opened(Entry("written", written)), 0)
    assert_one_sentence(str(refused.value), "not computed by a network of Offramp")
    silent = write_bundle(synthetic.draft(made, "silent", images=()), tmp_path / "silent")
    assert words.words_of(store.opened(Entry("silent", silent)), 0) is None
    assert words.words_of(store.opened(Entry("written", written)), 10_000) is None
