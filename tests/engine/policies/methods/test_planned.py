"""Planned shares: the planned number of examples leaves, tied or not, and no plan is worse than the random mix."""

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.core.scorer import RecordedScore
from engine.policies.core.thresholds import first_sure_exit
from engine.policies.methods.eenet import BETAS
from engine.policies.methods.letting_out import ByConfidence, tie_share
from engine.policies.methods.planned import MAX_TRIED, ROUNDING, PlannedFit, planned_counts
from engine.policies.methods.quotas import GeometricPlan, geometric_quotas
from engine.policies.methods.static import random_mix
from engine.splits import Split
from engine.sweep import run_sweep
from tests.engine.policies import reference
from tests.synthetic import from_answers, outputs, stage_costs


def parts(made):
    return made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), made.test()


@pytest.mark.parametrize("tied", [False, True])
def test_the_most_confident_examples_leave_and_ties_go_to_the_smallest_draw(tied):
    for seed in range(300):
        rng = np.random.default_rng(seed)
        exits, examples = rng.integers(1, 6), rng.integers(1, 40)
        scores = rng.normal(size=(exits, examples)).astype(np.float32)
        if tied:
            scores = np.round(scores)
        ids = rng.permutation(1000)[:examples]
        counts = planned_counts(rng.dirichlet(np.full(exits, 0.5)), examples, np.arange(1.0, exits + 1))
        allocation = ByConfidence.of(scores, ids).let_out(counts)
        expected = reference.planned_exits(counts, reference.floats(scores), ids.tolist())
        assert allocation.exit.tolist() == expected
        assert np.bincount(allocation.exit, minlength=exits).tolist() == counts.tolist()
        # a rule with these thresholds does the same
        assert first_sure_exit(scores, allocation.thresholds, allocation.ties, ids).tolist() == expected
        slowly = reference.tied_cascade(reference.floats(scores), allocation.thresholds, allocation.ties, ids.tolist())
        assert slowly == expected
        if not tied:
            assert (allocation.ties == 1).all()


def test_a_share_of_a_tied_block_is_as_close_to_the_plan_as_the_draws_allow():
    draws = np.array([0.9, 0.1, 0.5, 0.3])
    assert tie_share(draws, 2) == 0.5  # two of four, and 0.5 itself stays
    assert tie_share(draws, 1) == 0.25
    assert tie_share(draws, 3) == 0.75
    assert 0.3 < tie_share(np.array([0.3, 0.2, 0.8]), 2) <= 0.8
    assert tie_share(np.array([0.6, 0.7]), 1) == np.nextafter(0.6, 1)


