"""Sentences in files: how they are divided into splits, and what is refused in a sentence."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.datasets import minilm_files, sst2
from engine.datasets.ag_news import ag_news
from engine.datasets.minilm_files import VOCABULARY, minilm_file
from engine.datasets.sentences import Sentences
from engine.datasets.sst2 import phrases_of
from engine.errors import UserError
from engine.splits import BUNDLE_SPLITS, Split
from tests.sentences import assert_one_sentence
from tests.stand_in_sentences import PIECES, install_minilm, write_sentences

ALL = {"sst2": sst2.sst2, "ag-news": ag_news}


@pytest.fixture(params=ALL)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Sentences:
    dataset = replace(ALL[request.param](), folder=tmp_path)
    write_sentences(tmp_path, dataset)
    return dataset


def write(folder: Path, files: list[list[str]]) -> Sentences:
    dataset = replace(sst2.sst2(), folder=folder)
    for file, lines in zip(dataset.files, files, strict=True):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["sentence\tlabel", *lines]) + "\n", encoding="utf-8")
    return dataset


def test_phrases_of_held_out_sentences_are_not_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sst2, "HELD_OUT", 1)
    phrases = [
        "a funny film ( really )\t1",
        "a funny film \t1",
        "funny\t1",
        "film\t0",
        "a dull day\t0",
        "dull\t0",
        "a long , long night .\t0",
    ]
    whole = ["a funny film -lrb- really -rrb-\t1", "spelled as nowhere else\t0"]
    made = write(tmp_path, [phrases, whole, ["what a day\t1"], ["a long , long night .\t0", "dull day\t0"]])
    assert sorted(made.texts(made.ids(Split.TRAIN))) == ["a dull day", "dull"]
    held_out = [*made.texts(made.ids(Split.FIT)), *made.texts(made.ids(Split.CALIBRATION))]
    assert sorted(held_out) == ["a funny film ( really )", "what a day"]
    assert made.texts(made.ids(Split.TEST)) == ("a long , long night .", "dull day")


def test_news_without_a_title_are_left_out(tmp_path: Path) -> None:
    made = replace(ag_news(), folder=tmp_path)
    write_sentences(tmp_path, made)
    assert [len(made.ids(split)) for split in Split] == [20, 1_500, 1_500, 12]


def test_a_sentence_is_its_text_its_pieces_and_its_label(written: Sentences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_minilm(tmp_path / "packages", monkeypatch)
    ids = written.ids(Split.TEST)
    taken = written.take(ids)
    assert taken.texts == written.texts(ids) and taken.labels.tolist()[:2] == [0, 1]
    beginning = ["[CLS]", "a", "bad"] if written.name == "sst2" else ["[CLS]", "news", "of"]
    assert [PIECES[number] for number in taken.tokens[0][:3]] == beginning
    np.testing.assert_array_equal(taken.factors["word_pieces"], (taken.tokens != 0).sum(axis=1))
    with pytest.raises(KeyError, match=f"{written.name} has no sentence 77777777"):
        written.take(np.array([77_777_777]))


def test_the_texts_need_no_vocabulary(written: Sentences, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm_files, "PACKAGE", "a_package_that_is_not_there")
    assert all(written.texts(written.ids(split)) for split in BUNDLE_SPLITS) and written.digest()
    with pytest.raises(UserError) as caught:
        written.take(written.ids(Split.TEST))
    assert_one_sentence(str(caught.value), "a-package-that-is-not-there", "python -m pip install --no-deps -r requirements-text.txt")


def test_the_digest_changes_with_a_label(written: Sentences, tmp_path: Path) -> None:
    path = tmp_path / written.files[-1].path
    text = path.read_text()
    before = written.digest()
    other = text.replace("day .\t0", "day .\t1") if written.name == "sst2" else text.replace("3\tnews", "2\tnews", 1)
    assert other != text
    path.write_text(other)
    assert replace(written).digest() != before


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        replace(ag_news(), folder=tmp_path).digest()
    assert_one_sentence(str(caught.value), "AG News", "text/agnews/train_pieces.tsv", str(tmp_path), "OFFRAMP_DATASETS")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("no label", "1 column where 2 belong"),
        ("a film\tof two days\t1", "3 columns where 2 belong"),
        ("a film\t2", "'2' where a label from 0 to 1 belongs"),
        ("a film\tgood", "'good' where"),
        ("a film\t-1", "'-1' where"),
        ("a film\t\u0661", "where a label"),
        (f"a film\t{'1' * 5000}", "where a label"),
        ("\t1", "has no sentence"),
        ("  \t1", "has no sentence"),
        ("", "1 column where"),
    ],
)
def test_a_line_that_is_no_labelled_sentence_is_named(line: str, problem: str, tmp_path: Path) -> None:
    made = write(tmp_path, [["a film\t1", line, "a day\t0"], [], [], []])
    with pytest.raises(UserError) as caught:
        made.ids(Split.TEST)
    assert_one_sentence(str(caught.value), "SST-2", str(tmp_path), "line 3 of text/sst2/train.tsv", problem)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"label\tsentence\n1\ta film\n", "line 1 of text/sst2/test_labelled.tsv does not name the columns sentence and label"),
        (b"a film\t1\n", "line 1 of text/sst2/test_labelled.tsv"),
        (b"sentence\tlabel\na film\t1\na caf\xe9\t1\n", "line 3 of text/sst2/test_labelled.tsv is not valid UTF-8"),
        (b"sentence\tlabel\n", "text/sst2/test_labelled.tsv has no sentences"),
        (b"", "line 1 of text/sst2/test_labelled.tsv"),
    ],
)
def test_a_file_that_holds_no_labelled_sentences_is_named(content: bytes, problem: str, tmp_path: Path) -> None:
    made = write(tmp_path, [["a film\t1"], ["a film\t1"], ["a day\t0"], ["a day\t0"]])
    (tmp_path / made.files[3].path).write_bytes(content)
    with pytest.raises(UserError) as caught:
        made.ids(Split.TEST)
    assert_one_sentence(str(caught.value), problem)


def test_news_of_another_number_of_columns_are_named(tmp_path: Path) -> None:
    made = replace(ag_news(), folder=tmp_path)
    write_sentences(tmp_path, made)
    for file, lines in zip(made.files, ("2\tonly text\n", ""), strict=True):
        before = (tmp_path / file.path).read_text()
        (tmp_path / file.path).write_text(lines)
        with pytest.raises(UserError) as caught:
            replace(made).digest()
        assert_one_sentence(str(caught.value), file.path, "line 1 of" if lines else "no sentences")
        (tmp_path / file.path).write_text(before)


def test_too_few_sentences_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        write(tmp_path, [["a film\t1"], ["a film\t1"], ["a day\t0"], ["a day\t0"]]).ids(Split.TEST)
    assert_one_sentence(str(caught.value), "only 1 of", "1000 to hold out")


def test_the_published_files_have_the_documented_splits() -> None:
    """Where they are at hand."""
    folder = Path(os.environ.get("OFFRAMP_DATASETS", "missing"))
    if (folder / sst2.FILES[0].path).is_file():
        reviews = replace(sst2.sst2(), folder=folder)
        assert [len(reviews.ids(split)) for split in Split] == [55_272, 936, 936, 1_821]
        held_out = np.concatenate([reviews.ids(Split.FIT), reviews.ids(Split.CALIBRATION)])
        assert not set(phrases_of(reviews.texts(held_out))) & set(reviews.texts(reviews.ids(Split.TRAIN)))
    if (folder / ag_news().files[0].path).is_file():
        news = replace(ag_news(), folder=folder)
        assert [len(news.ids(split)) for split in Split] == [17_334, 1_500, 1_500, 7_600]


def test_the_package_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = install_minilm(tmp_path, monkeypatch)
    (model.parent / "__init__.py").write_text("raise RuntimeError")
    assert minilm_file(VOCABULARY) == model / VOCABULARY
