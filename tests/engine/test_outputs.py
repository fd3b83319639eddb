"""Outputs: shapes and values are checked, arrays are read-only, splits are types."""

from dataclasses import replace

import numpy as np
import pytest

from engine.bundle.kept_precision import in_kept_precision
from engine.errors import UserError
from engine.outputs import Outputs, Test, Tuning
from engine.splits import BUNDLE_SPLITS, Split
from tests.sentences import assert_one_sentence
from tests.synthetic import corner_cases, outputs, split_names, stage_costs


def made(examples=6, exits=2, classes=3, **changes) -> Outputs:
    rng = np.random.default_rng(0)
    given = {
        "logits": rng.normal(size=(exits, examples, classes)),
        "labels": rng.integers(classes, size=examples),
        "split": split_names(examples // 3),
        "stage_cost": stage_costs(exits),
    }
    return Outputs.from_logits(**{**given, **changes})


def test_predictions_and_correctness():
    some = outputs(examples=30, exits=3, classes=4)
    for k, i in np.ndindex(3, 30):
        assert some.prediction[k, i] == max(range(4), key=lambda c: some.logits[k, i, c])
        assert some.correct[k, i] == (some.prediction[k, i] == some.labels[i])
    assert (some.exits, some.examples, some.classes, some.full) == (3, 30, 4, 2)


def test_costs_of_a_chain_add_up():
    chain = outputs(exits=3)
    assert chain.cascade_cost("macs").tolist() == chain.static_cost("macs").tolist() == [4e6, 10e6, 19e6]
    assert chain.full_cost("macs") == 19e6
    assert chain.full_cost("latency_ms") == pytest.approx(2.8)


def test_the_static_cost_of_a_family_skips_its_other_networks():
    family = outputs(exits=3, kind="family")
    assert family.static_cost("macs").tolist() == [4e6, 10e6, 19e6]
    assert family.cascade_cost("macs").tolist() == [4e6, 14e6, 33e6]
    assert family.full_cost("macs") == 19e6


def test_an_unknown_unit_is_a_user_error():
    with pytest.raises(UserError, match=r"'joules'.*choose one of: macs, latency_ms\."):
        outputs().cost_in("joules")


@pytest.mark.parametrize("case", [*corner_cases().values(), outputs(), outputs(recorded="confidence")])
def test_every_array_is_read_only(case):
    arrays = [case.prediction, case.labels, case.ids, case.split, case.correct]
    arrays += [*case.scores.values(), *case.stage_cost.values(), *case.factors.values()]
    arrays += [] if case.logits is None else [case.logits]
    for part in (case, case.test(), case.tuning(Split.FIT), case.take(np.array([2, 0]))):
        for array in (part.prediction, part.labels, part.ids, part.split, *part.scores.values(), *part.factors.values()):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = array
        if part.logits is not None:
            with pytest.raises(ValueError, match="read-only"):
                part.logits[...] = 0


def test_the_callers_own_arrays_stay_writable():
    logits, labels = np.zeros((2, 6, 3)), np.zeros(6, np.int32)
    made(logits=logits, labels=labels)
    logits[0, 0, 0] = labels[0] = 1
    whole = outputs(examples=30)
    given = {
        "prediction": np.array(whole.prediction),
        "labels": np.array(whole.labels),
        "ids": np.array(whole.ids),
        "split": np.array(whole.split),
        "scores": {"maxprob": np.array(whole.scores["maxprob"])},
        "stage_cost": {"macs": np.array(whole.stage_cost["macs"])},
        "factors": {"fog": np.zeros(30, np.float32)},
    }
    Outputs(classes=whole.classes, recorded="confidence", **given)
    for name in ("scores", "stage_cost", "factors"):
        (array,) = given.pop(name).values()
        array[...] = array
    for array in given.values():
        array[...] = array


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"logits": np.zeros((6, 3))}, r"logits have shape \(6, 3\), expected"),
        ({"logits": np.zeros((2, 6, 1))}, "2 or more classes"),
        ({"logits": np.full((2, 6, 3), np.nan)}, "logits contain NaN or infinity"),
        ({"logits": np.full((2, 6, 3), np.inf)}, "logits contain NaN or infinity"),
        ({"labels": np.zeros(5, int)}, r"labels has shape \(5,\), expected \(6,\)"),
        ({"split": split_names(1)}, r"split has shape \(3,\), expected \(6,\)"),
        ({"ids": np.arange(7)}, r"ids has shape \(7,\), expected \(6,\)"),
        ({"ids": np.array([1, 2, 3, 2, 5, 6])}, "ids contain the same number twice"),
        (
            {"ids": np.array([1, 2, 3, 4, 5, 2**60], float)},
            r"ids contain \[1.15.*\]; float64 holds whole numbers up to 9,007",
        ),
        (
            {"ids": np.array([1, 2, 3, 4, 5, 2**63], np.uint64)},
            r"ids contain \[9223372036854775808\]; uint64 holds whole numbers up to 9,223,372",
        ),
        ({"labels": np.array([0, 1, 2, 0, 1, 1.5])}, r"labels contain \[1.5\]; float64 holds whole numbers"),
        ({"labels": np.array([0, 1, 2, 0, 1, 3])}, r"labels contain \[3\], and the 3 classes are numbered 0 to 2"),
        ({"labels": np.array([0, 1, 2, 0, 1, -1])}, r"labels contain \[-1\], and the 3 classes"),
        (
            {"labels": np.array([0, 1, 2, 0, 1, 4096], np.float16)},
            r"labels contain \[4096.0\]; float16 holds whole numbers up to 2,048",
        ),
        ({"labels": np.array([0, 1, 2, 0, 1, np.inf], np.float16)}, r"labels contain \[inf\]; float16"),
        ({"labels": np.array(list("abcdef"))}, "labels are of type <U1, expected whole numbers"),
        ({"logits": np.zeros((256, 6, 3)), "stage_cost": {"macs": np.ones(256)}}, "there are 256 exits, expected 1 to 255"),
        ({"factors": {"fog": np.zeros(4)}}, r"fog has shape \(4,\), expected \(6,\)"),
        ({"stage_cost": {"macs": np.ones(3)}}, r"cost macs has shape \(3,\), expected \(2,\)"),
        ({"stage_cost": {"macs": np.zeros(2)}}, "cost macs is 0 for the full network"),
        ({"stage_cost": {"macs": np.array([1.0, -2.0])}}, "cost macs has a stage whose cost is negative or not a number"),
        ({"stage_cost": {"macs": np.array([1.0, np.nan])}}, "cost macs has a stage whose cost is negative or not a number"),
        ({"stage_cost": {"macs": np.array([1.0, np.inf])}}, "cost macs has a stage whose cost is negative or not a number"),
    ],
)
def test_invalid_arrays_are_refused(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        made(**change)


def test_scores_must_have_the_right_shape_and_be_numbers():
    whole = made()
    with pytest.raises(ValueError, match=r"score maxprob has shape"):
        replace(whole, scores={"maxprob": np.zeros((2, 5), np.float32)})
    with pytest.raises(ValueError, match="score maxprob contains NaN"):
        replace(whole, scores={"maxprob": np.full((2, 6), np.nan, np.float32)})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"features": {"unsure": np.zeros((2, 5), np.float32)}}, r"feature unsure has shape \(2, 5\), expected \(2, 6\)"),
        ({"features": {"unsure": np.zeros(6, np.float32)}}, r"feature unsure has shape \(6,\)"),
        ({"features": {"unsure": np.full((2, 6), np.inf, np.float32)}}, "feature unsure contains NaN or infinity"),
        ({"before": {"length": np.zeros((2, 6), np.float32)}}, r"feature length has shape \(2, 6\), expected \(6,\)"),
        ({"before": {"length": np.full(6, np.nan, np.float32)}}, "feature length contains NaN or infinity"),
        ({"features": {"margin": np.zeros((2, 6), np.float32)}}, "margin names two of the scores, features"),
        ({"features": {"x": np.zeros((2, 6), np.float32)}, "before": {"x": np.zeros(6, np.float32)}}, "x names two"),
    ],
)
def test_invalid_features_are_refused(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(made(), **change)


def test_features_follow_their_examples():
    whole = outputs(examples=90, shuffled=True, features=True)
    rows = np.array([7, 3, 80])
    for part, at in ((whole.take(rows), rows), (whole.test(), np.flatnonzero(whole.split == Split.TEST))):
        for name, values in whole.features.items():
            assert np.array_equal(part.features[name], values[:, at]) and not part.features[name].flags.writeable
        for name, values in whole.before.items():
            assert np.array_equal(part.before[name], values[at]) and not part.before[name].flags.writeable
    assert whole.nbytes == replace(whole, features={}, before={}).nbytes + 90 * 4 * (2 * 4 + 2)


@pytest.mark.parametrize("shuffled", [False, True])
def test_splits_are_disjoint_complete_and_typed(shuffled):
    whole = outputs(examples=90, shuffled=shuffled)
    parts = {split: whole.part(split) for split in BUNDLE_SPLITS}
    assert sorted(np.concatenate([part.ids for part in parts.values()])) == sorted(whole.ids)
    assert [type(part) for part in parts.values()] == [Tuning, Tuning, Test]
    at = {int(id): i for i, id in enumerate(whole.ids)}
    for split, part in parts.items():
        assert set(part.split) == {str(split)}
        for j, id in enumerate(part.ids):
            i = at[int(id)]
            assert part.labels[j] == whole.labels[i]
            assert part.factors["difficulty"][j] == whole.factors["difficulty"][i]
            assert np.array_equal(part.logits[:, j], whole.logits[:, i])
            assert np.array_equal(part.prediction[:, j], whole.prediction[:, i])
            assert all(np.array_equal(part.scores[name][:, j], whole.scores[name][:, i]) for name in whole.scores)


def test_a_contiguous_split_is_a_view():
    whole = outputs(examples=90)
    assert np.shares_memory(whole.test().logits, whole.logits)


def test_nothing_is_tuned_on_test():
    with pytest.raises(ValueError, match="nothing may be tuned on the test split"):
        outputs().tuning(Split.TEST)


@pytest.mark.parametrize("split", BUNDLE_SPLITS)
def test_an_empty_split_is_a_user_error(split):
    whole = outputs(examples=90)
    rest = whole.take(np.flatnonzero(whole.split != split))
    with pytest.raises(UserError, match=f"no {split} examples in these outputs; name at least one row '{split}'"):
        rest.part(split)


def test_take_keeps_the_given_order_and_the_kind():
    whole = outputs(examples=90)
    order = np.random.default_rng(1).permutation(90)[:40]
    part = whole.take(order)
    assert type(part) is Outputs
    assert np.array_equal(part.ids, whole.ids[order])
    assert type(whole.test().take(slice(0, 5))) is Test
    assert (part.recorded, part.kind) == (whole.recorded, whole.kind)
    assert {unit: cost.tolist() for unit, cost in part.stage_cost.items()} == {u: cost.tolist() for u, cost in whole.stage_cost.items()}


def test_probabilities_and_confidences_say_what_they_are():
    probabilities, confidence = outputs(recorded="probabilities"), outputs(recorded="confidence")
    assert probabilities.recorded == "probabilities" and set(probabilities.scores) == {"maxprob", "margin", "entropy"}
    assert confidence.recorded == "confidence" and confidence.logits is None
    assert confidence.test().logits is None


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, np.float32, np.float64])
def test_whole_numbers_of_any_type_are_labels(dtype):
    labels = np.array([0, 1, 2, 0, 1, 2], dtype)
    assert made(labels=labels).labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_ids_of_any_sign_and_size():
    ids = [-1, 2**60, -(2**63), 2**63 - 1, 0, 7]
    assert made(ids=np.array(ids)).ids.tolist() == ids


