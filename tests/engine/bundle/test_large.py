"""Large bundles: what their files hold, how the sample is drawn, and that what is damaged is refused."""

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from engine.__main__ import main
from engine.bundle import large, whole
from engine.bundle.bundle import read_bundle
from engine.bundle.large import write_large
from engine.bundle.manifest import sealed
from engine.bundle.sample import pick
from engine.errors import UserError
from engine.hashing import hash_uniform
from engine.splits import Split
from engine.storage.files import sha256_of
from tests.large import SIZES, draft, large_bundle, rows_of_sample
from tests.sentences import assert_one_sentence
from tests.synthetic import outputs, pictures

MADE = outputs(examples=1500, seed=60, shuffled=True)
CONFIDENCES = outputs(examples=1500, seed=60, shuffled=True, recorded="confidence")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(large, "SHARD", 256)
    return tmp_path / "large"


def test_shards_hold_every_row(folder: Path) -> None:
    bundle = large_bundle(MADE, folder)
    assert bundle.whole is not None and bundle.examples == MADE.examples
    assert pq.read_metadata(folder / "outputs.parquet").num_row_groups == 6  # of 256 rows, whatever the size of the pieces
    start = 0
    for shard in bundle.whole.shards():
        expected = MADE.take(slice(start, start + shard.examples))
        for name in ("prediction", "labels", "ids", "split", "logits"):
            assert np.array_equal(getattr(shard, name), getattr(expected, name))
        assert all(np.array_equal(shard.scores[name], expected.scores[name]) for name in expected.scores)
        start += shard.examples
    assert start == MADE.examples
    tests = np.concatenate([shard.ids for shard in bundle.whole.shards(Split.TEST)])
    assert np.array_equal(tests, MADE.test().ids)


def test_opening_reads_the_sample(folder: Path) -> None:
    bundle = large_bundle(MADE, folder)
    rows = rows_of_sample(MADE, bundle)
    assert (np.diff(rows) > 0).all()
    for name in ("prediction", "labels", "split", "logits"):
        values = getattr(MADE, name)
        assert np.array_equal(getattr(bundle.outputs, name), values[:, rows] if values.ndim > 1 else values[rows])
    with open(folder / "outputs.parquet", "r+b") as file:  # not read, so not noticed
        file.seek(100)
        file.write(b"changed")
    read_bundle(folder)
    with pytest.raises(UserError, match=r"outputs\.parquet") as refusal:
        bundle.whole.check()
    assert_one_sentence(str(refusal.value))


def test_tuning_examples_have_the_smallest_hashes(folder: Path) -> None:
    bundle = large_bundle(CONFIDENCES, folder)
    for split in (Split.FIT, Split.CALIBRATION):
        ids = CONFIDENCES.part(split).ids
        smallest = ids[np.argsort(hash_uniform(ids, 1001))[: SIZES.tuning]]
        assert set(bundle.outputs.part(split).ids.tolist()) == set(smallest.tolist())


def test_test_examples_are_stratified_by_the_exits_that_are_correct(folder: Path) -> None:
    bundle = large_bundle(CONFIDENCES, folder)
    sampled, every = (Counter(map(tuple, made.test().correct.T.tolist())) for made in (bundle.outputs, CONFIDENCES))
    assert sum(sampled.values()) == SIZES.shown
    for pattern, count in every.items():
        share = count * SIZES.shown / sum(every.values())
        assert share - 1 < sampled[pattern] < share + 1


@pytest.mark.parametrize("order", [1, 2])
def test_the_sample_does_not_depend_on_the_order_of_the_rows(order: int, folder: Path, tmp_path: Path) -> None:
    shuffled = CONFIDENCES.take(np.random.default_rng(order).permutation(CONFIDENCES.examples))
    ids = [sorted(large_bundle(made, path).outputs.ids.tolist()) for made, path in ((CONFIDENCES, folder), (shuffled, tmp_path / "other"))]
    assert ids[0] == ids[1]


def test_a_small_split_is_taken_whole(folder: Path) -> None:
    made = outputs(examples=300, seed=61)
    bundle = large_bundle(made, folder)
    assert bundle.outputs.examples == made.examples == bundle.examples
    assert bundle.whole is not None
    assert bundle.whole.tuning_note(bundle.outputs) == (
        "Knobs are set on all 100 calibration examples, and gates learn on all 100 fit examples."
    )


