"""Imported files become bundles that sweep like any other."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from engine.__main__ import main
from engine.bundle.bundle import read_bundle
from engine.display_text import printable
from engine.errors import UserError
from engine.importing.importer import import_file
from engine.importing.templates import TEMPLATES, write_template
from engine.policies import POLICIES, policy
from engine.policies.core.base import PolicyGroup
from engine.splits import Split
from engine.sweep import run_sweep
from tests.sentences import assert_one_sentence
from tests.synthetic import draw_logits


def network(exits, classes, examples, seed=0):
    """Logits (exits, examples, classes) and labels (examples,)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=examples)
    return draw_logits(labels, rng.uniform(size=examples), exits, classes, rng), labels


def softmax(logits):
    e = np.exp(np.asarray(logits, np.float64) - np.max(logits, axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _four_networks():
    logits, labels = network(4, 10, 2400)
    return {"logits": logits, "labels": labels, "stage_cost_latency_ms": np.array([1.0, 3.0, 4.5, 20.0]), "topology": np.array("family")}


def _two_exits():
    logits, labels = network(2, 5, 600)
    return {"logits": logits.astype(np.float64), "labels": labels, "cost": np.array([3, 10])}


def _probabilities():
    logits, labels = network(3, 6, 600)
    return {"probs": softmax(logits).astype(np.float32), "labels": labels, "cost_macs": np.array([1e6, 4e6, 6e6])}


def _confidences():
    logits, labels = network(3, 6, 600)
    return {"pred": logits.argmax(-1), "conf": softmax(logits).max(-1), "labels": labels, "cost_macs": np.array([1e6, 4e6, 6e6])}


def _a_thousand_classes():
    logits, labels = network(4, 1000, 2000)
    split = np.tile([0, 1, 2, 2], 500)
    return {"logits": logits.astype(np.float16), "labels": labels, "cost_macs": np.array([1.0, 2.0, 4.0, 8.0]), "split": split}


FILES = {
    "four networks": _four_networks,
    "two exits": _two_exits,
    "probabilities": _probabilities,
    "confidences": _confidences,
    "a thousand classes": _a_thousand_classes,
}


@pytest.fixture(scope="module", params=FILES)
def imported(request, tmp_path_factory):
    """The arrays of a file, and the bundle made from it."""
    folder = tmp_path_factory.mktemp("import")
    arrays = FILES[request.param]()
    np.savez(folder / "mine.npz", **arrays)
    made = import_file(folder / "mine.npz", "mine", out=folder / "bundle")
    return arrays, read_bundle(made.folder)


def test_the_bundle_holds_the_contents_of_the_file(imported):
    arrays, bundle = imported
    outputs = bundle.outputs
    recorded = arrays.get("logits", arrays.get("probs"))
    prediction = arrays["pred"] if recorded is None else recorded.argmax(-1)
    assert (outputs.prediction == prediction).all() and (outputs.labels == arrays["labels"]).all()
    assert (outputs.ids == np.arange(outputs.examples)).all()
    confidence = arrays["conf"] if recorded is None else (softmax(recorded) if "logits" in arrays else recorded).max(-1)
    kept = 1 / (1 + np.exp(-outputs.scores["maxprob"].astype(np.float64)))
    np.testing.assert_allclose(kept, confidence, atol=2e-6)
    if "logits" in arrays:
        np.testing.assert_array_equal(outputs.logits, arrays["logits"].astype(outputs.logits.dtype))
        assert outputs.logits.dtype == (np.float16 if arrays["logits"].dtype == np.float16 else np.float32)
    assert outputs.kind == str(arrays.get("topology", "chain"))
    ((unit, cost),) = outputs.stage_cost.items()
    given = next(array for name, array in arrays.items() if "cost" in name)
    assert np.allclose(cost if outputs.kind == "family" else np.cumsum(cost), given)
    assert unit in ("latency_ms", "cost", "macs")


def test_a_missing_split_is_drawn_half_and_half_and_always_the_same(imported):
    arrays, bundle = imported
    split = bundle.outputs.split
    if "split" in arrays:
        assert [list(split).count(part) for part in ("fit", "calibration", "test")] == [500, 500, 1000]
    else:
        assert (split == "calibration").sum() == (split == "test").sum() == len(split) / 2
        assert "seed 0" in bundle.provenance["split"] and any("seed 0" in note for note in bundle.provenance["notes"])


@pytest.mark.parametrize("name", [name for name, one in POLICIES.items() if one.group is not PolicyGroup.LEARNED])
def test_every_policy_that_supports_the_outputs_sweeps_them(imported, name):
    assert_swept_or_refused(imported, name)


@pytest.mark.parametrize("name", [name for name, one in POLICIES.items() if one.group is PolicyGroup.LEARNED])
@pytest.mark.parametrize("imported", ["four networks", "confidences"], indirect=True)
def test_policies_that_learn_for_long_sweep_two_of_the_files(imported, name):
    assert_swept_or_refused(imported, name)


def assert_swept_or_refused(imported, name):
    outputs = imported[1].outputs
    unit = next(iter(outputs.stage_cost))
    swept = policy(name)
    if swept.unavailable_reason(outputs):
        with pytest.raises(UserError):
            run_sweep(swept, outputs, 3, unit)
        return
    result = run_sweep(swept, outputs, [1.0], unit)
    assert np.isfinite(result.accuracy).all() and np.isfinite(result.cost).all()
    assert result.accuracy[0] >= result.static_accuracy.min() - 0.05


def slow_max_prob(sureness, outputs, exit_cost, budget):
    """Geometric quotas over the top probability, example by example. Returns accuracy and mean cost on test."""
    exits = len(exit_cost)
    low, high = -60.0, 60.0
    for _ in range(200):
        middle = (low + high) / 2
        weight = [np.exp(middle * k - max(0.0, middle * (exits - 1))) for k in range(exits)]
        quota = [w / sum(weight) for w in weight]
        if sum(q * c for q, c in zip(quota, exit_cost, strict=True)) > budget:
            high = middle
        else:
            low = middle
    calibration = [i for i in range(len(outputs.labels)) if outputs.split[i] == Split.CALIBRATION]
    remaining, thresholds = list(calibration), []
    for k in range(exits - 1):
        leaving = int(quota[k] * len(calibration) + 1e-9)
        if leaving >= len(remaining):
            thresholds += [-np.inf] * (exits - 1 - k)
            break
        ranked = sorted((sureness[k][i] for i in remaining), reverse=True)
        thresholds.append(ranked[leaving - 1] if leaving else np.inf)
        remaining = [i for i in remaining if sureness[k][i] < thresholds[k]]
    test = [i for i in range(len(outputs.labels)) if outputs.split[i] == Split.TEST]
    correct = cost = 0.0
    for i in test:
        exit = next((k for k in range(exits - 1) if sureness[k][i] >= thresholds[k]), exits - 1)
        correct += outputs.prediction[exit][i] == outputs.labels[i]
        cost += exit_cost[exit]
    return correct / len(test), cost / len(test)


def test_max_prob_equals_an_evaluation_example_by_example(imported):
    arrays, bundle = imported
    outputs = bundle.outputs
    unit, stage_cost = next(iter(outputs.stage_cost.items()))
    if "conf" in arrays:
        sureness = arrays["conf"]
    else:
        p = softmax(arrays["logits"]) if "logits" in arrays else arrays["probs"].astype(np.float64)
        sureness = p.max(-1) / (p.sum(-1) - p.max(-1))  # rises with the top probability, and does not saturate
    full = stage_cost[-1] if outputs.kind == "family" else stage_cost.sum()
    exit_cost = [float(stage_cost[: k + 1].sum()) for k in range(outputs.exits)]
    budgets = [0.5, 0.7, 0.9]
    result = run_sweep(policy("maxprob"), outputs, budgets, unit)
    published = [i for i in range(len(budgets)) if not result.notes[i]]  # plans that the check against the random mix kept
    assert published
    for i, budget in ((i, budgets[i]) for i in published):
        accuracy, cost = slow_max_prob(sureness, outputs, exit_cost, budget * full)
        assert result.accuracy[i] == pytest.approx(accuracy, abs=1e-12)
        assert result.cost[i] * full == pytest.approx(cost, rel=1e-12)
    assert len(set(result.accuracy)) > 1


ENDINGS = [(kind, ending) for kind in TEMPLATES for ending in (".npz", ".safetensors") if kind != "parquet"] + [("parquet", ".parquet")]


@pytest.mark.parametrize(("kind", "ending"), ENDINGS)
def test_templates_import_as_they_are(kind, ending, tmp_path):
    made = import_file(write_template(kind, tmp_path / f"t{ending}"), "t", out=tmp_path / "bundle")
    assert not any("ignored" in note for note in made.notes)
    outputs = read_bundle(made.folder).outputs
    assert outputs.kind == ("family" if kind in ("family", "correct") else "chain")
    recorded = {"probs": "probabilities", "mixed": "probabilities", **dict.fromkeys(("confidence", "correct", "quality"), "confidence")}
    assert outputs.recorded == recorded.get(kind, "logits")
    accuracy = outputs.quality.mean(axis=1)
    assert (np.diff(accuracy) > 0).all()


def test_the_three_files_of_one_template_make_the_same_outputs(tmp_path):
    made = []
    for kind, ending in [("logits", ".npz"), ("logits", ".safetensors"), ("parquet", ".parquet")]:
        import_file(write_template(kind, tmp_path / f"t{ending}"), "t", out=tmp_path / kind / ending[1:])
        made.append(read_bundle(tmp_path / kind / ending[1:]))
    for other in made[1:]:
        assert (other.class_names, other.exit_names) == (made[0].class_names, made[0].exit_names)
        for name in ("logits", "labels", "ids", "split"):
            np.testing.assert_array_equal(getattr(other.outputs, name), getattr(made[0].outputs, name))
        for unit in ("macs", "latency_ms"):
            np.testing.assert_array_equal(other.outputs.stage_cost[unit], made[0].outputs.stage_cost[unit])
        np.testing.assert_array_equal(other.outputs.factors["difficulty"], made[0].outputs.factors["difficulty"])
    assert [bundle.images is None for bundle in made] == [False, False, True]


def test_the_images_of_test_rows_are_kept_and_encoded_again(tmp_path):
    arrays = TEMPLATES["logits"]()
    np.savez(tmp_path / "t.npz", **arrays)
    bundle = read_bundle(import_file(tmp_path / "t.npz", "t", out=tmp_path / "b").folder)
    shown = arrays["ids"][arrays["split"] == "test"]
    assert len(bundle.images) == len(shown)
    for row in (200, 250, 299):
        seen = np.asarray(Image.open(io.BytesIO(bundle.images[int(arrays["ids"][row])])))
        assert abs(seen.astype(int) - arrays["images"][row]).max() <= 8


def test_probabilities_of_zero_and_one_stay_finite_and_in_order(tmp_path):
    probs = np.tile(np.array([[1, 0, 0], [0.5, 0.5, 0], [1 - 1e-7, 1e-7, 0], [1 - 2e-7, 2e-7, 0]], np.float32), (2, 1, 1))
    np.savez(tmp_path / "t.npz", probs=probs, labels=[0, 1, 0, 0], cost=[1, 2])
    outputs = read_bundle(import_file(tmp_path / "t.npz", "t", out=tmp_path / "b").folder).outputs
    assert np.isfinite(outputs.logits).all() and outputs.recorded == "probabilities"
    assert list(np.argsort(outputs.scores["maxprob"][0])) == [1, 3, 2, 0]


def test_confidences_of_one_stay_finite(tmp_path):
    np.savez(tmp_path / "t.npz", pred=[[0, 1, 1, 0]], conf=[[1.0, 0.5, 0.0, 0.9]], labels=[0, 1, 1, 0], cost=[1])
    made = import_file(tmp_path / "t.npz", "t", out=tmp_path / "b")
    assert np.isfinite(made.draft.outputs.scores["maxprob"]).all()


@pytest.mark.parametrize(("digits", "noted"), [(1, True), (8, False)])
def test_tied_confidences_are_noted(digits, noted, tmp_path):
    rng = np.random.default_rng(0)
    conf, labels = rng.uniform(0.3, 0.9, (2, 200)).round(digits), rng.integers(3, size=200)
    np.savez(tmp_path / "t.npz", pred=rng.integers(3, size=(2, 200)), conf=conf, labels=labels, cost=[1, 2])
    notes = import_file(tmp_path / "t.npz", "t", out=tmp_path / "b").notes
    assert any(note.startswith("The confidence of Exit 1 has only 7 distinct values for 200 rows") for note in notes) == noted


def test_log_probabilities_are_recognized(tmp_path):
    logits, labels = network(2, 5, 40)
    log_p = np.log(softmax(logits)).astype(np.float32)
    np.savez(tmp_path / "t.npz", logits=log_p, labels=labels, cost=[1, 2])
    made = import_file(tmp_path / "t.npz", "t", out=tmp_path / "b")
    assert made.draft.outputs.recorded == "probabilities" and "energy" not in made.draft.outputs.scores
    assert any("log-probabilities" in note for note in made.notes)


def test_text_from_a_file_is_cleaned(tmp_path):
    logits, labels = network(2, 3, 40)
    names = np.array(["\x1b[31mred\x1b[0m", "a\u202eb\n\tc", "x" * 500])
    exits = np.array(["\x00", "end"])
    np.savez(tmp_path / "t.npz", logits=logits, labels=labels, cost=[1, 2], class_names=names, exit_names=exits, **{"a\nb": [1]})
    made = import_file(tmp_path / "t.npz", "t", title="two\nlines", out=tmp_path / "b")
    bundle = read_bundle(made.folder)
    assert bundle.class_names == ("[31mred [0m", "a b c", "x" * 60)
    assert bundle.exit_names == ("Exit 1", "end")
    assert bundle.title == "two lines"
    assert "Ignored, with names that are not known here: a b." in made.notes
    assert printable("naïve 猫 é") == "naïve 猫 é"


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        ("file/sub", "is not a folder; choose another place"),
        ("file/sub/sub", "is not a folder; choose another place"),
        ("file", "already exists and is not an imported bundle"),
        ("pipe", "already exists and is not an imported bundle"),
        ("link", "is a symbolic link and is not a bundle"),
        ("gone", "is a symbolic link and is not a bundle"),
        ("gone/sub", "is not a folder; choose another place"),
        ("x" * 300, "cannot be written"),
    ],
)
def test_a_place_that_cannot_hold_a_bundle_is_refused_before_the_file_is_read(out, problem, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=problem) as refused:
        import_file(tmp_path / "missing.npz", "x", out=tmp_path / out)
    assert_one_sentence(str(refused.value))
    assert sorted(tmp_path.iterdir()) == before and (tmp_path / "file").read_text() == "mine"