def test_counts_are_floors_and_the_rest_goes_to_the_last_exit():
    """As published, if there are enough examples."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        exits, examples = rng.integers(2, 6), 20_000
        shares = rng.dirichlet(np.ones(exits))
        counts = planned_counts(shares, examples, np.arange(1.0, exits + 1))
        assert counts[:-1].tolist() == [math.floor(q * examples + 1e-9) for q in shares[:-1]]
        assert counts.sum() == examples


def test_few_examples_and_many_exits_still_spend_the_plan():
    """Twelve exits and 290 examples: the floors alone would miss the plan by more than 4%."""
    cost, worst, by_floors = np.arange(1.0, 13.0), 0.0, 0.0
    for log_rho in np.linspace(-1.5, 1.5, 61):
        shares = geometric_quotas(log_rho, 12)
        counts = planned_counts(shares, 290, cost)
        assert counts.sum() == 290 and (counts >= 0).all()
        assert np.abs(counts - 290 * shares).max() < 12
        worst = max(worst, abs(counts @ cost / 290 / (shares @ cost) - 1))
        floors = np.floor(290 * shares + 1e-9)
        floors[-1] = 290 - floors[:-1].sum()
        by_floors = max(by_floors, floors @ cost / 290 / (shares @ cost) - 1)
    assert worst < 0.01 < 0.04 < by_floors


@pytest.mark.parametrize("name", ["maxprob", "eenet", "ztw"])
@pytest.mark.parametrize("exits", [2, 4, 8])
def test_calibration_examples_cost_the_planned_cost(name, exits):
    fit, calibration, _ = parts(outputs(examples=900, exits=exits, seed=5))
    fitted = POLICIES[name].fit(fit, calibration, "macs")
    cost = calibration.cascade_cost("macs")
    for budget in np.linspace(cost[0], cost[-1], 30):
        rule = fitted.solve(budget)
        if not rule.note.startswith("At this budget the random mix"):
            spent = rule.route(calibration).mean_cost(calibration, "macs")
            assert rule.planned_cost == pytest.approx(budget, rel=1e-6)
            assert abs(spent / rule.planned_cost - 1) < ROUNDING + 1e-9


def worthless_first(exits: int = 6, examples: int = 3000) -> Outputs:
    """A chain whose first exit always makes the same prediction with the same confidence; the accuracy of the others rises with depth."""
    whole = outputs(examples=examples, exits=exits, seed=3)
    logits = whole.logits.copy()
    logits[0] = 0.0
    logits[0, :, 0] = 0.01
    return Outputs.from_logits(logits, whole.labels, whole.split, stage_costs(exits), ids=whole.ids)


def test_an_exit_that_does_harm_is_left_out_and_named():
    made = worthless_first()
    fit, calibration, test = parts(made)
    fitted = POLICIES["maxprob"].fit(fit, calibration, "macs")
    cost = calibration.cascade_cost("macs")
    budget = 0.4 * cost[-1]
    rule = fitted.solve(budget)
    assert rule.note == "At this budget exit 1 is left out of the plan: with it, the plan does worse than the random mix on calibration."
    assert np.isposinf(rule.thresholds[0]) and rule.planned_cost == pytest.approx(budget)
    mix = fitted.mix.solve(budget)
    expected = sum(weight * part.route(test).accuracy for weight, part in mix.parts())
    assert rule.route(test).accuracy > expected + 0.01
    # The published plan is worse than the mix: it must give the first exit its share.
    quotas = GeometricPlan(cost).shares(budget, range(made.exits)).leaving
    counts = planned_counts(quotas, calibration.examples, cost)
    published = ByConfidence.of(calibration.scores["maxprob"], calibration.ids).let_out(counts).exit
    accuracy = calibration.correct[published, np.arange(calibration.examples)].mean()
    assert accuracy < random_mix(calibration, "macs").accuracy_at(cost[published].mean())


def test_exits_are_left_out_one_by_one_each_time_the_one_that_helps_most():
    """Against a search by hand."""
    made = worthless_first(exits=5, examples=900)
    _, calibration, _ = parts(made)
    cost = calibration.cascade_cost("macs")
    plan, scorer = GeometricPlan(cost), RecordedScore("maxprob")
    fitted = PlannedFit(plan, scorer, calibration, "macs")
    mix = random_mix(calibration, "macs")

    def advantage(budget, kept):
        counts = planned_counts(plan.shares(budget, kept).leaving, calibration.examples, cost)
        left_at = reference.planned_exits(counts, reference.floats(calibration.scores["maxprob"]), calibration.ids.tolist())
        accuracy, spent, _ = reference.walk(calibration, left_at, "macs")
        return accuracy - mix.accuracy_at(spent)

    notes = set()
    for budget in np.linspace(cost[0], cost[-1], 15):
        kept = list(range(5))
        while kept and advantage(budget, kept) < -1e-9:
            fewer = [[k for k in kept if k != one] for one in kept]
            fewer = [some for some in fewer if some and cost[some[0]] <= budget * (1 + 1e-9) and cost[some[-1]] >= budget * (1 - 1e-9)]
            better = max(fewer, key=lambda some: advantage(budget, some), default=[])
            kept = better if better and advantage(budget, better) > advantage(budget, kept) else []
        rule = fitted.solve(budget)
        notes.add(rule.note)
        if not kept:
            assert rule.note.startswith("At this budget the random mix is used")
        elif len(kept) == 5:
            assert rule.note == ""
        else:
            assert [k for k in range(5) if str(k + 1) in rule.note] == [k for k in range(5) if k not in kept]
            assert rule.planned_cost == pytest.approx(budget)
    assert len(notes) > 1


def test_where_no_plan_is_good_enough_the_mix_itself_is_used():
    """Misleading scores: an exit is incorrect where it is confident."""
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=900)
    correct = rng.random((3, 900)) < np.array([0.6, 0.75, 0.9])[:, None]
    answers = np.where(correct, labels, (labels + 1) % 4)
    made = from_answers(answers, np.where(correct, 1.0, 3.0) + rng.random((3, 900)), labels, 4)
    fit, calibration, test = parts(made)
    fitted = POLICIES["maxprob"].fit(fit, calibration, "macs")
    budget = 0.6 * calibration.full_cost("macs")
    rule = fitted.solve(budget)
    assert "random mix is used" in rule.note
    assert rule.planned_cost == pytest.approx(budget)
    assert np.array_equal(rule.route(test).exit, fitted.mix.solve(budget).route(test).exit)


def test_one_exit_and_one_example():
    for made in (outputs(examples=90, exits=1), outputs(examples=3, exits=3)):
        fit, calibration, test = parts(made)
        fitted = POLICIES["maxprob"].fit(fit, calibration, "macs")
        for budget in np.linspace(fitted.cheapest, 2 * made.full_cost("macs"), 5):
            assert fitted.solve(budget).route(test).shares(made.exits).sum() == 1


@pytest.mark.parametrize("name", ["maxprob", "eenet"])
def test_very_many_exits_are_planned_in_bounded_memory_and_time(name):
    """A last exit that is no better than the first: every plan that must use it does worse than the mix."""
    whole = outputs(examples=600, exits=60, seed=4)
    logits = whole.logits.copy()
    logits[-1] = logits[0]
    made = Outputs.from_logits(logits, whole.labels, whole.split, whole.stage_cost, ids=whole.ids)
    fit, calibration, _ = parts(made)
    fitted = POLICIES[name].fit(fit, calibration, "macs")
    tried = []
    candidate = PlannedFit._candidate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlannedFit, "_candidate", lambda self, budget, kept: tried.append(kept) or candidate(self, budget, kept))
        assert "random mix is used" in fitted.solve(made.full_cost("macs")).note
    assert len(tried) <= 1 + 3 * MAX_TRIED
    assert name != "eenet" or len(fitted.plan._pulls) <= 2 * len(BETAS)


def test_a_sweep_begins_at_the_first_network_even_if_another_is_cheaper():
    made = replace(outputs(examples=90, exits=3, kind="family"), stage_cost={"macs": np.array([10.0, 1.0, 20.0])})
    swept = run_sweep(POLICIES["maxprob"], made, 5)
    assert swept.budgets[0] == 0.5 and swept.planned_cost[0] == pytest.approx(0.5) and swept.budgets[-1] == 1


def test_costs_that_hardly_differ_and_costs_far_apart_give_finite_plans():
    for cost in ([1e29, 1e29, 1e-29, 1e29], [1.0, 1e-12, 1e-12, 1.0]):
        made = replace(outputs(examples=90, exits=4), stage_cost={"macs": np.array(cost)})
        for name in ("maxprob", "eenet"):
            assert np.isfinite(run_sweep(POLICIES[name], made, 5).cost).all()
