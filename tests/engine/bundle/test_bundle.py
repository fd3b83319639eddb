"""Bundles: a round trip loses nothing, damage is refused with one sentence, and a killed write leaves the old bundle whole."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.bundle import bundle as bundles
from engine.bundle.bundle import IMAGES, LOGITS, MANIFEST, TABLE, check_id, read_bundle, write_bundle
from engine.bundle.library import entries, open_bundle
from engine.errors import UserError
from engine.policies import POLICIES, Need
from engine.storage.tensors import save_tensors
from tests.sentences import assert_one_sentence
from tests.synthetic import corner_cases, draft, outputs

FILES = (MANIFEST, TABLE, LOGITS, IMAGES)
KINDS = {
    "chain": outputs(examples=60, classes=9),
    "family": outputs(examples=60, kind="family"),
    "probabilities": outputs(examples=60, recorded="probabilities"),
    "confidence": outputs(examples=60, recorded="confidence"),
    "features": outputs(examples=60, kind="family", recorded="confidence", features=True),
    **corner_cases(),
}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundles, "FEW_CLASSES", 0)
        return write_bundle(draft(outputs(examples=30, exits=3, classes=4)), tmp_path_factory.mktemp("pristine") / "tiny")


@pytest.fixture
def whole(pristine, tmp_path, monkeypatch) -> Path:
    """A bundle to damage, with every column that a bundle may have."""
    monkeypatch.setattr(bundles, "FEW_CLASSES", 0)
    return shutil.copytree(pristine, tmp_path / "tiny")


def same_outputs(a, b) -> bool:
    arrays = [(a.prediction, b.prediction), (a.labels, b.labels), (a.ids, b.ids), (a.split, b.split)]
    named = ("scores", "stage_cost", "factors", "features", "before")
    for x, y in ((getattr(a, name), getattr(b, name)) for name in named):
        if list(x) != list(y):
            return False
        arrays += [(x[name], y[name]) for name in x]
    if (a.logits is None) != (b.logits is None):
        return False
    arrays += [] if a.logits is None else [(a.logits, b.logits)]
    same_kind = (a.classes, a.kind, a.recorded) == (b.classes, b.kind, b.recorded)
    return same_kind and all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in arrays)


def refused(folder: Path) -> str:
    with pytest.raises(UserError) as mistake:
        read_bundle(folder)
    assert_one_sentence(str(mistake.value), folder.name, "restore the folder from its source, or ")
    return str(mistake.value)


def resealed(folder: Path, **changes) -> Path:
    """Change the manifest and seal it again, as older versions did. None removes an entry."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text()) | changes
    rest = {name: value for name, value in manifest.items() if name != "sha256" and value is not None}
    text = json.dumps(rest, indent=1, ensure_ascii=False) + "\n"
    seal = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps({**rest, "sha256": seal}, indent=1, ensure_ascii=False) + "\n")
    return folder


