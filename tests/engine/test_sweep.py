"""Sweeps: one policy over many budgets, against routing by hand; the JSON document; errors about invalid budgets."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import UserError
from engine.policies import POLICIES
from engine.policies.core.thresholds import first_sure_exit
from engine.splits import BUNDLE_SPLITS, Split
from engine.sweep import default_budgets, run_sweep
from tests.engine.policies import reference
from tests.sentences import assert_one_sentence
from tests.synthetic import confidence_only, outputs

CHAIN, FAMILY = outputs(examples=600, seed=30), outputs(examples=600, exits=3, seed=31, kind="family")
BOTH = pytest.mark.parametrize("made", [CHAIN, FAMILY], ids=["chain", "family"])


@BOTH
@pytest.mark.parametrize("split", BUNDLE_SPLITS)
@pytest.mark.parametrize("unit", ["macs", "latency_ms"])
def test_every_point_is_its_rule_followed_by_hand(made, split, unit):
    swept = run_sweep(POLICIES["single_threshold"], made, [0.4, 0.7, 1.0], unit, split)
    full = made.full_cost(unit)
    reported, calibration = made.part(split), made.tuning(Split.CALIBRATION)
    for i, rule in enumerate(swept.rules):
        for part, cost, accuracy in (
            (reported, swept.cost[i], swept.accuracy[i]),
            (calibration, swept.calibration_cost[i], swept.calibration_accuracy[i]),
        ):
            left_at = reference.threshold_cascade(reference.floats(part.scores["maxprob"]), rule.thresholds.tolist())
            by_hand = reference.walk(part, left_at, unit)
            assert (accuracy, cost) == (by_hand[0], pytest.approx(by_hand[1] / full, rel=1e-12))
        left_at = reference.threshold_cascade(reference.floats(reported.scores["maxprob"]), rule.thresholds.tolist())
        assert swept.shares[i].tolist() == reference.walk(reported, left_at, unit)[2]
        assert swept.exit[i].tolist() == left_at
        answers = [reported.prediction[exit, j] for j, exit in enumerate(left_at)]
        assert swept.answer[i].tolist() == answers
        assert swept.is_correct[i].tolist() == [answer == label for answer, label in zip(answers, reported.labels, strict=True)]
        assert swept.planned_cost[i] == rule.planned_cost / full


@BOTH
def test_shares_split_into_correct_and_incorrect(made):
    swept = run_sweep(POLICIES["entropy"], made, 9)
    np.testing.assert_allclose(swept.correct.sum(axis=1), swept.accuracy, atol=1e-12)
    np.testing.assert_allclose((swept.correct + swept.incorrect).sum(axis=1), 1, atol=1e-12)
    assert (swept.correct >= 0).all() and (swept.incorrect >= -1e-15).all()
    assert np.array_equal(swept.is_correct.mean(axis=1), swept.accuracy)


@BOTH
@pytest.mark.parametrize("unit", ["macs", "latency_ms"])
def test_full_and_single_exits(made, unit):
    test = made.test()
    swept = run_sweep(POLICIES["static"], made, 5, unit)
    assert swept.full.cost == made.full_cost(unit) == made.static_cost(unit)[-1]
    assert swept.full.accuracy == (test.prediction[-1] == test.labels).mean()
    assert swept.static_accuracy.tolist() == [(answers == test.labels).mean() for answers in test.prediction]
    np.testing.assert_allclose(swept.static_cost, made.static_cost(unit) / made.static_cost(unit)[-1])
    np.testing.assert_allclose(swept.exit_cost, np.cumsum(made.cost_in(unit)) / swept.full.cost)
    assert swept.static_cost[-1] == 1
    # The static policy at the full budget is one of these exits, and the best of them on calibration.
    best = made.tuning(Split.CALIBRATION).correct.mean(axis=1).argmax()
    assert swept.accuracy[-1] == swept.static_accuracy[best] and swept.cost[-1] == pytest.approx(swept.static_cost[best])


def test_a_family_may_cost_more_than_its_largest_network():
    swept = run_sweep(POLICIES["maxprob"], FAMILY, [1.0, 1.7])
    assert FAMILY.cascade_cost("macs")[-1] > FAMILY.full_cost("macs")
    assert swept.planned_cost[1] > 1 and swept.exit_cost[-1] > 1


def test_random_mixing_follows_the_hull_on_calibration():
    swept = run_sweep(POLICIES["random_mix"], CHAIN, 15)
    calibration = CHAIN.tuning(Split.CALIBRATION)
    accuracy, cost = calibration.correct.mean(axis=1), CHAIN.static_cost("macs")
    for budget, spent, correct in zip(swept.budgets, swept.calibration_cost, swept.calibration_accuracy, strict=True):
        expected = reference.best_mix_of_exits(accuracy, cost, budget * swept.full.cost)
        assert abs(correct - expected) < 5 * 0.5 / np.sqrt(calibration.examples) and abs(spent - budget) < 0.15


def test_knobs_are_set_on_calibration_whatever_split_is_reported():
    by_split = [run_sweep(POLICIES["maxprob"], CHAIN, [0.5], split=split) for split in BUNDLE_SPLITS]
    thresholds = {tuple(swept.rules[0].thresholds) for swept in by_split}
    assert len(thresholds) == 1 and len({swept.accuracy[0] for swept in by_split}) > 1
    assert by_split[1].accuracy[0] == by_split[1].calibration_accuracy[0]


def test_without_fit_examples_gates_learn_on_calibration():
    rest = CHAIN.take(np.flatnonzero(CHAIN.split != Split.FIT))
    swept, whole = run_sweep(POLICIES["maxprob"], rest, 5), run_sweep(POLICIES["maxprob"], CHAIN, 5)
    assert np.array_equal(swept.exit, whole.exit)


@BOTH
def test_default_budgets_go_evenly_from_the_cheapest_exit_to_the_full_network(made):
    for unit in ("macs", "latency_ms"):
        budgets = default_budgets(made, unit, 11)
        cost = made.static_cost(unit)
        assert budgets[0] == pytest.approx(cost.min() / cost[-1]) and budgets[-1] == 1
        np.testing.assert_allclose(np.diff(budgets), np.diff(budgets)[0])
        assert np.array_equal(run_sweep(POLICIES["static"], made, 11, unit).budgets, budgets)


def test_one_point_is_the_cheapest_exit():
    swept = run_sweep(POLICIES["maxprob"], CHAIN, 1)
    assert swept.shares.tolist() == [[1, 0, 0, 0]]


def test_budgets_keep_the_given_order():
    mixed = run_sweep(POLICIES["maxprob"], CHAIN, [0.9, 0.3, 0.6])
    for i, budget in enumerate((0.9, 0.3, 0.6)):
        alone = run_sweep(POLICIES["maxprob"], CHAIN, [budget])
        assert np.array_equal(mixed.exit[i], alone.exit[0]) and mixed.budgets[i] == budget


def test_a_budget_in_percent_is_refused():
    with pytest.raises(UserError, match=r"^A budget of 25 is 25 times the full network's cost; for 25% give 0\.25\.$"):
        run_sweep(POLICIES["maxprob"], CHAIN, [25])


# The document


def test_the_document_has_the_promised_form():
    swept = run_sweep(POLICIES["single_threshold"], CHAIN, [0.3, 1.0])
    document = swept.as_json("some-bundle")
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert {key: document[key] for key in ("bundle", "policy", "unit", "split")} == {
        "bundle": "some-bundle",
        "policy": "single_threshold",
        "unit": "macs",
        "split": "test",
    }
    assert type(document["split"]) is str and document["examples"] == 200
    assert document["full"] == {"cost": 32e6, "accuracy": swept.full.accuracy}
    for i, point in enumerate(document["points"]):
        assert set(point) >= {"budget", "planned_cost", "cost", "accuracy", "shares", "knob"}
        assert point["cost"] == swept.cost[i] and point["accuracy"] == swept.accuracy[i]
        assert point["planned_cost"] == swept.planned_cost[i] and point["budget"] == swept.budgets[i]
        assert point["shares"] == swept.shares[i].tolist() and len(point["shares"]) == 4
        assert set(point["knob"]) == {"threshold", "thresholds"}


def test_infinite_thresholds_are_texts_with_their_sign():
    """At the full budget no example leaves early, and at the least one all do; JSON has no infinity."""
    points = run_sweep(POLICIES["single_threshold"], CHAIN, [1.0]).as_json("x")["points"]
    assert points[0]["knob"] == {"threshold": 1.0, "thresholds": ["inf"] * 3}
    least, most = run_sweep(POLICIES["maxprob"], CHAIN, 2).as_json("x")["points"]
    assert least["shares"] == [1, 0, 0, 0] and least["knob"]["thresholds"][0] == "-inf"
    assert most["shares"] == [0, 0, 0, 1] and most["knob"]["thresholds"] == ["inf"] * 3


def test_thresholds_and_ties_together_give_the_shares():
    """With rounded scores, thresholds alone let whole blocks of examples leave."""
    made = confidence_only(CHAIN)
    made = replace(made, scores={"maxprob": np.round(made.scores["maxprob"])})
    test, decisive = made.test(), 0
    for point in json.loads(json.dumps(run_sweep(POLICIES["maxprob"], made, 9).as_json("x"), allow_nan=False))["points"]:
        thresholds = np.array(point["knob"]["thresholds"], np.float64)  # "inf" is read as infinity
        ties = np.array(point["knob"]["ties"]) if "ties" in point["knob"] else None
        with_ties, without = (
            np.bincount(first_sure_exit(test.scores["maxprob"], thresholds, drawn, test.ids), minlength=4) / test.examples
            for drawn in (ties, None)
        )
        assert point["shares"] == with_ties.tolist()
        assert ties is None or (len(ties) == len(thresholds) and not (ties == 1).all())
        decisive += not np.array_equal(with_ties, without)
    assert decisive > 3


# Invalid budgets


@pytest.mark.parametrize("budget", [0.0, -0.5, float("nan"), float("inf"), -float("inf")])
def test_a_budget_that_is_not_a_positive_number_is_refused(budget):
    with pytest.raises(UserError) as mistake:
        run_sweep(POLICIES["maxprob"], CHAIN, [0.5, budget])
    assert_one_sentence(str(mistake.value), f"{budget:g}", "must be a positive share", "for example 0.5")


def test_the_error_for_a_budget_out_of_reach_names_the_smallest_valid_one():
    cheapest = 4 / 32
    with pytest.raises(UserError) as mistake:
        run_sweep(POLICIES["maxprob"], CHAIN, [0.5, 0.05])
    assert_one_sentence(str(mistake.value), "0.05", POLICIES["maxprob"].title, "0.125")
    assert run_sweep(POLICIES["maxprob"], CHAIN, [0.125]).planned_cost[0] == pytest.approx(cheapest)


@BOTH
@pytest.mark.parametrize("unit", ["macs", "latency_ms"])
@pytest.mark.parametrize("name", ["static", "maxprob", "single_threshold", "oracle"])
def test_the_smallest_valid_budget_in_the_error_is_valid(made, unit, name):
    with pytest.raises(UserError) as mistake:
        run_sweep(POLICIES[name], made, [0.001], unit)
    advised = float(str(mistake.value).rstrip(".").split()[-1])
    assert run_sweep(POLICIES[name], made, [advised], unit).planned_cost[0] <= advised * (1 + 1e-9)


def test_a_budget_typed_with_few_digits_is_not_refused_for_a_rounding_error():
    third = outputs(examples=90, exits=3)  # 4 of 19: 0.210526...
    assert run_sweep(POLICIES["maxprob"], third, [0.2105]).shares[0].tolist() == [1, 0, 0]
    with pytest.raises(UserError, match="0.2095 is out of reach"):
        run_sweep(POLICIES["maxprob"], third, [0.2095])


def test_an_unknown_unit():
    with pytest.raises(UserError, match="no costs in 'joules'; choose one of: macs, latency_ms"):
        run_sweep(POLICIES["maxprob"], CHAIN, 3, "joules")


def test_a_policy_that_cannot_run_says_why():
    lacking = confidence_only(CHAIN)
    with pytest.raises(UserError) as mistake:
        run_sweep(POLICIES["entropy"], lacking, 3)
    assert str(mistake.value) == POLICIES["entropy"].unavailable_reason(lacking)
    assert_one_sentence(str(mistake.value), "cannot be computed from confidence; choose a policy that uses maxprob.")


def test_a_route_that_loses_an_example_fails_loudly():
    from engine.policies.core.base import Fitted, Policy, Rule
    from engine.route import Route

    class Losing(Rule):
        knob, planned_cost = {}, 1.0

        def route(self, outputs):
            return Route.through(outputs.take(slice(1, None)), np.zeros(outputs.examples - 1, int))

    class LosingFit(Fitted):
        cheapest = 1.0

        def _solve(self, budget):
            return Losing()

    class LosingPolicy(Policy):
        name = title = "losing"

        def fit(self, fit, calibration, unit):
            return LosingFit()

    with pytest.raises(AssertionError, match="a route lost or duplicated an example"):
        run_sweep(LosingPolicy(), CHAIN, [0.5])


@pytest.mark.parametrize("name", ["maxprob", "bolukbasi", "eenet"])
def test_progress_rises_to_the_total_and_changes_nothing(name):
    steps: list[tuple[int, int]] = []
    swept = run_sweep(POLICIES[name], CHAIN, 5, progress=lambda done, total: steps.append((done, total)))
    assert {total for _, total in steps} == {steps[-1][0]} and steps[0][0] == 0
    assert steps == sorted(steps)
    assert swept.as_json("made") == run_sweep(POLICIES[name], CHAIN, 5).as_json("made")


@pytest.mark.parametrize("name", ["bolukbasi", "jei"])
def test_a_policy_that_learns_for_long_reports_progress_while_it_learns(name):
    steps: list[int] = []
    run_sweep(POLICIES[name], CHAIN, 100, progress=lambda done, total: steps.append(done))
    assert len({done for done in steps if 0 < done < 100}) > 10


@pytest.mark.parametrize("last", [0, 3, 9, 14, 20])
def test_what_progress_raises_ends_the_sweep(last):
    def stop(done, total):
        if done >= last:
            raise InterruptedError(done)

    with pytest.raises(InterruptedError):
        run_sweep(POLICIES["bolukbasi"], CHAIN, 5, progress=stop)
    assert run_sweep(POLICIES["bolukbasi"], CHAIN, 5).examples == CHAIN.test().examples