def test_a_note_tells_on_how_many_examples_knobs_are_set(folder: Path) -> None:
    bundle = large_bundle(CONFIDENCES, folder)
    assert bundle.whole is not None
    assert bundle.whole.tuning_note(bundle.outputs) == (
        "Knobs are set on 250 of 500 calibration examples, and gates learn on 250 of 500 fit examples, drawn by a hash of their ids."
    )


def test_candidates_may_be_merged_often(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large_bundle(CONFIDENCES, folder)
    expected = pick(folder / "outputs.parquet", CONFIDENCES.exits, SIZES)
    monkeypatch.setattr("engine.bundle.sample._MERGED_AT", 1)
    assert np.array_equal(pick(folder / "outputs.parquet", CONFIDENCES.exits, SIZES).rows, expected.rows)


def test_images_are_those_of_the_sample(folder: Path) -> None:
    images = dict(pictures(CONFIDENCES))
    bundle = large_bundle(CONFIDENCES, folder, images=lambda ids: ((id, images[id]) for id in ids.tolist()))
    tests = bundle.outputs.test().ids.tolist()
    assert bundle.images is not None and len(bundle.images) == len(tests) == SIZES.shown
    assert all(bundle.images[id] == images[id] for id in tests)


def test_texts_and_ids_in_text(folder: Path) -> None:
    texts = {"id_texts": [f"row {n}" for n in range(1500)], "texts": [f"What is {n}?" for n in range(1500)]}
    bundle = large_bundle(CONFIDENCES, folder, texts=texts)
    rows = rows_of_sample(CONFIDENCES, bundle).tolist()
    assert bundle.texts is not None and bundle.id_texts is not None
    assert bundle.texts.tolist() == [texts["texts"][row] for row in rows]
    assert bundle.id_texts.tolist() == [texts["id_texts"][row] for row in rows]


def test_long_texts_are_kept_of_test_examples_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "MOST_CHARACTERS", 5_000)
    bundle = large_bundle(CONFIDENCES, folder, texts={"texts": [f"What is {n}?" for n in range(1500)]})
    assert bundle.texts is not None
    assert [bool(text) for text in bundle.texts] == (bundle.outputs.split == Split.TEST).tolist()


def test_the_bytes_are_always_the_same(folder: Path, tmp_path: Path) -> None:
    for path in (folder, tmp_path / "again" / "large"):
        large_bundle(MADE, path)
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["bundle.json", "logits.safetensors", "outputs.parquet", "sample.parquet", "sample.safetensors"]
    assert all((folder / name).read_bytes() == (tmp_path / "again" / "large" / name).read_bytes() for name in files)


@pytest.mark.parametrize("at_once", [100, 2_000_000])
def test_an_id_that_is_there_twice_is_refused_and_nothing_is_left(at_once: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "_IDS_AT_ONCE", at_once)
    ids = CONFIDENCES.ids.copy()
    ids[1400] = ids[7]
    with pytest.raises(UserError, match=str(ids[7])) as refusal:
        large_bundle(replace(CONFIDENCES, ids=ids), folder)
    assert_one_sentence(str(refusal.value))
    assert list(folder.parent.iterdir()) == []


def test_an_id_in_text_is_told_as_it_was_given(folder: Path) -> None:
    ids = CONFIDENCES.ids.copy()
    ids[1400] = ids[7]
    with pytest.raises(UserError, match="row 7"):
        large_bundle(replace(CONFIDENCES, ids=ids), folder, texts={"id_texts": [f"row {n}" for n in range(1500)]})


def test_a_bundle_in_its_place_stays_if_writing_fails(folder: Path) -> None:
    before = large_bundle(CONFIDENCES, folder).sha256

    def refuse(_: object) -> dict:
        raise UserError("Refused, for a test.")

    with pytest.raises(UserError, match="Refused"):
        write_large(draft(CONFIDENCES, "large", about=refuse), folder, SIZES)
    assert read_bundle(folder).sha256 == before and [path.name for path in folder.parent.iterdir()] == ["large"]