def test_logits_of_very_many_classes_are_kept_in_half_precision_if_they_fit():
    few, many = np.ones((2, 3, 1000), np.float32), np.ones((2, 3, 1001), np.float32)
    assert in_kept_precision(few) is few and in_kept_precision(many).dtype == np.float16
    many[0, 0, 0] = 1e6
    assert in_kept_precision(many) is many


# Top-k accuracy


@pytest.mark.parametrize("recorded", ["logits", "probabilities"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_top_accuracy_is_that_of_a_sorted_list(recorded, count):
    some = outputs(examples=60, exits=3, classes=8, recorded=recorded)
    judged = some.top(count)
    for k, i in np.ndindex(3, 60):
        likeliest = sorted(range(8), key=lambda c: -some.logits[k, i, c])[:count]
        assert judged.quality[k, i] == (some.labels[i] in likeliest)
    assert not judged.is_graded and judged.quality.dtype == bool
    np.testing.assert_array_equal(judged.test().quality, judged.quality[:, some.split == Split.TEST])


def test_equally_probable_classes_count_in_their_order():
    same = made(examples=6, exits=2, classes=4, logits=np.zeros((2, 6, 4)), labels=np.array([0, 1, 2, 3, 0, 1]))
    assert same.top(2).quality.tolist() == [[True, True, False, False, True, True]] * 2
    np.testing.assert_array_equal(same.top(1).quality, same.prediction == same.labels)


@pytest.mark.parametrize(
    ("some", "count", "mentions"),
    [
        (outputs(examples=9, classes=5), 5, ["Top-5", "5 classes", "from 1 to 4"]),
        (outputs(examples=9, classes=2), 5, ["2 classes", "give 1"]),
        (outputs(examples=9, classes=8), 0, ["Top-0", "from 1 to 7"]),
        (outputs(examples=9, classes=8, recorded="confidence"), 5, ["probabilities of every class"]),
        (replace(outputs(examples=9, classes=8), judged=np.ones((4, 9), bool)), 5, ["needs labels of classes"]),
    ],
    ids=["as many classes", "two classes", "none", "confidences", "judged otherwise"],
)
def test_top_accuracy_that_is_not_known_is_refused_in_one_sentence(some, count, mentions):
    with pytest.raises(UserError) as refused:
        some.top(count)
    assert_one_sentence(str(refused.value), *mentions)


def test_top_1_accuracy_needs_no_probabilities():
    some = outputs(examples=9, classes=8, recorded="confidence")
    assert some.top(1) is some
