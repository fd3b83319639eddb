"""Likely mistakes in an import: each is named in one sentence with its evidence, and what only resembles it is not."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.__main__ import main
from engine.bundle.bundle import read_bundle
from engine.bundle.library import entries
from engine.errors import UserError
from engine.importing.diagnosis.alike import alike
from engine.importing.diagnosis.before_score import before_score
from engine.importing.diagnosis.chance import chance
from engine.importing.diagnosis.class_order import class_order
from engine.importing.diagnosis.cost_order import cost_order
from engine.importing.diagnosis.cost_scale import cost_scale
from engine.importing.diagnosis.cumulative_costs import cumulative_costs
from engine.importing.diagnosis.dominated_models import dominated_models
from engine.importing.diagnosis.registry import CHECKS, diagnose
from engine.importing.diagnosis.repeated_rows import repeated_rows
from engine.importing.diagnosis.split_difference import split_difference
from engine.importing.diagnosis.stepped_confidence import stepped_confidence
from engine.importing.diagnosis.subject import Check, Subject
from engine.importing.diagnosis.too_small import too_small
from engine.importing.equal_rows import columns_of, equal_rows
from engine.importing.importer import import_file
from engine.importing.notebook import import_frame
from engine.outputs import CascadeKind, Outputs
from tests import synthetic
from tests.sentences import assert_one_sentence

ROOT = Path(__file__).resolve().parents[3]
CHAIN = synthetic.outputs(examples=1500, exits=3, classes=10, seed=1)
FAMILY = synthetic.outputs(examples=1500, exits=3, classes=10, seed=1, kind=CascadeKind.FAMILY)


def subject(outputs: Outputs, dominated: Sequence[dict[str, Any]] = ()) -> Subject:
    classes = tuple(f"Class {c}" for c in range(outputs.classes))
    first = equal_rows(columns_of(outputs)) if np.array_equal(outputs.ids, np.arange(outputs.examples)) else None
    return Subject(outputs, tuple(f"Exit {k + 1}" for k in range(outputs.exits)), classes, dominated, first)


def with_predictions(outputs: Outputs, exit: int, prediction: NDArray[np.integer], classes: int | None = None) -> Outputs:
    """Another prediction at one exit, and no logits that contradict it."""
    assert outputs.prediction is not None
    changed = outputs.prediction.copy()
    changed[exit] = prediction
    return replace(outputs, prediction=changed, logits=None, recorded="confidence", classes=classes or outputs.classes)


def assert_named(check: Check, case: Subject, *mentions: str) -> None:
    sentence = check(case)
    assert sentence is not None
    assert_one_sentence(sentence, *mentions)
    assert sentence in diagnose(case)


def log_of(qualities: Sequence[float], examples: int, seed: int = 0, **rest: Any) -> Outputs:
    """A log of a family with these mean qualities, without confidence. Errors are shared as far as possible."""
    level = np.random.default_rng(seed).uniform(size=examples)
    judged = level < np.array(qualities)[:, None]
    given: dict[str, Any] = {
        "prediction": None,
        "scores": {},
        "labels": None,
        "ids": np.arange(examples),
        "split": np.resize(["calibration", "test"], examples),
        "stage_cost": {"usd": 1.0 + np.arange(len(qualities))},
        "classes": 0,
        "kind": CascadeKind.FAMILY,
        "recorded": "confidence",
        "judged": judged,
    }
    return Outputs(**{**given, **rest})


# Nothing is said without a reason


def test_outputs_without_a_mistake_are_not_diagnosed() -> None:
    for outputs in (CHAIN, FAMILY):
        assert diagnose(subject(outputs)) == []


@pytest.mark.parametrize("folder", [entry.folder for entry in entries(ROOT / "data" / "bundles")], ids=lambda folder: folder.name)
def test_the_shipped_bundles_are_not_diagnosed(folder: Path) -> None:
    """But for CamVid, whose calibration frames really are those of another drive; docs/segmentation.md says so."""
    bundle = read_bundle(folder)
    remarks = diagnose(Subject(bundle.outputs, bundle.exit_names, bundle.class_names))
    assert [str(remark).split(":")[0] for remark in remarks] == (["Calibration and test examples differ"] if bundle.id == "camvid" else [])
    assert len(CHECKS) == 12


# Labels


@pytest.mark.parametrize(("shift", "word"), [(1, "higher"), (-1, "lower")])
def test_classes_shifted_by_one(shift: int, word: str) -> None:
    """As with 1,001 classes in place of 1,000, of which the first is the background."""
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 999, 3000)
    prediction = np.where(rng.random((2, 3000)) < [[0.6], [0.75]], labels, rng.integers(1, 999, (2, 3000)))
    made = synthetic.outputs(examples=3000, exits=2, classes=4)
    made = replace(made, labels=labels.astype(np.int32), prediction=prediction.astype(np.int32), logits=None, classes=1001)
    assert class_order(subject(made)) is None
    assert_named(
        class_order,
        subject(with_predictions(made, 0, prediction[0] + shift)),
        f"The classes of Exit 1 seem to be numbered one {word} than the labels",
        "and would be on 6",
        "subtract 1" if shift > 0 else "add 1",
    )
    everywhere = replace(made, prediction=(prediction + shift).astype(np.int32))
    assert_named(class_order, subject(everywhere), f"The classes of Exit 1 and Exit 2 seem to be numbered one {word}")


def test_classes_of_one_exit_in_another_order() -> None:
    assert CHAIN.prediction is not None
    order = np.array([3, 0, 2, 1, 4, 5, 6, 9, 8, 7])
    moved = with_predictions(CHAIN, 1, order[CHAIN.prediction[1]])
    case = subject(moved)
    likely = "in another order than the labels, most likely 0 for 1, 1 for 3, 3 for 0, 7 for 9, 9 for 7: Exit 2 is correct on"
    accuracy = CHAIN.correct[1].mean()
    assert_named(class_order, case, "The classes of Exit 2 seem", likely, f"and would be on {accuracy:.1%}")
    named = Subject(moved, case.exit_names, ["cat", *case.class_names[1:]])
    assert "3 for cat" in str(class_order(named)), "classes with names are named"
    assert chance(subject(with_predictions(CHAIN, 1, (CHAIN.prediction[1] + 3) % 10))) is None, "said once, with its reason"


def test_a_weak_exit_is_not_taken_for_a_permuted_one() -> None:
    rng = np.random.default_rng(2)
    for classes in (2, 10, 300):
        labels = rng.integers(classes, size=900)
        made = synthetic.outputs(examples=900, exits=2, classes=classes)
        made = replace(made, labels=labels.astype(np.int32), logits=None)
        for accuracy in (0.0, 0.05, 0.3):
            guess = np.where(rng.random(900) < accuracy, labels, rng.integers(classes, size=900))
            weak = with_predictions(with_predictions(made, 1, labels), 0, guess)
            assert class_order(subject(weak)) is None


def test_an_exit_at_chance_while_another_is_fine() -> None:
    assert CHAIN.prediction is not None
    shuffled = with_predictions(CHAIN, 0, np.random.default_rng(0).permutation(CHAIN.prediction[0]))
    mentions = ("Exit 1 is correct on", "where chance is 10.", "while Exit 3 is correct on", "in the order of the labels")
    assert_named(chance, subject(shuffled), *mentions)
    constant = with_predictions(CHAIN, 0, np.full(CHAIN.examples, 4))
    assert_named(chance, subject(constant), "it predicts Class 4 for 100.0% of them", "nothing should leave there")
    weak = np.where(np.random.default_rng(1).random(CHAIN.examples) < 0.08, CHAIN.known_labels, shuffled.known_prediction[0])
    assert chance(subject(with_predictions(CHAIN, 0, weak))) is None, "a little better than chance"
    both = with_predictions(with_predictions(shuffled, 1, np.full(CHAIN.examples, 4)), 2, np.full(CHAIN.examples, 4))
    assert chance(subject(both)) is None, "no exit is fine"


# Exits and rows


def test_exits_that_answer_alike() -> None:
    assert CHAIN.prediction is not None
    twice = CHAIN.prediction[2].copy()
    twice[:6] = (twice[:6] + 1) % 10  # 6 of 1,500 differ
    assert_named(
        alike, subject(with_predictions(CHAIN, 1, twice)), "Exit 2 and Exit 3 give the same result on 99.6% of the 1,500", "predictions"
    )
    twice[:9] = (CHAIN.prediction[2][:9] + 1) % 10
    assert alike(subject(with_predictions(CHAIN, 1, twice))) is None
    thrice = with_predictions(with_predictions(CHAIN, 0, CHAIN.prediction[2]), 1, CHAIN.prediction[2])
    assert_named(alike, subject(thrice), "Exit 1, Exit 2 and Exit 3 give the same result on 100.0%")


def test_models_that_are_good_at_the_same_examples() -> None:
    assert_named(alike, subject(log_of([0.5, 0.7, 0.7], 800)), "Exit 2 and Exit 3", "qualities")
    assert alike(subject(log_of([0.5, 0.7, 0.71], 800))) is None
    assert alike(subject(log_of([0.5, 0.7, 0.7], 60))) is None, "too few to tell"


def repeated(outputs: Outputs, rows: NDArray[np.integer]) -> Outputs:
    """These rows in place of the last ones, under numbers as ids."""
    order = np.arange(outputs.examples)
    order[len(order) - len(rows) :] = rows
    return replace(outputs.take(order), ids=np.arange(outputs.examples), split=outputs.split)


def test_rows_that_repeat_others() -> None:
    sure = replace(CHAIN, logits=None, scores={"maxprob": CHAIN.scores["maxprob"]}, recorded="confidence")
    for outputs in (CHAIN, sure):
        made = repeated(outputs, np.arange(40))
        mentions = ("40 of the 1,500 rows repeat an earlier row", "row 1460 repeats row 0,", "40 of them are in another split")
        assert_named(repeated_rows, subject(made), *mentions)
        together = replace(made, split=np.where(np.arange(1500) < 700, "calibration", "test"))
        together = replace(together, split=np.where(np.arange(1500) >= 1460, "calibration", together.split))
        assert_named(repeated_rows, subject(together), "they are kept in the same split")
        assert repeated_rows(subject(replace(outputs, ids=np.arange(1500)))) is None


def test_rounded_rows_are_no_repetitions() -> None:
    rounded = {"maxprob": np.round(CHAIN.scores["maxprob"], 1)}
    made = replace(CHAIN, ids=np.arange(1500), logits=None, scores=rounded, recorded="confidence")
    assert equal_rows([rounded["maxprob"][0]]) is not None, "by this column alone"
    assert repeated_rows(subject(made)) is None
    saturated = np.where(CHAIN.scores["maxprob"] > 0, np.float32(36.7), CHAIN.scores["maxprob"])
    assert repeated_rows(subject(replace(made, scores={"maxprob": saturated}))) is None
    assert repeated_rows(subject(log_of([0.5, 0.7], 400))) is None, "correct or not does not tell examples apart"


def test_repeated_rows_are_drawn_into_the_same_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(2, 400, 5)), rng.integers(5, size=400)
    order = np.concatenate([np.arange(300), rng.choice(300, 100, replace=False)])
    arrays = {"logits": logits[:, order], "labels": labels[order], "cost_macs": [1e6, 2e6]}
    np.savez(tmp_path / "a.npz", **arrays)
    made = import_file(tmp_path / "a.npz", "a", out=tmp_path / "a")
    outputs = read_bundle(tmp_path / "a").outputs
    assert (outputs.split[300:] == outputs.split[order[300:]]).all()
    (sentence,) = (note for note in made.notes if "repeat an earlier row" in note)
    assert sentence.startswith("100 of the 400 rows") and "kept in the same split" in sentence
    assert sentence in made.draft.provenance["notes"]
    np.savez(tmp_path / "b.npz", **arrays, ids=np.arange(1000, 1400))
    outputs = import_file(tmp_path / "b.npz", "b", out=tmp_path / "b").draft.outputs
    assert (outputs.split[300:] != outputs.split[order[300:]]).any()


def test_repeated_rows_of_a_log_are_drawn_into_the_same_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = {"small": rng.integers(2, size=150), "small.cost": rng.uniform(size=150), "large.cost": rng.uniform(size=150)}
    # After a first example on which one model was not run, 50 rows that come again.
    log = {name: [None, *values.tolist(), *values[:50].tolist()] for name, values in columns.items()}
    log = {**log, "large.cost": [1, *log["large.cost"][1:]], "large": [1] * 201}

    def repeated(**more: Any) -> list[str]:
        made = import_frame({**log, **more}, "a", out=tmp_path / "a")
        split = made.draft.outputs.split
        notes = [note for note in made.notes if "repeat" in note]
        assert (split[150:] == split[:50]).all() == bool(notes)
        return notes

    (note,) = repeated()
    assert note.startswith("50 of the 200 rows repeat") and "row 151 repeats row 1, counted from 0" in note
    assert not repeated(id=range(201)), "ids say that they are different examples"
    costlier: dict[str, Any] = {"worst": [i % 3 % 2 for i in range(201)], "worst.cost": range(2, 203)}
    assert not repeated(**costlier), "they differ by a model that is left out"


def test_a_stepped_or_constant_confidence() -> None:
    score = CHAIN.scores["maxprob"]
    steps = np.stack([np.digitize(score[0], np.quantile(score[0], np.arange(1, 7) / 7)), score[1], score[2]]).astype(np.float32)
    assert_named(stepped_confidence, subject(replace(CHAIN, scores={"maxprob": steps})), "Exit 1 has only 7 distinct values for 1,500 rows")
    constant = np.stack([score[0], np.full(1500, 0.5, np.float32), np.full(1500, 0.5, np.float32)])
    assert_named(
        stepped_confidence,
        subject(replace(CHAIN, scores={"maxprob": constant})),
        "The confidence of Exit 2 is the same for all 1,500 rows (likewise Exit 3)",
    )
    fine = np.round(score, 4)
    assert stepped_confidence(subject(replace(CHAIN, scores={"maxprob": fine}))) is None


# Costs


def test_costs_of_a_family_in_the_opposite_order() -> None:
    def dominated(*models: tuple[str, float, float]) -> list[dict[str, Any]]:
        return [{"name": name, "cost": {"usd": cost}, "quality": quality} for name, cost, quality in models]

    best = log_of([0.8], 300, stage_cost={"usd": np.array([1.0])})
    fall = dominated(("small", 9.0, 0.5), ("medium", 4.0, 0.7))
    mentions = ("The costs in usd fall as quality rises over all 3 models, from 9 for small (50.0%) to 1 for Exit 1", "opposite order")
    assert_named(cost_order, subject(best, fall), *mentions)
    assert cost_order(subject(best, dominated(("small", 9.0, 0.5), ("medium", 14.0, 0.7)))) is None
    assert cost_order(subject(best, fall[:1])) is None, "one dominated model is named anyway"
    assert cost_order(subject(log_of([0.5, 0.6, 0.7], 300))) is None


def test_totals_called_costs_of_a_stage() -> None:
    def made(*cost: float) -> Subject:
        outputs = synthetic.outputs(examples=300, exits=len(cost), classes=4)
        return subject(replace(outputs, stage_cost={"macs": 1e6 * np.array(cost)}))

    mentions = ("The costs in macs of single stages rise by the same amount at each (2e+06, 4e+06, 6e+06, 8e+06)", "call them cost_macs")
    assert_named(cumulative_costs, made(2, 4, 6, 8), *mentions)
    assert_named(cumulative_costs, made(3, 5, 7.02, 9, 11), "and so on")
    assert cumulative_costs(made(2, 4, 6)) is None, "two equal steps may be a coincidence"
    assert cumulative_costs(made(2, 4, 7, 8)) is None
    assert cumulative_costs(made(5, 5.1, 5.2, 5.3)) is None, "stages that grow a little"
    assert cumulative_costs(made(2, 2, 2, 2)) is None
    assert cumulative_costs(subject(log_of([0.4, 0.5, 0.6, 0.7], 300))) is None, "models of a family are not added up"


def test_costs_in_a_wrong_unit() -> None:
    def made(unit: str, *cost: float) -> Subject:
        return subject(log_of([0.5, 0.7][-len(cost) :], 300, stage_cost={unit: np.array(cost)}))

    assert_named(cost_scale, made("usd", 2e-7, 3.0), "range from 2e-07 at Exit 1 to 3 at Exit 2, a factor of 15,000,000", "same unit")
    assert_named(cost_scale, made("latency_ms", 0.4, 900.0), "a factor of 2,250", "same unit")
    assert_named(cost_scale, made("usd", 1e-10, 3e10), "a factor of 3e+20; check")
    assert cost_scale(made("usd", 2e-3, 1.5)) is None
    assert cost_scale(made("usd", 0.0, 1.5)) is None, "free is a price"
    assert_named(cost_scale, made("macs", 0.3, 4.1), "Exit 2 costs 4.1 macs, too few", "millions or billions")
    assert cost_scale(made("usd", 0.3, 4.1)) is None
    assert cost_scale(made("macs", 3e5, 4.1e6)) is None
    assert_named(cost_scale, made("usd", 15.0, 150.0), "Exit 2 costs 150 usd, a lot for one example", "divide them by 1,000,000")
    assert_named(cost_scale, made("seconds", 800.0, 9000.0), "more than an hour", "milliseconds")
    assert_named(cost_scale, made("latency_ms", 2e-5, 8e-5), "multiply them by 1,000")


def test_models_that_cost_more_and_get_less() -> None:
    def made(qualities: Sequence[float], *cost: float) -> Subject:
        return subject(log_of(qualities, 400, stage_cost={"usd": np.array(cost)}))

    mentions = ("A model costs no less than another and is no better on calibration", "Exit 2 (2 usd, ", "against Exit 1 (1 usd, ")
    assert_named(dominated_models, made([0.6, 0.45, 0.9], 1, 2, 3), *mentions)
    assert_named(dominated_models, made([0.6, 0.5, 0.9], 2, 2, 3), "Exit 2 (2 usd, ")
    many = made([0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.9], 1, 2, 3, 4, 5, 6, 7)
    assert_named(dominated_models, many, "Some models cost", "Exit 5 (5 usd, ", "and 1 more", "leave them out")
    assert dominated_models(made([0.4, 0.6, 0.9], 1, 2, 3)) is None
    assert dominated_models(subject(log_of([0.6, 0.45, 0.9], 50))) is None, "too few to tell"
    assert dominated_models(subject(replace(made([0.6, 0.45, 0.9], 1, 2, 3).outputs, kind=CascadeKind.CHAIN))) is None


def test_a_model_dominated_by_the_best_is_named_and_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    level = rng.uniform(size=400)
    rows = [f"{i},{int(level[i] < 0.5)},1,{int(level[i] < 0.8)},3,{int(level[i] < 0.6)},9" for i in range(400)]
    (tmp_path / "a.csv").write_text("\n".join(["id,small,small.cost,large,large.cost,old,old.cost", *rows]))
    made = import_file(tmp_path / "a.csv", "a", out=tmp_path / "a")
    (sentence,) = (note for note in made.notes if note.startswith("Left out"))
    assert_one_sentence(sentence, "it costs more than large (3 cost, ", "is no better on calibration: old (9 cost, ")
    assert made.draft.exit_names == ("small", "large") and "diagnosis" not in made.draft.provenance


# Splits, and what can be told


def test_calibration_and_test_that_differ() -> None:
    harder = np.where(FAMILY.factors["difficulty"] > 0.6, "test", "calibration")
    assert_named(split_difference, subject(replace(FAMILY, split=harder)), "is correct on", "standard errors apart", "same examples")
    rng = np.random.default_rng(3)
    slightly = np.where(rng.random(1500) < 0.45 + 0.1 * FAMILY.factors["difficulty"], "test", "calibration")
    assert split_difference(subject(replace(FAMILY, split=slightly))) is None
    graded = replace(FAMILY, judged=np.clip(1 - FAMILY.factors["difficulty"] * np.ones((3, 1)), 0, 1).astype(np.float32), split=harder)
    assert_named(split_difference, subject(graded), "has a mean quality of")


def test_confidences_of_calibration_and_test_that_differ() -> None:
    outputs = log_of([0.6, 0.8], 1000, ids=5 + np.arange(1000))
    scores = np.random.default_rng(0).normal(size=(2, 1000)).astype(np.float32)
    scores[0, :7] = -np.inf  # failed
    tested = outputs.split == "test"
    assert split_difference(subject(replace(outputs, scores={"maxprob": scores}))) is None
    shifted = np.where(tested & np.array([[True], [False]]), scores + 1, scores)
    mentions = ("the confidence of Exit 1 is 0.", "or less on", "of the calibration and", "of the test examples")
    assert_named(split_difference, subject(replace(outputs, scores={"maxprob": shifted})), *mentions)
    failed = np.where(tested & np.array([[True], [False]]), -np.inf, scores).astype(np.float32)
    assert split_difference(subject(replace(outputs, scores={"maxprob": failed}))) is None, "nothing to compare without any confidence"


def test_classes_of_calibration_and_test_that_differ() -> None:
    """As after sorting by class, which need not change any accuracy."""
    assert CHAIN.labels is not None
    ordered = CHAIN.take(np.argsort(CHAIN.labels, kind="stable"))
    correct = np.random.default_rng(0).random((3, 1500)) < np.array([[0.6], [0.7], [0.8]])
    prediction = np.where(correct, ordered.known_labels, (ordered.known_labels + 1) % 10).astype(np.int32)
    half = np.where(np.arange(1500) < 750, "calibration", "test")
    case = replace(ordered, prediction=prediction, logits=None, recorded="confidence", split=half, ids=9 + np.arange(1500))
    assert_named(split_difference, subject(case), "of the calibration and", "of the test examples are of Class")
    mixed = np.random.default_rng(1).permutation(half)
    assert split_difference(subject(replace(case, split=mixed))) is None
    many = replace(case, labels=np.random.default_rng(2).integers(900, size=1500).astype(np.int32), judged=correct, classes=900)
    assert split_difference(subject(replace(many, split=mixed))) is None, "many classes with few examples each"


@pytest.mark.parametrize(
    ("made", "mention"),
    [
        (lambda values: {"before": {"words": values}}, "before_words is"),
        (lambda values: {"factors": {"age": values}}, "factor_age is"),
        (lambda values: {"features": {"length": np.stack([values, values])}}, "feature_length of Exit 1 is"),
        (lambda values: {"stage_cost": {"usd": 1 + np.stack([np.zeros(1000), values])}}, "the cost in usd of Exit 2 is"),
    ],
)
def test_numbers_of_calibration_and_test_that_differ(made: Callable[[NDArray], dict[str, Any]], mention: str) -> None:
    outputs = log_of([0.6, 0.8], 1000, ids=5 + np.arange(1000))
    values = np.random.default_rng(0).uniform(size=1000).astype(np.float32)
    assert split_difference(subject(replace(outputs, **made(values)))) is None
    longer = np.where(outputs.split == "test", np.sqrt(values), values).astype(np.float32)
    assert_named(split_difference, subject(replace(outputs, **made(longer))), mention, "or less on")


def test_a_score_that_does_not_tell_which_model_to_run() -> None:
    rng = np.random.default_rng(0)
    examples = 2400
    outputs = log_of([0.5, 0.9], examples)
    assert outputs.judged is not None
    gained = (outputs.judged[1] > outputs.judged[0]).astype(float)
    useful = (gained + rng.normal(0, 0.7, examples)).astype(np.float32)
    made = replace(outputs, before={"need": useful})
    assert before_score(subject(made)) is None
    of_others = replace(outputs, before={"need": rng.permutation(useful)})
    assert_named(
        before_score, subject(of_others), "Routing by before_need is no better than the random mix", "on 1,200 test", "95% interval"
    )
    printed = re.search(r"is ([\d.]+)% and that of the mix ([\d.]+)% \(([+-][\d.]+) points", before_score(subject(of_others)) or "")
    assert printed and Decimal(printed[1]) - Decimal(printed[2]) == Decimal(printed[3]), "the difference of what is printed"
    chain = replace(of_others, kind=CascadeKind.CHAIN, stage_cost={"usd": np.ones(2)})
    assert before_score(subject(chain)) is None, "nothing is routed in a chain"


def test_too_few_test_examples() -> None:
    few = synthetic.outputs(examples=150, exits=2)
    assert_named(too_small, subject(few), "There are only 50 test examples", "95% interval", "at least 100")
    assert too_small(subject(synthetic.outputs(examples=330, exits=2, agreement=0.99))) is None


def test_a_gain_that_may_be_chance() -> None:
    rng = np.random.default_rng(0)
    examples = 400
    outputs = log_of([0.5, 0.7], examples, stage_cost={"usd": np.array([1.0, 20.0])})
    assert outputs.judged is not None
    clear, faint = (
        replace(outputs, scores={"maxprob": (outputs.judged + rng.normal(0, noise, (2, examples))).astype(np.float32)})
        for noise in (0.4, 2.5)
    )
    assert too_small(subject(clear)) is None
    assert_named(
        too_small, subject(faint), "200 test examples are too few", "better than the random mix", "which may be chance", "would tell"
    )


# From the command line


def test_the_command_prints_them_and_the_bundle_keeps_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert CHAIN.logits is not None
    logits = CHAIN.logits.copy()
    logits[1] = np.roll(logits[1], 1, axis=1)
    np.savez(tmp_path / "a.npz", logits=logits, labels=CHAIN.known_labels, cost_macs=[1e6, 2e6, 4e6])
    assert main(["import", str(tmp_path / "a.npz"), "--id", "a", "--out", str(tmp_path / "a")]) == 0
    printed = capsys.readouterr().out.splitlines()
    (line,) = (line for line in printed if line.startswith("The classes of Exit 2 seem to be numbered"))
    provenance = read_bundle(tmp_path / "a").provenance
    assert line in provenance["notes"] and provenance["diagnosis"] == [line]
    assert main(["import", str(tmp_path / "a.npz"), "--id", "a", "--out", str(tmp_path / "a"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["diagnosis"] == [line]


@pytest.mark.parametrize(("more", "remedy"), [(1, "has a background class in front, leave out its first column"), (3, "the same classes")])
def test_exits_with_different_numbers_of_classes(more: int, remedy: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = {"exit0.logits": 10, "exit1.logits": 10 + more}
    arrays = {name: rng.normal(size=(60, classes)) for name, classes in sizes.items()}
    np.savez(tmp_path / "a.npz", **arrays, labels=rng.integers(10, size=60), cost_macs=[1e6, 2e6])
    with pytest.raises(UserError) as caught:
        import_file(tmp_path / "a.npz", "a", out=tmp_path / "a")
    assert_one_sentence(str(caught.value), f"exit1.logits has {10 + more} classes but exit0.logits has 10", remedy)
