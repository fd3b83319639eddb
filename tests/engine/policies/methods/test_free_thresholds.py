"""Free thresholds: optimal where all settings can be tried, never worse on calibration than their special cases, blind to test labels."""

from itertools import product

import numpy as np
import pytest

from engine.policies import POLICIES
from engine.policies.methods.free_thresholds import GRID_CELLS, best_settings
from engine.splits import Split
from engine.sweep import run_sweep
from engine.thresholds.grid import Grid
from engine.thresholds.levels import quantile_levels
from tests.engine.thresholds.reference import made_up, walk
from tests.synthetic import corner_cases, outputs

FREE = POLICIES["free_thresholds"]
COST = np.array([4.0, 10.0, 19.0, 32.0, 43.0])


def best_on(front, budget):
    return front.correct[np.searchsorted(front.cost, budget * (1 + 1e-12), side="right") - 1]


@pytest.mark.parametrize("distinct", [None, 4])
@pytest.mark.parametrize("seed", range(3))
def test_few_examples_get_the_best_of_all_settings(seed, distinct):
    scores, correct = made_up(14, 3, seed=seed, distinct=distinct)
    ranked, front = best_settings(scores, correct, COST[:3])
    every = []
    for cuts in product(*(range(len(values) + 1) for values in ranked.values)):
        leaving, good = walk(scores, correct, ranked.thresholds(np.array(cuts)))
        every.append((np.dot(leaving, COST[:3]), sum(good)))
    for budget in np.linspace(14 * COST[0], 14 * COST[2], 50):
        assert best_on(front, budget) == max(good for cost, good in every if cost <= budget * (1 + 1e-12))


@pytest.mark.parametrize("exits", [2, 4, 5, 6])
def test_settings_are_counted_exactly_and_never_below_the_exact_grid(exits):
    scores, correct = made_up(400, exits, seed=exits)
    exit_cost = np.cumsum(np.linspace(4, 12, exits))
    ranked, front = best_settings(scores, correct, exit_cost)
    assert (np.diff(front.cost) > 0).all() and (np.diff(front.correct) > 0).all()
    for i in np.linspace(0, len(front.cost) - 1, 25).astype(int):
        leaving, good = walk(scores, correct, ranked.thresholds(front.cuts[i]))
        assert sum(good) == front.correct[i] and np.dot(leaving, exit_cost) == pytest.approx(front.cost[i], rel=1e-12)
    grid = Grid.of(scores, correct, quantile_levels(scores, min(int(GRID_CELLS ** (1 / (exits - 1))), 256)))
    accuracy, cost = grid.accuracy().ravel(), grid.mean_cost(exit_cost).ravel()
    for budget in np.linspace(exit_cost[0], exit_cost[-1], 15):
        assert best_on(front, budget * 400) >= round(400 * accuracy[cost <= budget * (1 + 1e-12)].max())


def test_many_exits_are_optimised_without_a_grid():
    scores, correct = made_up(200, 13, seed=1)
    exit_cost = np.arange(1.0, 14.0)
    ranked, front = best_settings(scores, correct, exit_cost)
    shared = [walk(scores, correct, np.full(12, level)) for level in np.quantile(scores, np.linspace(0, 1, 9))]
    gains = [best_on(front, np.dot(leaving, exit_cost)) - sum(good) for leaving, good in shared]
    assert min(gains) >= 0 and max(gains) > 0


@pytest.mark.parametrize("other", ["single_threshold", "static", "maxprob"])
def test_on_calibration_it_is_the_most_accurate_threshold_rule(other):
    data = outputs(examples=2400, exits=4, seed=11)
    budgets = np.linspace(0.15, 1.0, 12)
    free = run_sweep(FREE, data, budgets)
    # Quotas round and tie, so the other policy may spend a little more than planned. The same is allowed here.
    spends = np.maximum(run_sweep(POLICIES[other], data, budgets).calibration_cost, budgets)
    at_least = run_sweep(POLICIES[other], data, budgets).calibration_accuracy
    assert (run_sweep(FREE, data, spends).calibration_accuracy >= at_least - 1e-12).all()
    assert (np.diff(free.calibration_accuracy) >= 0).all()
    assert (free.calibration_cost <= budgets * (1 + 1e-9)).all()
    assert free.calibration_cost == pytest.approx(free.planned_cost)


def test_test_labels_change_nothing():
    data = outputs(examples=900, exits=4, seed=12)
    labels = data.labels.copy()
    test = data.split == Split.TEST
    labels[test] = (labels[test] + 1) % data.classes
    relabelled = type(data)(**{**vars(data), "labels": labels})
    for before, after in zip(run_sweep(FREE, data, 6).rules, run_sweep(FREE, relabelled, 6).rules, strict=True):
        assert (before.thresholds == after.thresholds).all()


def test_corner_cases_are_routed():
    for name, data in corner_cases().items():
        swept = run_sweep(FREE, data, 5)
        assert (swept.calibration_cost <= swept.budgets * (1 + 1e-9)).all(), name
