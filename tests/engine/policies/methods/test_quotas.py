"""Geometric quotas: the plan meets the budget, the thresholds follow the plan, the route equals the published loop."""

import math

import numpy as np
import pytest

from engine.policies import POLICIES
from engine.policies.core.thresholds import first_sure_exit
from engine.policies.methods.planned import planned_counts
from engine.policies.methods.quotas import geometric_quotas
from engine.splits import Split
from tests.engine.policies import reference
from tests.synthetic import corner_cases, outputs

NAMES = ("maxprob", "entropy")
CASES = {
    "chain": outputs(examples=300, seed=1),
    "family": outputs(examples=300, exits=3, seed=2, kind="family"),
    "eight exits": outputs(examples=300, exits=8, seed=3),
    **corner_cases(),
}


def parts(made):
    return made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), made.test()


@pytest.mark.parametrize("rho", [0.001, 0.3, 1.0, 1.7, 50.0])
def test_quotas_are_geometric(rho):
    for exits in (1, 2, 5, 8):
        quotas = geometric_quotas(math.log(rho), exits)
        assert quotas.tolist() == pytest.approx(reference.geometric_quotas(rho, exits), rel=1e-12)


@pytest.mark.parametrize("log_rho", [-700.0, -60.0, 60.0, 700.0])
def test_quotas_at_the_ends_are_all_or_nothing(log_rho):
    quotas = geometric_quotas(log_rho, 5)
    assert np.isfinite(quotas).all() and quotas.sum() == pytest.approx(1)
    assert quotas[0 if log_rho < 0 else -1] == pytest.approx(1)


def test_first_sure_exit_equals_the_published_loop():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        exits, examples = rng.integers(1, 6), rng.integers(1, 30)
        scores = np.round(rng.normal(size=(exits, examples)), seed % 3)
        thresholds = np.round(rng.normal(size=exits - 1), seed % 3)
        if seed % 5 == 0 and exits > 1:
            thresholds[rng.integers(exits - 1)] = rng.choice([-np.inf, np.inf])
        assert first_sure_exit(scores, thresholds).tolist() == reference.threshold_cascade(scores.tolist(), thresholds.tolist())


@pytest.mark.parametrize("policy", NAMES)
@pytest.mark.parametrize("name", CASES)
def test_rules_equal_the_reference(name, policy):
    fit, calibration, test = parts(CASES[name])
    fitted = POLICIES[policy].fit(fit, calibration, "macs")
    exit_cost = calibration.cascade_cost("macs")
    published = 0
    for budget in np.linspace(exit_cost[0], 1.1 * exit_cost[-1], 12):
        rule = fitted.solve(budget)
        if rule.note:
            continue  # the plan was below the random mix, see test_planned
        published += 1
        counts = planned_counts(geometric_quotas(rule.knob["log rho"], test.exits), calibration.examples, exit_cost)
        ids = calibration.ids.tolist()
        assert rule.route(calibration).exit.tolist() == reference.planned_exits(counts, reference.floats(calibration.scores[policy]), ids)
        ties = np.ones(test.exits - 1) if rule.ties is None else rule.ties
        threshold_spec = rule.threshold_spec()
        assert threshold_spec.thresholds is rule.thresholds and threshold_spec.ties is rule.ties
        left_at = reference.tied_cascade(reference.floats(test.scores[policy]), rule.thresholds, ties, test.ids.tolist())
        accuracy, cost, shares = reference.walk(test, left_at, "macs")
        route = rule.route(test)
        assert route.exit.tolist() == left_at
        assert route.accuracy == accuracy and route.shares(test.exits).tolist() == shares
        assert route.mean_cost(test, "macs") == pytest.approx(cost, rel=1e-12)
    assert published or name in ("constant scores", "always incorrect", "saturated confidence", "one example per split")


@pytest.mark.parametrize("policy", NAMES)
@pytest.mark.parametrize("exits", [2, 4, 8])
def test_the_plan_meets_the_budget_and_rises_with_it(policy, exits):
    fit, calibration, _ = parts(outputs(exits=exits, seed=4))
    fitted = POLICIES[policy].fit(fit, calibration, "macs")
    exit_cost = calibration.cascade_cost("macs")
    planned, rho = [], []
    for budget in np.linspace(exit_cost[0], exit_cost[-1], 50):
        rule = fitted.solve(budget)
        if rule.note:
            continue  # the plan was below the random mix, see test_planned
        assert rule.planned_cost == pytest.approx(budget, rel=1e-9)
        planned.append(rule.planned_cost)
        rho.append(rule.knob["log rho"])
    assert (np.diff(planned) > 0).all() and (np.diff(rho) >= 0).all() and len(planned) > 25


def test_raising_a_threshold_never_makes_an_example_leave_earlier():
    scores = outputs(examples=300, exits=5).scores["maxprob"]
    rng = np.random.default_rng(0)
    for _ in range(100):
        thresholds = rng.normal(1, 1, size=4)
        raised = thresholds.copy()
        raised[rng.integers(4)] += rng.exponential()
        assert (first_sure_exit(scores, raised) >= first_sure_exit(scores, thresholds)).all()


def test_correctness_as_a_score_reaches_the_union_at_the_first_correct_exit():
    """The score 1[correct], threshold 1 everywhere: an example leaves at its first correct exit, or at the last if there is none."""
    made = outputs(examples=300, exits=5)
    left_at = first_sure_exit(made.correct.astype(float), np.ones(4))
    for i in range(300):
        assert left_at[i] == next((k for k in range(5) if made.correct[k, i]), 4)
    assert made.correct[left_at, np.arange(300)].mean() == made.correct.any(axis=0).mean()
