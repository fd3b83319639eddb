"""Texts that a bundle may not hold: they are shown where their data set is, and come and go with it."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from app import resources, store
from app.dataset_texts import Missing, shown_text
from app.explore_data import explore_data
from app.payload.predictions import predictions
from app.report.contents import report
from app.selection import select
from app.shown import Shown
from app.wording import Words, bundle_size
from app.worker import words
from app.worker.messages import Explain, Reply
from app.worker.pictures import album
from engine.bundle.bundle import write_bundle
from engine.bundle.library import Entry
from engine.datasets.sst2 import sst2
from engine.splits import BUNDLE_SPLITS
from tests import synthetic
from tests.sentences import assert_one_sentence
from tests.stand_in_sentences import write_sentences

#: Test sentences of the stand-in.
TEXTS = ["a bad day .", "film of the day ."]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of data sets, still empty."""
    monkeypatch.setenv("OFFRAMP_DATASETS", str(tmp_path / "datasets"))
    return tmp_path / "datasets"


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """A bundle without texts, made from the stand-in."""
    write_sentences(tmp_path / "original", sst2())
    dataset = replace(sst2(), folder=tmp_path / "original")
    ids = [dataset.ids(split)[:80] for split in BUNDLE_SPLITS]
    outputs = synthetic.outputs(examples=sum(map(len, ids)), classes=2)
    split = np.concatenate([np.full(len(part), str(name)) for name, part in zip(BUNDLE_SPLITS, ids, strict=True)])
    outputs = replace(outputs, ids=np.concatenate(ids), split=split)
    about = {"recipe": "sst2-minilm", "dataset": "sst2", "dataset_digest": dataset.digest(), "vocabulary": 30_522}
    write_bundle(synthetic.draft(outputs, "reviews", images=(), provenance=about), tmp_path / "reviews")
    return Entry("reviews", tmp_path / "reviews")


def test_without_the_data_set_a_sentence_says_what_is_missing(entry: Entry, folder: Path) -> None:
    bundle, images = store.opened(entry), album(entry)
    assert bundle.texts is None and images.pictures is None and images.obtainable is None
    assert_one_sentence(images.missing.removeprefix("No text: "), "SST-2 is missing", "text/sst2/train.tsv", str(folder))
    shown = Shown.of(entry, "maxprob", "macs")
    assert report(shown, images).data["missing"] == "This file holds no texts, because they were not on the computer that wrote it."
    assert Words.of(bundle).many == "examples" and bundle_size(bundle).endswith("no texts")


def test_texts_come_and_go_with_the_data_set(entry: Entry, folder: Path) -> None:
    def addresses() -> tuple[str, str]:
        return resources.bundle_address(entry), resources.sweep_address(entry, "maxprob", "macs")

    without = addresses()
    write_sentences(folder, sst2())
    assert store.missing_texts(entry) == Missing()
    bundle = store.opened(entry)
    assert bundle is store.opened(entry) and bundle.texts is not None
    assert bundle.texts[bundle.outputs.split == "test"].tolist() == TEXTS and not any(bundle.texts[bundle.outputs.split != "test"])
    shown = Shown.of(entry, "maxprob", "macs")
    assert predictions(shown, 1)["text"] == TEXTS[1]
    assert all(one != other for one, other in zip(addresses(), without, strict=True))
    made = report(shown, album(entry))
    assert made.data["missing"] == "" and made.data["terms"] == "texts of SST-2, which come without a license to redistribute them"
    assert made.footer.startswith("This file holds texts of SST-2, which come without a license to redistribute them. Made with Offramp")
    (folder / sst2().files[-1].path).unlink()
    assert store.opened(entry).texts is None and addresses() == without


def test_another_data_set_is_not_shown(entry: Entry, folder: Path) -> None:
    write_sentences(folder, sst2())
    path = folder / sst2().files[-1].path
    path.write_text(path.read_text().replace("\t0", "\t1"))
    assert store.opened(entry).texts is None
    assert "not the one that this bundle was made from" in album(entry).missing
    made = report(Shown.of(entry, "maxprob", "macs"), album(entry))
    assert_one_sentence(
        made.data["missing"], "This file holds no texts, because the data set on the computer that wrote it was not the one"
    )
    assert made.data["terms"] == "" and made.footer.startswith("Made with")


def test_a_damaged_data_set_is_not_called_absent(entry: Entry, folder: Path) -> None:
    write_sentences(folder, sst2())
    path = folder / sst2().files[-1].path
    path.write_text(path.read_text().replace("\t0", "\t7"))
    made = report(Shown.of(entry, "maxprob", "macs"), album(entry))
    assert made.data["missing"] == "This file holds no texts, because they could not be read on the computer that wrote it."


def test_a_page_says_which_network_is_missing_before_it_is_asked(entry: Entry, folder: Path) -> None:
    write_sentences(folder, sst2())
    selection = select({"reviews": entry}, {"policy": "maxprob", "unit": "macs"})
    data = explore_data(selection, Shown.of(entry, "maxprob", "macs"), 0.5)
    assert_one_sentence(data["noWords"], "The weights of sst2-minilm are not on this computer", "python -m engine train sst2-minilm")
    assert data["terms"] == "texts of SST-2, which come without a license to redistribute them"


def test_escaped_characters_are_shown_and_places_of_words_follow(entry: Entry, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = store.opened(entry)
    provenance = {**bundle.provenance, "recipe": "ag-news-minilm", "dataset": "ag-news"}
    text = "He #39;s quot;in quot; A &lt;B&gt; R&amp;D; amp;"
    bundle = replace(bundle, provenance=provenance, texts=np.full(bundle.outputs.examples, text, object))
    assert shown_text(bundle)(text) == 'He \'s "in " A <B> R&D; &'
    asked = []

    def call(request: Explain) -> Reply:
        asked.append(request.text)
        return Reply(words=[[*match.span(), 0.5] for match in re.finditer(r"\S+", request.text)])

    monkeypatch.setattr(words, "worker", SimpleNamespace(call=call))
    effects = words.words_of(bundle, 0)
    assert asked == [text], "the network reads what the file has"
    assert effects is not None
    assert [shown_text(bundle)(text)[int(begin) : int(end)] for begin, end, _ in effects] == shown_text(bundle)(text).split()
