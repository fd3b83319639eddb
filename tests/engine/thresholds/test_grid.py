"""The grid's prefix sums give the counts of the plain loop at every combination of levels."""

from itertools import product

import numpy as np
import pytest

from engine.thresholds.grid import Grid
from engine.thresholds.levels import quantile_levels
from tests.engine.thresholds.reference import made_up, walk

COST = np.array([4.0, 10.0, 19.0, 32.0, 43.0])


@pytest.mark.parametrize("distinct", [None, 4])
@pytest.mark.parametrize(("exits", "count"), [(1, 5), (2, 9), (3, 6), (4, 4), (5, 3)])
def test_every_setting_equals_the_plain_loop(exits, count, distinct):
    scores, correct = made_up(80, exits, seed=exits, distinct=distinct)
    grid = Grid.of(scores, correct, quantile_levels(scores, count))
    accuracy, cost = grid.accuracy(), grid.mean_cost(COST[:exits])
    assert grid.shape == accuracy.shape == cost.shape == (count,) * (exits - 1)
    for cuts in product(range(count), repeat=exits - 1):
        leaving, good = walk(scores, correct, grid.levels[range(exits - 1), list(cuts)])
        counts = grid.counts(np.array([cuts], int))
        assert (counts.leaving[0].tolist(), counts.correct[0].tolist()) == (leaving, good)
        assert accuracy[cuts] == pytest.approx(sum(good) / 80)
        assert cost[cuts] == pytest.approx(np.dot(leaving, COST[:exits]) / 80)


def test_costs_in_another_unit_come_from_the_same_tables():
    scores, correct = made_up(500, 4, seed=8)
    grid = Grid.of(scores, correct, quantile_levels(scores, 7))
    ms = np.array([3.0, 4.0, 9.0, 9.5])
    cuts = np.stack(np.unravel_index(np.arange(7**3), grid.shape), axis=-1)
    assert grid.counts(cuts).mean_cost(ms) == pytest.approx(grid.mean_cost(ms).ravel())