def changed(manifest: dict, folder: Path, **values: object) -> None:
    for name in manifest["files"]:
        manifest["files"][name] = {"bytes": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)}
    (folder / "bundle.json").write_bytes(sealed({**manifest, **values}))


@pytest.mark.parametrize(
    "splits",
    [
        {"fit": 500, "calibration": 500, "test": 501},
        {"fit": 1000, "calibration": 500},
        {"train": 1500},
        {"fit": 500, "calibration": 500, "test": "500"},
        {"fit": 500, "calibration": 500, "test": -1},
        None,
    ],
)
def test_splits_of_other_sizes_are_refused(splits: dict | None, folder: Path) -> None:
    large_bundle(CONFIDENCES, folder)
    manifest = json.loads((folder / "bundle.json").read_bytes())
    changed(manifest, folder, splits=splits)
    with pytest.raises(UserError, match="inconsistent") as refusal:
        opened = read_bundle(folder)
        assert opened.whole is not None
        opened.whole.check()
    assert_one_sentence(str(refusal.value))


@pytest.mark.parametrize("name", ["sample.parquet", "outputs.parquet", "sample.safetensors", "logits.safetensors"])
def test_missing_and_truncated_files_are_noticed_when_it_is_opened(name: str, folder: Path) -> None:
    large_bundle(MADE, folder)
    os.truncate(folder / name, 50)
    with pytest.raises(UserError, match=name):
        read_bundle(folder)
    (folder / name).unlink()
    with pytest.raises(UserError, match=name):
        read_bundle(folder)


def test_too_large_a_row_group_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = large_bundle(CONFIDENCES, folder)
    monkeypatch.setattr(whole, "MOST_ROWS", 255)
    with pytest.raises(UserError, match="row group") as refusal:
        list(bundle.whole.shards())
    assert_one_sentence(str(refusal.value))


def test_commands_tell_what_is_a_sample(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFRAMP_DATA", str(folder.parent))
    bundle = large_bundle(CONFIDENCES, folder)
    assert main(["verify", str(folder)]) == 0
    assert "1,500 examples" in capsys.readouterr().out
    assert main(["sweep", str(folder), "--policy", "maxprob", "--points", "3"]) == 0
    printed = capsys.readouterr().out
    assert "250 of 500 calibration examples" in printed and "250 of 500 fit examples" in printed and "all 500 test examples" in printed
    assert main(["sweep", str(folder), "--policy", "maxprob", "--points", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["examples"] == 500 and document["tuning"]["calibration"] == {"examples": 250, "of": 500}
    for command in (["route", str(folder), "--policy", "maxprob", "--budget", "0.5"], ["speedup", str(folder), "--policy", "maxprob"]):
        assert main(command) == 0
        assert "150 of 500 test examples" in capsys.readouterr().out
    assert bundle.outputs.test().examples == 150


def test_keeping_is_for_large_bundles_and_what_the_page_shows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    large_bundle(CONFIDENCES, folder)
    for options in (["--budgets", "0.5"], ["--split", "fit"], ["--calibrated"]):
        assert main(["sweep", str(folder), "--policy", "maxprob", "--keep", *options]) == 2
        assert_one_sentence(capsys.readouterr().err.strip())
    assert main(["sweep", "doodles", "--policy", "maxprob", "--keep"]) == 2
    assert_one_sentence(capsys.readouterr().err.strip(), "not a large bundle")


def test_keeping_needs_a_folder_that_can_be_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    large_bundle(CONFIDENCES, folder)
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    (tmp_path / "sweeps").write_text("a file in its place")
    assert main(["sweep", str(folder), "--policy", "maxprob", "--keep"]) == 2
    assert_one_sentence(capsys.readouterr().err.rstrip("\n"), "sweeps cannot be written", "leave --keep out")


def test_the_sizes_of_a_sample_are_those_of_the_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "MOST_TUNING", 100)
    monkeypatch.setattr(large, "MOST_SHOWN", 60)
    bundle = read_bundle(write_large(draft(CONFIDENCES, "large"), folder))
    assert [bundle.outputs.part(split).examples for split in (Split.FIT, Split.CALIBRATION, Split.TEST)] == [100, 100, 60]
