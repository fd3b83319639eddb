"""What is recognized in logs and arrays, what is left out, and what their owner is told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.special import log_softmax, softmax

from engine.__main__ import main
from engine.analysis.routes_table import as_csv, routes_table
from engine.bundle.bundle import Bundle, read_bundle
from engine.hashing import hash_texts
from engine.importing.help_text import TEMPLATE_KINDS, help_text
from engine.importing.importer import Imported, import_file
from engine.importing.logs.column_names import COST_NAMES, ROLES, by_model, guess, parted
from engine.importing.notebook import import_frame
from engine.importing.options import Options
from engine.importing.templates import LOG_TEMPLATES, TEMPLATES, write_template
from engine.outputs import CascadeKind
from engine.policies import POLICIES, policy
from engine.splits import Split
from engine.sweep import run_sweep
from tests.engine.importing.decoding import decode_in_this_process
from tests.engine.importing.invented_logs import write_bfloat16, write_csv


def imported(tmp_path: Path, rows: Any, kind: CascadeKind | str | None = None, **options: Any) -> Imported:
    return import_frame(rows, "x", kind=kind, out=tmp_path / "bundle", **options)


def reopened(made: Imported) -> Bundle:
    return read_bundle(made.folder)


def rows_of(quality: dict[str, list[Any]], cost: dict[str, Any], **more: list[Any]) -> list[dict[str, Any]]:
    """Rows in long form. quality: {model: of each example};  more: columns of the examples"""
    return [
        {"id": f"e{i}", "model": model, "correct": values[i], "cost": cost[model][i] if isinstance(cost[model], list) else cost[model]}
        | {name: column[i] for name, column in more.items()}
        for i in range(len(next(iter(quality.values()))))
        for model, values in quality.items()
    ]


HALF = ["calibration", "test"] * 5


# Columns


@pytest.mark.parametrize("role", ROLES)
def test_every_name_of_a_column_is_recognized(role: str) -> None:
    for name in ROLES[role].names:
        for written in (name, name.upper(), name.replace("_", " ").title(), name.replace("_", "-")):
            assert guess(["a", written], {}).roles == {role: written}


def test_every_name_of_a_cost_gives_its_unit() -> None:
    for name, unit in COST_NAMES.items():
        assert list(guess(["a", name], {}).costs) == [unit or name]
    assert list(guess(["cost_gflops", "stage_cost_joules", "stage_cost"], {}).costs) == ["gflops", "joules", "cost"]


def test_of_several_names_the_first_in_the_list_counts_and_the_user_has_the_last_word() -> None:
    columns = ["score", "is_correct", "id", "query_id"]
    assert guess(columns, {}).roles == {"example": "query_id", "quality": "is_correct"}
    assert guess(columns, {"correct": "score", "example": "id"}).roles == {"example": "id", "quality": "score"}
    assert guess(columns, {"quality": ""}).roles == {"example": "query_id"}
    assert list(guess(["price", "total"], {"cost": "total"}).costs) == ["cost"]
    assert list(guess(["price", "total"], {"cost": "price"}).costs) == ["price"]
    assert list(guess(["price", "total"], {"cost_usd": "price", "cost_tokens": "total"}).costs) == ["usd", "tokens"]


@pytest.mark.parametrize(
    ("column", "parts"),
    [
        ("gpt.cost", ("gpt", "cost")),
        ("gpt-4|total_cost", ("gpt-4", "total_cost")),
        ("gpt_4_latency_ms", ("gpt_4", "latency_ms")),
        ("gpt:confidence", ("gpt", "confidence")),
        ("a.b.is_correct", ("a.b", "is_correct")),
        ("total_cost", None),
        ("is_correct", None),
        ("gpt|model_response", None),
        ("gpt", None),
    ],
)
def test_columns_of_a_model_are_parted(column: str, parts: tuple[str, str] | None) -> None:
    assert parted(column) == parts


def test_a_column_that_belongs_to_no_model_is_not_taken_for_one() -> None:
    models = by_model(["id", "length", "big", "big.cost", "small", "small.cost", "average_cost"])
    assert list(models) == ["big", "small"]
    assert models["big"].quality == "big" and models["big"].costs["cost"].column == "big.cost"


def test_the_guess_is_the_first_note(tmp_path: Path) -> None:
    made = imported(tmp_path, rows_of({"a": [1, 0] * 5, "b": [1] * 10}, {"a": 1, "b": 2}, note=["x"] * 10))
    assert made.notes[0] == (
        "Columns were read as example = id, model = model, quality = correct, cost = cost; to change one, give --map quality=COLUMN, for"
        " example."
    )
    assert "Columns that are not used: note." in made.notes
    assert made.draft.provenance["notes"] == list(made.notes)
    assert repr(made) == f"Imported('x' in {str(made.folder)!r}, Outputs(family, 2 exits, 10 examples, correct or not; costs in cost))"
    assert any(note.startswith("There is no confidence, ") and "conf" in note and "before_NAME" in note for note in made.notes)


@pytest.mark.parametrize("wide", [False, True])
def test_a_number_known_before_any_model_runs_is_offered_and_mapped(tmp_path: Path, wide: bool) -> None:
    rows: Any = rows_of({"a": [1, 0] * 5, "b": [1] * 10}, {"a": 1, "b": 2}, guess=[i / 2 for i in range(10)])
    if wide:
        rows = [{"id": i, "a": i % 2, "a.cost": 1, "b": 1, "b.cost": 2, "guess": i / 2} for i in range(10)]
    offered = "Columns that are not used: guess; if guess is known before any model runs, --map before_guess=guess lets policies read it."
    assert offered in imported(tmp_path, rows).notes
    made = imported(tmp_path, rows, columns={"before_guess": "guess"})
    assert any(", before_guess = guess" in note for note in made.notes)
    assert made.draft.outputs.before["guess"].tolist() == [i / 2 for i in range(10)]
    assert not imported(tmp_path, rows, columns={"before_guess": ""}).draft.outputs.before


def test_the_help_lists_every_array_and_column() -> None:
    text = " ".join(help_text().split())
    for name in (*(name for role in ROLES.values() for name in role.names), *COST_NAMES):
        assert name in text
    for kind in TEMPLATES.values():
        for name in kind():
            known = name.partition(".")[2] or name
            start = "stage_cost_UNIT" if name.startswith("stage_cost") else "cost_UNIT" if name.startswith("cost") else known
            assert f" {'factor_NAME' if name.startswith('factor_') else start} " in text, name
    assert set(TEMPLATE_KINDS) == {*TEMPLATES, *LOG_TEMPLATES}


# Models


def test_exit_numbers_are_a_chain_and_names_a_family(tmp_path: Path) -> None:
    def kind(names: list[str], column: str = "model", **options: Any) -> tuple[str, tuple[str, ...]]:
        rows = rows_of({name: [k, 1] * 5 for k, name in enumerate(names)}, {name: 10 * (k + 1) for k, name in enumerate(names)}, split=HALF)
        rows = [{(column if name == "model" else name): value for name, value in row.items()} for row in rows]
        outputs = imported(tmp_path, rows, **options).draft
        return str(outputs.outputs.kind), outputs.exit_names

    assert kind(["exit2", "exit10"]) == ("chain", ("exit2", "exit10"))
    assert kind(["0", "1"], "exit") == ("chain", ("Exit 0", "Exit 1"))
    assert kind(["head 1", "head 2"])[0] == "chain"
    assert kind(["small", "large"])[0] == "family"
    assert kind(["7", "13"])[0] == "family"
    assert kind(["7", "13"], kind=CascadeKind.CHAIN) == ("chain", ("Exit 7", "Exit 13"))
    assert kind(["early", "final"], "layer") == ("chain", ("early", "final"))
    assert kind(["exit1", "exit2"], kind=CascadeKind.FAMILY)[0] == "family"


@pytest.mark.parametrize("topology", CascadeKind)
def test_the_kind_as_text_is_what_it_names(tmp_path: Path, topology: CascadeKind) -> None:
    """A command line and a notebook give text: exits are sorted and their costs totals, and a family ends in its best model."""
    log = rows_of({"10": [1] * 10, "9": [0, 1] * 5, "11": [1, 1, 1, 1, 0] * 2}, {"9": 1, "10": 3, "11": 7}, split=HALF)
    quality = np.array([[0, 1] * 5, [1] * 10, [1, 1, 1, 1, 0] * 2])
    arrays = {"quality": quality, "split": HALF, "stage_cost": [1, 2, 4]}
    if topology == CascadeKind.CHAIN:
        option, names, arrays_names, costs = ["--chain"], ("Exit 9", "Exit 10", "Exit 11"), ("Exit 1", "Exit 2", "Exit 3"), [1, 2, 4]
    else:
        option, names, arrays_names, costs = ["--topology", "family"], ("Exit 9", "Exit 10"), ("Network 1", "Network 2"), [1, 3]
    write_csv(tmp_path / "a.csv", log)
    assert main(["import", str(tmp_path / "a.csv"), "--id", "x", "--out", str(tmp_path / "b"), *option]) == 0
    made = read_bundle(tmp_path / "b")
    assert made.exit_names == names and made.outputs.stage_cost["cost"].reshape(len(names), -1)[:, 0].tolist() == costs
    assert imported(tmp_path, log, str(topology)).draft.exit_names == names
    assert imported(tmp_path, arrays, str(topology)).draft.exit_names == arrays_names


def test_costs_of_a_chain_are_totals_unless_their_name_says_stage(tmp_path: Path) -> None:
    quality = {"exit0": [0, 1] * 5, "exit1": [1, 1] * 5}
    rows = rows_of(quality, {"exit0": 2.0, "exit1": [5.0 + i % 2 for i in range(10)]})
    for options in ({}, {"cost_unit": "usd"}):
        made = imported(tmp_path, rows, **options)
        np.testing.assert_allclose(made.draft.outputs.stage_cost[options.get("cost_unit", "cost")], [[2.0] * 10, [3.0, 4.0] * 5])
        assert any("give --cost-unit usd" in note for note in made.notes) == (not options)
    renamed = [{("stage_cost_ms" if name == "cost" else name): value for name, value in row.items()} for row in rows]
    outputs = imported(tmp_path, renamed).draft.outputs
    np.testing.assert_allclose(outputs.stage_cost["ms"], [[2.0] * 10, [5.0, 6.0] * 5])


def test_a_dominated_model_is_left_out_and_recorded(tmp_path: Path) -> None:
    quality = {"cheap": [1, 0] * 5, "best": [1, 1, 1, 1, 0] * 2, "same": [1, 1, 1, 1, 0] * 2, "worst": [0] * 10}
    rows = rows_of(quality, {"cheap": 1, "best": 2, "same": 3, "worst": 9.5}, split=["calibration"] * 5 + ["test"] * 5)
    made = imported(tmp_path, rows, kind="family")
    assert made.draft.exit_names == ("cheap", "best")
    assert made.draft.provenance["dominated"] == [
        {"name": "same", "cost": {"cost": 3.0}, "quality": 0.8},
        {"name": "worst", "cost": {"cost": 9.5}, "quality": 0.0},
    ]
    assert (
        "Left out, because they cost more than best (2 cost, 80.0%) and are no better on calibration: same (3 cost, 80.0%), worst"
        " (9.5 cost, 0.0%)." in made.notes
    )
    assert reopened(made).provenance["dominated"][1]["name"] == "worst"


def test_a_family_of_arrays_ends_in_its_best_network_too(tmp_path: Path) -> None:
    arrays = TEMPLATES["family"]()
    np.savez(tmp_path / "f.npz", **{**arrays, "logits": arrays["logits"][[0, 2, 1]]})
    made = import_file(tmp_path / "f.npz", "f", out=tmp_path / "b")
    assert made.draft.exit_names == ("small", "medium") and made.draft.provenance["dominated"][0]["name"] == "large"
    np.testing.assert_array_equal(reopened(made).outputs.logits, arrays["logits"][[0, 2]])
    np.testing.assert_array_equal(made.draft.outputs.stage_cost["macs"], [1e6, 4e6])


def test_units_in_which_the_best_model_is_not_the_most_costly_are_noted(tmp_path: Path) -> None:
    rows = rows_of({"a": [0, 1] * 5, "b": [1] * 10}, {"a": 1, "b": 2})
    for row in rows:
        row["seconds"] = 5 if row["model"] == "a" else 3
    notes = imported(tmp_path, rows).notes
    assert "In seconds, b costs less than a; budgets are shares of its cost and may be above 100%." in notes


@pytest.mark.parametrize("wide", [False, True])
def test_models_can_be_selected(tmp_path: Path, wide: bool) -> None:
    quality = {"a": [0, 1] * 5, "b,c": [1] * 10, "d": [1, 1, 0, 1, 1] * 2}
    cost = {"a": 1, "b,c": 2, "d": 1.5}
    rows: Any = [{"id": i, "length": 40 + i, "split": HALF[i]} | {name: values[i] for name, values in quality.items()} for i in range(10)]
    made = imported(
        tmp_path, rows if wide else rows_of(quality, cost, split=HALF), models=["d", "a"], **({"cost": {"a": 1, "d": 2}} if wide else {})
    )
    assert set(made.draft.exit_names) == {"a", "d"}


def test_what_there_is_one_of_is_counted_in_the_singular(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(tmp_path / "a.csv", rows_of({"a": [0, 1, None]}, {"a": [1, 2, None]}))
    assert main(["import", str(tmp_path / "a.csv"), "--id", "x", "--out", str(tmp_path / "b")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Bundle") and ": 1 model, 2 examples; " in lines[0] and " on the 1 test example: " in lines[-1]
    assert "2 of 3 examples have a row for the model (a has 2 rows), and only these are kept." in lines
    assert "No split given: 1 row drawn at random with seed 0 is for calibration, the other 1 for testing." in lines
    assert any(line.startswith("There is only 1 test example: ") for line in lines)


# Cells


def test_failed_rows_are_worth_nothing_cost_and_have_the_lowest_confidence(tmp_path: Path) -> None:
    rows = rows_of({"a": [1, 0, "", 1] * 5, "b": [1, 1, 1, 1] * 5}, {"a": 1.0, "b": 2.0})
    for i, row in enumerate(rows):
        row["correct"] = None if row["correct"] == "" else float(row["correct"])
        row["conf"] = None if row["correct"] is None else 0.5 + i / 1000
        row["failed"] = row["model"] == "a" and row["id"] == "e0"
    made = imported(tmp_path, rows)
    outputs = reopened(made).outputs
    failed = np.array([i == 0 or i % 4 == 2 for i in range(20)])
    assert not outputs.quality[0, failed].any() and np.isneginf(outputs.scores["maxprob"][0, failed]).all()
    assert np.isfinite(outputs.scores["maxprob"][0, ~failed]).all() and (outputs.cascade_cost("cost") > 0).all()
    assert made.draft.provenance["failed"] == {"a": 6}
    assert (
        "Failed: 6 rows (a 6). They count as quality 0 at their cost, and have a confidence below all others, so that examples go on."
        in made.notes
    )
    for name in ("static", "random_mix", "oracle"):
        assert np.isfinite(run_sweep(policy(name), outputs, 3, "cost").accuracy).all()


def test_only_complete_examples_are_kept(tmp_path: Path) -> None:
    rows = rows_of({"a": [1, 0] * 10, "b": [1, 1] * 10}, {"a": 1.0, "b": 2.0})
    rows = [row for row in rows if not (row["model"] == "b" and row["id"] in ("e3", "e4"))]
    rows[0]["correct"] = rows[0]["cost"] = None  # a row without any result was not run
    made = imported(tmp_path, rows)
    assert made.draft.outputs.examples == 17 and made.draft.provenance["complete"] == {"examples": 17, "of": 20}
    assert made.draft.id_texts is not None and not {"e0", "e3", "e4"} & set(made.draft.id_texts)
    assert "17 of 20 examples have a row for each of the 2 models (b has 18 rows), and only these are kept." in made.notes


def test_verdicts_may_be_words_and_grades_are_kept(tmp_path: Path) -> None:
    words = ["Yes", "no", "TRUE", "false", "correct", "Incorrect", "1", "0", "pass", "fail"]
    outputs = imported(tmp_path, rows_of({"a": words, "b": ["1"] * 10}, {"a": 1, "b": 2})).draft.outputs
    assert outputs.quality[0].tolist() == [True, False] * 5 and outputs.quality.dtype == bool
    outputs = imported(tmp_path, rows_of({"a": [0.5, 1] * 5, "b": [1.0, 1] * 5}, {"a": 1, "b": 2})).draft.outputs
    assert outputs.is_graded and outputs.quality.dtype == np.float32


def test_clipped_and_scaled_qualities(tmp_path: Path) -> None:
    rows = rows_of({"a": [-3, 50, 101, 20, 0] * 2, "b": [100.0] * 10}, {"a": 1, "b": 2})
    made = imported(tmp_path, rows, scale=0.01, clip=True)
    np.testing.assert_allclose(made.draft.outputs.quality[0], [0, 0.5, 1, 0.2, 0] * 2, atol=1e-7)
    assert "4 of 20 qualities were outside [0, 1] and are cut (--clip)." in made.notes


# Splits, ids and texts


def test_a_drawn_split_keeps_repeated_texts_together(tmp_path: Path) -> None:
    texts = [f"text {i // 3}" for i in range(60)] + ["", ""]
    made = imported(tmp_path, rows_of({"a": [0, 1] * 31, "b": [1] * 62}, {"a": 1, "b": 2}, prompt=texts))
    split = made.draft.outputs.split
    assert made.draft.texts == texts
    for text in set(texts) - {""}:
        assert len(set(split[np.array(texts) == text])) == 1
    assert 28 <= (split == Split.CALIBRATION).sum() <= 31
    assert "Some examples have the same text; they are kept in the same split." in made.notes
    other = imported(tmp_path, rows_of({"a": [0, 1] * 31, "b": [1] * 62}, {"a": 1, "b": 2}, prompt=[f"text {i}" for i in range(62)]))
    without = imported(tmp_path, rows_of({"a": [0, 1] * 31, "b": [1] * 62}, {"a": 1, "b": 2}))
    assert other.draft.outputs.split.tolist() == without.draft.outputs.split.tolist()


def test_text_ids_are_hashed_kept_and_shown(tmp_path: Path) -> None:
    made = imported(
        tmp_path, rows_of({"a": [0, 1] * 5, "b": [1] * 10}, {"a": 1, "b": 2}, split=HALF, text=[f"=say {i}\n" for i in range(10)])
    )
    bundle = reopened(made)
    ids = [f"e{i}" for i in range(10)]
    assert bundle.outputs.ids.tolist() == hash_texts(ids).tolist()
    assert bundle.id_texts is not None and bundle.id_texts.tolist() == ids
    assert bundle.texts is not None and bundle.texts.tolist() == [f"=say {i}" for i in range(10)]
    table = routes_table(run_sweep(POLICIES["static"], bundle.outputs, [1.0], "cost"), bundle, 0)
    assert table["id"].to_pylist() == [f"e{i}" for i in range(1, 10, 2)]
    assert b'"e1",' in as_csv(table)
    assert json.loads((made.folder / "bundle.json").read_text())["schema"] == 2


def test_the_text_stands_in_for_an_id(tmp_path: Path) -> None:
    rows = [{"prompt": row.pop("id"), **row} for row in rows_of({"a": [0, 1] * 5, "b": [1] * 10}, {"a": 1, "b": 2})]
    draft = imported(tmp_path, rows).draft
    assert draft.id_texts is None and draft.texts == [f"e{i}" for i in range(10)]
    assert draft.outputs.ids.tolist() == hash_texts(draft.texts).tolist()


def test_numbers_are_ids_of_their_own(tmp_path: Path) -> None:
    ids = [-5, 2**62, *range(8)]
    rows = rows_of({"a": [0, 1] * 5, "b": [1] * 10}, {"a": 1, "b": 2})
    write_csv(tmp_path / "a.csv", [{**row, "id": ids[int(row["id"][1:])]} for row in rows])
    draft = import_file(tmp_path / "a.csv", "x", out=tmp_path / "b").draft
    assert draft.outputs.ids.tolist() == ids and draft.id_texts is None
    write_csv(tmp_path / "a.csv", [{**row, "id": f"0{row['id'][1:]}"} for row in rows])
    draft = import_file(tmp_path / "a.csv", "x", out=tmp_path / "b").draft
    assert draft.id_texts == [f"0{i}" for i in range(10)]


def test_long_texts_are_cut_and_cleaned(tmp_path: Path) -> None:
    texts = ["a\x1b[31m\u202eb" + "x" * 5000] * 10
    draft = imported(tmp_path, rows_of({"a": [0, 1] * 5, "b": [1] * 10}, {"a": 1, "b": 2}, split=HALF, text=texts)).draft
    assert (
        draft.texts is not None
        and draft.texts[0].isprintable()
        and draft.texts[0].startswith("a [31m bxxx")
        and len(draft.texts[0]) <= 2000
    )


def test_texts_that_are_too_many_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.importing.draft.MOST_IN_ALL", 20)
    made = imported(tmp_path, rows_of({"a": [0, 1] * 5, "b": [1] * 10}, {"a": 1, "b": 2}, split=HALF, text=["abc"] * 10))
    assert made.draft.texts is None
    assert "The texts of the examples have more than 20 characters in all, so they are left out." in made.notes


# Classes


def test_text_predictions_and_labels_are_classes(tmp_path: Path) -> None:
    rows = []
    for i in range(12):
        for model, cost in (("a", 1), ("b", 2)):
            rows.append({"id": i, "model": model, "pred": "cat" if model == "b" or i % 2 else "dog", "label": "cat", "cost": cost})
    bundle = reopened(imported(tmp_path, rows))
    assert bundle.class_names == ("cat", "dog") and bundle.outputs.has_classes
    assert bundle.outputs.prediction is not None and bundle.outputs.prediction[0].tolist() == [1, 0] * 6
    wide = [{"label": "cat", "a.pred": "dog" if i % 2 == 0 else "cat", "b.pred": "cat", "a.cost": 1, "b.cost": 2} for i in range(12)]
    other = reopened(imported(tmp_path, wide))
    np.testing.assert_array_equal(other.outputs.prediction, bundle.outputs.prediction)
    np.testing.assert_array_equal(other.outputs.labels, bundle.outputs.labels)


def test_free_answers_are_no_classes(tmp_path: Path) -> None:
    answers = [f"answer {i}" for i in range(1200)]
    frame = {"id": list(range(1200)) * 2, "model": ["a"] * 1200 + ["b"] * 1200, "pred": ["?"] * 600 + answers[600:] + answers}
    made = imported(tmp_path, {**frame, "label": answers * 2, "cost": [1] * 1200 + [2] * 1200})
    outputs = made.draft.outputs
    assert not outputs.has_classes and outputs.classes == 0 and outputs.quality.sum(axis=1).tolist() == [600, 1200]
    assert "pred and label hold free text, not classes, so only whether a result is correct is kept." in made.notes


def test_text_labels_of_arrays(tmp_path: Path) -> None:
    arrays = TEMPLATES["logits"]()
    names = arrays["class_names"]
    np.savez(tmp_path / "a.npz", **{**arrays, "labels": names[arrays["labels"]]})
    np.savez(tmp_path / "b.npz", **arrays)
    a, b = (reopened(import_file(tmp_path / f"{name}.npz", name, out=tmp_path / name)) for name in "ab")
    np.testing.assert_array_equal(a.outputs.labels, b.outputs.labels)
    conf = TEMPLATES["confidence"]()
    np.savez(tmp_path / "c.npz", **{**conf, "pred": names[conf["pred"]], "labels": names[conf["labels"]]})
    c = reopened(import_file(tmp_path / "c.npz", "c", out=tmp_path / "c"))
    assert c.class_names == tuple(sorted(names.tolist()))
    np.testing.assert_array_equal(c.outputs.correct, conf["pred"] == conf["labels"])


# Arrays


def test_predictions_without_confidence(tmp_path: Path) -> None:
    arrays = TEMPLATES["confidence"]()
    del arrays["conf"]
    np.savez(tmp_path / "a.npz", **arrays)
    made = import_file(tmp_path / "a.npz", "a", out=tmp_path / "b")
    outputs = reopened(made).outputs
    assert outputs.has_classes and not outputs.scores
    assert "The file has only predictions, so policies that need a confidence or the probability of every class cannot run." in made.notes


@pytest.mark.parametrize("form", ["npz", "parquet", "one array"])
def test_logits_and_probabilities_mixed_by_exit(tmp_path: Path, form: str) -> None:
    logits, labels = TEMPLATES["logits"]()["logits"], TEMPLATES["logits"]()["labels"]
    probs = softmax(logits[1].astype(np.float64), axis=-1)
    parts = {"exit0.logits": logits[0], "exit1.probs": probs, "exit2.logits": log_softmax(logits[2], axis=-1)}
    path = tmp_path / ("a.parquet" if form == "parquet" else "a.npz")
    if form == "parquet":
        columns = {name: list(part) for name, part in parts.items()}
        pq.write_table(pa.table({"label": labels, **columns, **{f"exit{k}.cost": np.full(300, 1.0 + k) for k in range(3)}}), path)
    else:
        outputs = {"logits": np.stack(list(parts.values()))} if form == "one array" else parts
        np.savez(path, **outputs, labels=labels, cost=[1.0, 2, 3])
    made = import_file(path, "a", out=tmp_path / "b")
    kept = reopened(made).outputs
    assert kept.recorded == "probabilities" and list(kept.scores) == ["maxprob", "margin", "entropy"]
    np.testing.assert_allclose(kept.logits, log_softmax(logits.astype(np.float64), axis=-1), atol=2e-5)
    assert (
        "The exits differ (exit 0 logits, exit 1 probabilities, exit 2 log-probabilities), so all were turned into log-probabilities;"
        " scores that need logits are left out." in made.notes
    )


def test_arrays_of_single_exits_are_put_together(tmp_path: Path) -> None:
    arrays = TEMPLATES["logits"]()
    parts = {f"exit{k}.{name}": arrays[name][k] for k in range(3) for name in ("logits", "cost_macs")}
    np.savez(tmp_path / "a.npz", **parts, labels=arrays["labels"])
    outputs = reopened(import_file(tmp_path / "a.npz", "a", out=tmp_path / "b")).outputs
    np.testing.assert_array_equal(outputs.logits, arrays["logits"])
    np.testing.assert_allclose(outputs.cascade_cost("macs"), arrays["cost_macs"])


def test_bfloat16_is_read_as_float32(tmp_path: Path) -> None:
    arrays = {name: TEMPLATES["logits"]()[name] for name in ("logits", "labels", "cost_macs")}
    path = write_bfloat16(tmp_path / "a.safetensors", arrays, "logits")
    kept = reopened(import_file(path, "a", out=tmp_path / "b")).outputs
    cut = (arrays["logits"].view(np.uint32) & 0xFFFF0000).view(np.float32)
    np.testing.assert_array_equal(kept.logits, cut)


def test_costs_of_arrays_may_depend_on_the_example_and_be_zero(tmp_path: Path) -> None:
    arrays = TEMPLATES["confidence"]()
    size = np.linspace(1, 2, 300)
    np.savez(tmp_path / "a.npz", **{**arrays, "cost": np.array([1.0, 3, 4])[:, None] * size, "stage_cost_usd": [0.0, 1, 0]})
    made = import_file(tmp_path / "a.npz", "a", out=tmp_path / "b")
    outputs = reopened(made).outputs
    np.testing.assert_allclose(outputs.stage_cost["cost"], np.array([1.0, 2, 1])[:, None] * size)
    assert outputs.stage_cost["usd"].tolist() == [0, 1, 0]


def test_quality_in_arrays_has_the_same_cells_as_a_log(tmp_path: Path) -> None:
    quality = np.tile([[0.2, np.nan, 0.5, np.nan], [0.9, 0.8, 0.7, 0.6]], 5)
    cost = np.tile([[1.0, 1, 1, np.nan], [2, 2, 2, 2]], 5)
    failed = np.zeros(quality.shape, bool)
    failed[0, 0] = True
    arrays = {
        "quality": quality,
        "stage_cost_usd": cost,
        "failed": failed,
        "exit_names": np.array(["s", "l"]),
        "topology": np.array("family"),
    }
    arrays |= {"conf": np.where(np.isnan(quality), np.nan, 0.5)}
    made = imported(tmp_path, arrays)
    assert made.draft.outputs.examples == 15 and made.draft.provenance["failed"] == {"s": 6}
    assert made.draft.outputs.quality[0, :4].tolist() == pytest.approx([0, 0, 0.5, 0.2])
    with_labels = imported(
        tmp_path, {"correct": quality > 0.5, "labels": np.arange(20) % 3, "cost": [1.0, 2], "class_names": ["a", "b", "c"]}
    )
    bundle = reopened(with_labels)
    assert bundle.class_names == ("a", "b", "c") and not bundle.outputs.has_classes and bundle.outputs.labels is not None


# Formats and frames


@pytest.mark.parametrize("kind", LOG_TEMPLATES)
def test_a_log_is_the_same_in_every_format(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind != "long":
        decode_in_this_process(monkeypatch)
    made = [
        reopened(import_file(write_template(kind, tmp_path / f"a{end}"), "a", out=tmp_path / end[1:]))
        for end in (".csv", ".jsonl", ".parquet")
    ]
    made.append(reopened(imported(tmp_path, LOG_TEMPLATES[kind]())))
    made.append(reopened(imported(tmp_path, pd.DataFrame(LOG_TEMPLATES[kind]()).set_index("query_id"))))
    made.append(reopened(imported(tmp_path, pa.Table.from_pylist(LOG_TEMPLATES[kind]()))))
    made.append(reopened(imported(tmp_path, pd.DataFrame(LOG_TEMPLATES[kind]()).to_dict("list"))))
    for other in made[1:]:
        assert (other.exit_names, other.texts.tolist(), other.id_texts.tolist()) == (
            made[0].exit_names,
            made[0].texts.tolist(),
            made[0].id_texts.tolist(),
        )
        for name in ("quality", "split"):
            np.testing.assert_array_equal(getattr(other.outputs, name), getattr(made[0].outputs, name))
        np.testing.assert_array_equal(other.outputs.stage_cost["usd"], made[0].outputs.stage_cost["usd"])
        np.testing.assert_array_equal(other.outputs.scores["maxprob"], made[0].outputs.scores["maxprob"])


def test_a_column_that_the_first_row_lacks_is_read(tmp_path: Path) -> None:
    rows = rows_of({"a": [0, 1] * 5, "b": [1] * 10}, {"a": 1, "b": 2}, split=HALF)
    rows = [row | {"seconds": 3} if i else row for i, row in enumerate(rows)]
    rows[3]["error"] = "timeout"
    made = imported(tmp_path, rows, columns={"cost": "cost"})
    assert made.draft.provenance["failed"] == {"b": 1} and made.draft.outputs.quality[1].tolist() == [1, 0] + [1] * 8
    assert any(note.startswith("Columns that are not used: seconds") for note in made.notes)


@pytest.mark.parametrize(("sign", "start"), [(",", "\ufeff"), ("\t", ""), (";", "")])
def test_separators_and_a_byte_order_mark(tmp_path: Path, sign: str, start: str) -> None:
    lines = [["", "id", "model", "correct", "cost", "text"]]
    lines += [[str(i), f"q{i // 2}", "ab"[i % 2], str(i % 2), str(1 + i % 2), f'"line{sign} one\nline two {i // 2}"'] for i in range(20)]
    (tmp_path / "a.csv").write_text(start + "\r\n".join(sign.join(line) for line in lines), encoding="utf-8", newline="")
    draft = import_file(tmp_path / "a.csv", "a", out=tmp_path / "b").draft
    assert draft.outputs.examples == 10 and draft.texts is not None and draft.texts[3] == " ".join(f"line{sign} one line two 3".split())


def test_a_dictionary_of_arrays_is_imported_as_a_file_of_them(tmp_path: Path) -> None:
    arrays = TEMPLATES["logits"]()
    made = imported(tmp_path, {**arrays, "class_names": list(arrays["class_names"]), "other": [1]})
    np.testing.assert_array_equal(reopened(made).outputs.logits, arrays["logits"])
    assert "Ignored, with names that are not known here: other." in made.notes
    assert len(reopened(made).images or []) == 100


@pytest.mark.parametrize("form", ["frame", "wide"])
def test_costs_in_a_second_table(tmp_path: Path, form: str) -> None:
    rows = rows_of({"a": [0, 1] * 5, "b": [1] * 10}, {"a": None, "b": None})
    for row in rows:
        del row["cost"]
    costs = [{"id": f"e{i}", "a": 1.0 + i, "b": 20.0 + i} for i in reversed(range(12))]
    if form == "frame":
        costs = [{"id": row["id"], "model": model, "cost": row[model]} for row in costs for model in ("a", "b")]
    outputs = imported(tmp_path, rows, costs=pd.DataFrame(costs), cost_unit="usd").draft.outputs
    np.testing.assert_array_equal(outputs.stage_cost["usd"], [np.arange(10) + 1.0, np.arange(10) + 20.0])


def test_options_that_are_not_set_are_not_refused() -> None:
    Options().refuse("columns", "models", "costs", "cost", "scale", "clip")


def test_every_combination_of_columns_gives_a_bundle_that_opens(tmp_path: Path) -> None:
    """Whatever a log holds besides what it must, its bundle opens again with the same outputs."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        examples, models = int(rng.integers(4, 30)), [f"m{k}" for k in range(int(rng.integers(1, 5)))]
        with_conf, with_text, with_failed, with_label, graded, chain = rng.uniform(size=6) < 0.5
        rows = []
        for i in range(examples):
            for k, model in enumerate(models):
                row: dict[str, Any] = {"id": f"e{i}" if with_text else i, "model": model, "cost_usd": (k + 1) * rng.uniform(1, 1.9)}
                row |= {"score": rng.uniform() if graded else int(rng.integers(2)), "split": ("dev", "test", "fit")[i % 3 if i else 0]}
                row |= {"conf": rng.uniform()} if with_conf else {}
                row |= {"failed": rng.uniform() < 0.2} if with_failed else {}
                row |= {"label": ("x", "y")[i % 2]} if with_label else {}
                row |= {"prompt": f"text {i // 2}"} if with_text else {}
                rows.append(row)
        if chain:  # what leaving costs in total rises
            for row, before in zip(rows[1:], rows, strict=False):
                row["cost_usd"] += before["cost_usd"] if row["id"] == before["id"] else 0
        made = imported(tmp_path, rows, kind=CascadeKind.CHAIN if chain else CascadeKind.FAMILY)
        outputs, kept = made.draft.outputs, reopened(made).outputs
        for name in ("quality", "ids", "split", "labels"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(outputs, name))
        np.testing.assert_array_equal(kept.stage_cost["usd"], outputs.stage_cost["usd"])
        assert kept.scores.keys() == outputs.scores.keys() and kept.kind == ("chain" if chain else "family")
        if "maxprob" in kept.scores:
            np.testing.assert_array_equal(np.isneginf(kept.scores["maxprob"]).any(), with_failed and "failed" in made.draft.provenance)