def relisted(folder: Path) -> Path:
    """Seal again with the files as they are now."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.name != MANIFEST
    }
    return resealed(folder, files=files)


# Round trips


@pytest.mark.parametrize("name", KINDS)
def test_round_trip(tmp_path, name):
    made = draft(KINDS[name], id="some-id", title="Ein schöner Name")
    opened = read_bundle(write_bundle(made, tmp_path / "some-id"))
    assert same_outputs(opened.outputs, made.outputs)
    for field in ("id", "title", "class_names", "exit_names", "unit_notes", "provenance"):
        assert getattr(opened, field) == getattr(made, field)
    assert {id: opened.images[id] for id, _ in made.images} == dict(made.images)
    assert len(opened.images) == len(made.images)


def test_features_and_unknown_scores_survive_reopening(tmp_path):
    made = outputs(examples=60, exits=2, recorded="confidence", features=True)
    made = replace(made, scores={"judge": made.scores["maxprob"] + 1, "bert.score": made.scores["maxprob"] - 1})
    opened = read_bundle(write_bundle(draft(made, images=[]), tmp_path / "tiny"))
    assert same_outputs(opened.outputs, made)
    table = pq.read_table(tmp_path / "tiny" / TABLE)
    assert {"exit0.feature.unsure", "exit1.feature.noise", "before.guess", "exit1.score.judge"} <= set(table.column_names)


@pytest.mark.parametrize(("features", "schema"), [(False, 1), (True, 2)])
def test_only_outputs_with_features_need_the_newer_schema(features, schema, tmp_path):
    write_bundle(draft(outputs(examples=30, features=features), images=[]), tmp_path / "tiny")
    assert json.loads((tmp_path / "tiny" / MANIFEST).read_text())["schema"] == schema


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("exit1.feature.unsure", None),
        ("exit0.feature.unsure", [float("nan")] * 30),
        ("before.guess", [float("inf")] * 30),
        ("before.guess", ["<b>"] * 30),
        ("before.unsure", [0.5] * 30),  # the name of a feature
    ],
)
def test_a_table_with_invalid_features_is_refused(column, values, tmp_path):
    folder = write_bundle(draft(outputs(examples=30, exits=2, features=True), images=[]), tmp_path / "tiny")
    table = pq.read_table(folder / TABLE)
    table = table.drop_columns([column]) if column in table.column_names else table
    table = table if values is None else table.append_column(column, pa.array(values))
    pq.write_table(table, folder / TABLE)
    relisted(folder)
    assert "is inconsistent" in refused(folder)


def test_the_same_draft_gives_the_same_bytes(tmp_path):
    made = draft(outputs(examples=60))
    one, two = (write_bundle(made, tmp_path / side / "tiny") for side in "ab")
    assert sorted(path.name for path in one.iterdir()) == sorted(FILES)
    for file in FILES:
        assert (one / file).read_bytes() == (two / file).read_bytes()


def test_a_bundle_without_images_and_logits(tmp_path):
    opened = read_bundle(write_bundle(draft(outputs(examples=30, recorded="confidence"), images=[]), tmp_path / "tiny"))
    assert opened.images is None and opened.outputs.logits is None
    assert sorted(path.name for path in (tmp_path / "tiny").iterdir()) == [MANIFEST, TABLE]


@pytest.mark.parametrize("classes", [6, 101, 1001])
def test_logits_are_kept_whatever_the_number_of_classes(classes, tmp_path):
    made = outputs(examples=30, classes=classes)
    opened = read_bundle(write_bundle(draft(made), tmp_path / "tiny"))
    assert np.array_equal(opened.outputs.logits, made.logits) and opened.top.classes.shape == (4, 30, 5)
    assert np.array_equal(opened.outputs.scores["energy"], made.scores["energy"])


def test_policies_tell_that_only_top_classes_are_recorded(tmp_path):
    """As in older bundles with more than 1,000 classes."""
    made = replace(outputs(examples=90, classes=101), logits=None)
    assert made.recorded == "logits"
    for name, policy in POLICIES.items():
        reason = policy.unavailable_reason(made)
        if Need.PROBABILITIES in policy.needs:
            assert reason == f"{policy.title} needs the probabilities of every class, and only the likeliest classes are recorded.", name


def test_logits_are_mapped_and_not_read(pristine):
    assert isinstance(read_bundle(pristine).outputs.logits, np.memmap)


@pytest.mark.parametrize("id", ["doodles", "a", "x-1_2.3", "0", "a" * 64])
def test_valid_ids(id):
    assert check_id(id) == id


@pytest.mark.parametrize("id", ["", "A", "a b", "../x", "a/b", ".a", "-a", "ä", "a" * 65, "a\n", "x.new", "x.old", "x.partial"])
def test_invalid_ids(id, tmp_path):
    with pytest.raises(UserError) as mistake:
        check_id(id)
    assert_one_sentence(str(mistake.value), repr(id), "cannot name a bundle")
    with pytest.raises(UserError):
        write_bundle(draft(outputs(examples=3), id=id), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


# Damage


@pytest.mark.parametrize("file", FILES[1:])
def test_a_flipped_bit_is_detected(whole, file):
    good = (whole / file).read_bytes()
    for at in {0, len(good) - 1, *np.random.default_rng(0).integers(len(good), size=20).tolist()}:
        (whole / file).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert f"{file} in bundle tiny was changed after it was written" in refused(whole)
    (whole / file).write_bytes(good)
    read_bundle(whole)


def test_a_flipped_bit_anywhere_in_the_manifest_is_detected(whole):
    good = (whole / MANIFEST).read_bytes()
    for at in {*range(0, len(good), 3), len(good) - 1}:
        (whole / MANIFEST).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        message = refused(whole)
        assert MANIFEST in message or "schema version" in message


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kept", [0, 1, 100, -2])
def test_a_truncated_file_is_detected(whole, file, kept):
    good = (whole / file).read_bytes()
    (whole / file).write_bytes(good[:kept])
    message = refused(whole)
    assert file in message
    if file != MANIFEST:
        assert f"has {len(good[:kept]):,} of {len(good):,} bytes" in message


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_detected(whole, file):
    (whole / file).unlink()
    assert f"{file} is missing from bundle tiny" in refused(whole)


@pytest.mark.parametrize("file", FILES)
def test_a_folder_in_place_of_a_file_is_detected(whole, file):
    (whole / file).unlink()
    (whole / file).mkdir()
    assert f"{file} is missing from bundle tiny" in refused(whole)


def test_a_missing_folder_is_refused(tmp_path):
    assert "bundle.json is missing from bundle nowhere" in refused(tmp_path / "nowhere")


@pytest.mark.parametrize("schema", [0, 5, 1.5, 1.0, True, "1", [1], None])
def test_another_schema_is_named(whole, schema):
    message = refused(resealed(whole, schema=schema))
    known = "but this version of Offramp reads 1, 2, 3 and 4"
    assert "cannot be read" in message if schema is None else f"schema version {schema!r}, {known}" in message


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "3", '"bundle"', "{}", "[" * 100_000, '{"schema": 1}']
    + ['{"schema": 1, "files": []}', '{"schema": 1, "files": {"a": 1}}', '{"schema": 1, "files": {}, "title": NaN}']
    + ['{"schema": 1, "files": {}, "title": "\\ud800"}', '{"schema": ' + "9" * 5000 + "}"],
)
def test_a_malformed_manifest_is_refused(whole, text):
    (whole / MANIFEST).write_text(text)
    assert "bundle.json in bundle tiny cannot be read" in refused(whole)


def test_a_manifest_that_is_not_text_is_refused(whole):
    (whole / MANIFEST).write_bytes(b"\xff\xfe\x00")
    refused(whole)


FILE = {"bytes": 1, "sha256": "0"}
OUTSIDE = ["../tiny/outputs.parquet", "/etc/passwd", "..", "", "outputs.parquet/../../secret", "bundle.json", "a\0b"]


@pytest.mark.parametrize("files", [{}, {LOGITS: FILE}, *({TABLE: FILE, name: FILE} for name in OUTSIDE)])
def test_other_files_than_those_of_a_bundle_are_refused(whole, files):
    assert "has an invalid list of files" in refused(resealed(whole, files=files))


@pytest.mark.parametrize("entry", [None, 3, [], {}, {"bytes": "1", "sha256": "0"}, {"bytes": 1, "sha256": 0}, {"bytes": 1}])
def test_malformed_entries_of_files_are_refused(whole, entry):
    refused(resealed(whole, files={TABLE: entry}))


UNIT = {"stage_cost": [1.0, 2.0, 3.0], "note": ""}
HOSTILE = {
    "id": [None, 5, "", "../x", "A B", ["a"], "tiny.new"],
    "title": [None],
    "topology": [None, "ring", 1, ["chain"], {}],
    "said": [None, "nothing", 1, ["logits"]],
    "examples": [None, 29, 31, -1, 0, "30", [30], 10**30],
    "class_names": [None, [], "abcd", 4, {"a": 1}, ["a", "b"], ["a"] * 5000],
    "exit_names": [None, [], "abc", 3, ["a", "b"], ["a"] * 4, ["a"] * 100_000],
    "provenance": [None, [], "x", 1],
    "units": [
        None,
        {},
        [],
        "macs",
        {"macs": None},
        {"macs": {"note": ""}},
        {"macs": UNIT | {"stage_cost": None}},
        {"macs": UNIT | {"stage_cost": 3}},
        {"macs": UNIT | {"stage_cost": [1.0, 2.0]}},
        {"macs": UNIT | {"stage_cost": [0.0, 0.0, 0.0]}},
        {"macs": UNIT | {"stage_cost": [1.0, 2.0, -3.0]}},
        {"macs": UNIT | {"stage_cost": ["a", "b", "c"]}},
        {"macs": UNIT | {"stage_cost": ["1", "2", "3"]}},
        {"macs": UNIT | {"stage_cost": [True, 2.0, 3.0]}},
        {"macs": UNIT | {"stage_cost": [[1.0], [2.0, 3.0], 3.0]}},
        {"macs": UNIT | {"stage_cost": [1.0, 2.0, 10**400]}},
        {"macs": {"stage_cost": [1.0, 2.0, 3.0]}},
    ],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in HOSTILE.items() for value in values])
def test_a_hostile_manifest_is_refused(whole, field, value):
    assert "Bundle tiny is inconsistent" in refused(resealed(whole, **{field: value}))


def with_column(table: pa.Table, name: str, values) -> pa.Table:
    column = values if isinstance(values, pa.Array) else pa.array(values)
    return table.set_column(table.column_names.index(name), name, column)


HOSTILE_TABLES = {
    "a column is missing": lambda table: table.drop_columns(["exit1.prediction"]),
    "no column at all": lambda table: table.select([]),
    "no rows": lambda table: table.slice(0, 0),
    "a row too few": lambda table: table.slice(1),
    "a column twice": lambda table: table.append_column("id", table["id"]),
    "ids twice": lambda table: with_column(table, "id", [7] * 30),
    "an id is missing": lambda table: with_column(table, "id", pa.array([None, *range(29)], pa.int64())),
    "an id beyond 64 bits with a sign": lambda table: with_column(table, "id", pa.array([2**63, *range(29)], pa.uint64())),
    "labels that are not whole": lambda table: with_column(table, "label", [1.7] * 30),
    "predictions that are not whole": lambda table: with_column(table, "exit1.prediction", [1.0] * 30),
    "a split that begins like one": lambda table: with_column(table, "split", ["calibrationX"] * 30),
    "ids of text": lambda table: with_column(table, "id", ["x"] * 30),
    "labels beyond the classes": lambda table: with_column(table, "label", [4] * 30),
    "negative labels": lambda table: with_column(table, "label", [-1] * 30),
    "predictions beyond the classes": lambda table: with_column(table, "exit2.prediction", [4] * 30),
    "negative predictions": lambda table: with_column(table, "exit2.prediction", [-1] * 30),
    "top classes beyond the classes": lambda table: with_column(
        table, "exit0.top_class", pa.FixedSizeListArray.from_arrays(pa.array([9] * 120, pa.int32()), 4)
    ),
    "top classes that are not lists": lambda table: with_column(table, "exit0.top_class", [1] * 30),
    "scores that are NaN": lambda table: with_column(table, "exit0.score.maxprob", [float("nan")] * 30),
    "scores that are missing": lambda table: with_column(table, "exit0.score.maxprob", pa.array([None] * 30, pa.float32())),
    "a score of one exit missing": lambda table: table.drop_columns(["exit1.score.maxprob"]),
    "an unknown split": lambda table: with_column(table, "split", ["train"] * 30),
    "a split without a name": lambda table: with_column(table, "split", pa.array([None] * 30, pa.string())),
    "an image outside the file": lambda table: with_column(table, "image_offset", [2**62] * 30),
    "a factor of lists": lambda table: with_column(table, "factor.difficulty", [[1.0]] * 30),
}


@pytest.mark.parametrize("name", HOSTILE_TABLES)
def test_a_hostile_table_is_refused(whole, name):
    pq.write_table(HOSTILE_TABLES[name](pq.read_table(whole / TABLE)), whole / TABLE)
    assert "Bundle tiny is inconsistent" in refused(relisted(whole))


def test_a_table_that_is_not_parquet_is_refused(whole):
    (whole / TABLE).write_bytes(b"PAR1 nothing of the kind PAR1")
    refused(relisted(whole))


@pytest.mark.parametrize("shape", [(3, 30, 5), (2, 30, 4), (3, 29, 4), (360,)])
def test_logits_of_another_shape_are_refused(whole, shape):
    save_tensors(whole / LOGITS, {"logits": np.zeros(shape, np.float32)})
    assert "is inconsistent" in refused(relisted(whole))


@pytest.mark.parametrize("logits", [np.zeros((3, 30, 4), np.int64), np.full((3, 30, 4), np.nan, np.float32)], ids=["whole", "NaN"])
def test_logits_that_are_not_finite_numbers_are_refused(whole, logits):
    save_tensors(whole / LOGITS, {"logits": logits})
    assert "is inconsistent" in refused(relisted(whole))


def test_the_seal_depends_only_on_the_content(whole):
    manifest = json.loads((whole / MANIFEST).read_text())
    shuffled = dict(sorted(manifest.items(), reverse=True))
    (whole / MANIFEST).write_text(json.dumps(shuffled, separators=(", ", ":  ")))
    assert read_bundle(whole).title == manifest["title"]
    (whole / MANIFEST).write_text(json.dumps(manifest | {"title": "Another"}))
    assert "was changed after it was written" in refused(whole)


def test_a_seal_over_the_text_of_an_older_bundle_is_accepted(whole):
    expected = read_bundle(whole)
    assert same_outputs(read_bundle(resealed(whole)).outputs, expected.outputs)


def test_a_damaged_bundle_does_not_affect_others(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    for name in ("good", "bad"):
        shutil.copytree(whole, tmp_path / "bundles" / name)
    (tmp_path / "bundles" / "bad" / LOGITS).write_bytes(b"")
    with pytest.raises(UserError):
        open_bundle("bad")
    assert open_bundle("good").outputs.examples == 30


# A killed write


class Killed(BaseException):
    """Simulates the end of the process: nothing catches it, nothing cleans up."""


def killed_at(monkeypatch, step: int, before: bool) -> None:
    """End the process just before or after operation number `step` that changes the disk."""
    operations = 0

    def deadly(operation):
        def run(*arguments, **options):
            nonlocal operations
            operations += 1
            if operations == step and before:
                raise Killed
            result = operation(*arguments, **options)
            if operations == step:
                raise Killed
            return result

        return run

    for owner, names in ((Path, ("mkdir", "rename", "replace", "unlink", "chmod")), (os, ("fsync",)), (shutil, ("rmtree",))):
        for name in names:
            monkeypatch.setattr(owner, name, deadly(getattr(owner, name)))


OLD, NEW = outputs(examples=30, seed=1), outputs(examples=33, seed=2)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("again", [-1, 0, 1])
def test_a_write_killed_at_any_point_leaves_a_whole_bundle(tmp_path, monkeypatch, before, again):
    """Killed once, killed again nearby on the next try, then left to finish: the bundle is always whole, and new in the end."""
    for steps in count(1):
        killed = 0
        monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / str(steps)))
        folder = tmp_path / str(steps) / "bundles" / "tiny"
        write_bundle(draft(OLD), folder)
        for step in (steps, steps + again):
            with monkeypatch.context() as patch:
                killed_at(patch, step, before)
                try:
                    write_bundle(draft(NEW), folder)
                except Killed:
                    killed += 1
            assert [entry.id for entry in entries()] == ["tiny"]
            kept = open_bundle("tiny").outputs
            assert same_outputs(kept, OLD) or same_outputs(kept, NEW)
        write_bundle(draft(NEW), folder)
        assert same_outputs(read_bundle(folder).outputs, NEW)
        assert sorted(path.name for path in folder.parent.iterdir()) == ["tiny"]
        if not killed:
            break
    assert steps > 8, "too few operations for the test to mean anything"


def test_a_write_that_fails_leaves_the_old_one(tmp_path):
    def breaking_images():
        yield 1, b"fine"
        raise RuntimeError("the disk is full")

    folder = write_bundle(draft(OLD), tmp_path / "tiny")
    with pytest.raises(RuntimeError, match="disk is full"):
        write_bundle(draft(NEW, images=breaking_images()), folder)
    assert same_outputs(read_bundle(folder).outputs, OLD)