def test_an_import_replaces_an_import_and_nothing_else(tmp_path):
    path = write_template("probs", tmp_path / "t.npz")
    (tmp_path / "empty").mkdir()
    for _ in range(2):
        import_file(path, "t", out=tmp_path / "empty")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("keep me")
    with pytest.raises(UserError, match="letters already exists and is not an imported bundle; choose another --id or --out."):
        import_file(path, "t", out=tmp_path / "letters")
    assert (tmp_path / "letters" / "dear.txt").read_text() == "keep me"
    manifest = tmp_path / "empty" / "bundle.json"
    manifest.write_text(manifest.read_text().replace("imported_from", "recipe"))
    with pytest.raises(UserError, match="is not an imported bundle"):
        import_file(path, "t", out=tmp_path / "empty")
    with pytest.raises(UserError, match="cannot be written"):
        import_file(path, "t", out=path / "below a file")


def test_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / "data"))
    assert main(["import", "--template", "family", "--out", str(tmp_path / "f.npz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"template": "family", "file": str(tmp_path / "f.npz")}
    assert main(["import", str(tmp_path / "f.npz"), "--id", "fam", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["topology"] == "family" and document["exits"] == 3 and len(document["notes"]) == 2 and not document["replaced"]
    assert main(["sweep", "fam", "--policy", "maxprob", "--points", "3", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["points"]) == 3
    assert main(["import", str(tmp_path / "f.npz"), "--id", "fam", "--topology", "chain"]) == 0
    shown = capsys.readouterr().out
    assert f"Bundle written to {tmp_path / 'data' / 'bundles' / 'fam'} in place of an earlier one: 3 exits" in shown
    assert main(["import", str(tmp_path / "f.npz"), "--id", "fam", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["replaced"]
    assert "No split given: 150 rows drawn at random with seed 0" in shown and "large 7" in shown
    assert main(["verify", "fam"]) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["import", "f.npz"], "An import needs a file and an id for the bundle; give `python -m engine import FILE --id NAME`."),
        (
            ["import", "--template", "logits"],
            "To write an example file, give --template KIND and --out FILE, without a file to import and without --id.",
        ),
        (["import", "gone.npz", "--id", "x"], "There is no file gone.npz; check the path."),
        (
            ["import", "gone.npz", "--id", "X"],
            "'X' cannot name a bundle; use up to 64 lower-case letters, digits, dots, dashes or underscores.",
        ),
        (
            ["import", "--template", "cats", "--out", "x.npz"],
            "There is no template 'cats'; choose one of: logits, probs, confidence, family, parquet, mixed, correct, quality, long, wide.",
        ),
        (
            ["import", "--template", "parquet", "--out", "x.npz"],
            "The template parquet cannot be written to 'x.npz'; use a name that ends in .parquet.",
        ),
        (
            ["import", "--template", "probs", "--out", "x.csv"],
            "The template probs cannot be written to 'x.csv'; use a name that ends in .npz or .safetensors.",
        ),
    ],
)
def test_invalid_command_lines_are_refused(arguments, sentence, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / "data"))
    assert main(arguments) == 2
    assert capsys.readouterr().err == sentence + "\n"
    assert not list(tmp_path.iterdir())


def test_a_template_overwrites_nothing(tmp_path):
    path = write_template("probs", tmp_path / "t.npz")
    with pytest.raises(UserError, match="t.npz already exists and is not overwritten; choose another name with --out."):
        write_template("probs", path)


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"])
@pytest.mark.parametrize("form", ["arrays", "log"])
def test_text_columns_of_any_encoding_are_read(encoding: str, form: str, tmp_path: Path) -> None:
    rows, path = 60, tmp_path / "rows.parquet"
    ids, rng = [f"row {row}" for row in range(rows)], np.random.default_rng(0)
    if form == "arrays":
        exits = {f"exit{k}.pred": rng.integers(0, 3, rows) for k in (0, 1)} | {f"exit{k}.conf": rng.random(rows) for k in (0, 1)}
        table = pa.table(
            {"id": ids, "label": rng.integers(0, 3, rows), **exits, "exit0.cost_macs": [1.0] * rows, "exit1.cost_macs": [2.0] * rows}
        )
    else:
        both = {"query_id": ids * 2, "model": ["small"] * rows + ["large"] * rows}
        table = pa.table({**both, "correct": rng.integers(0, 2, 2 * rows), "cost_usd": [1.0] * rows + [2.0] * rows})
    texts = [name for name in table.column_names if pa.types.is_string(table[name].type)]
    pq.write_table(table, path, use_dictionary=False, column_encoding={name: encoding for name in texts})
    imported = import_file(path, "rows", out=tmp_path / "rows")
    assert imported.draft.id_texts is not None and sorted(imported.draft.id_texts) == sorted(ids)
