"""Grids of thresholds, and the bins of scores between them."""

import numpy as np
import pytest

from engine.thresholds.levels import bins, quantile_levels
from tests.engine.thresholds.reference import made_up


@pytest.mark.parametrize("distinct", [None, 5])
@pytest.mark.parametrize("levels", [2, 3, 17, 300])
def test_a_score_reaches_exactly_the_levels_up_to_its_bin(levels, distinct):
    scores, _ = made_up(120, 3, seed=4, distinct=distinct)
    grid = quantile_levels(scores, levels)
    reached = bins(scores, grid)
    for k in range(2):
        at_least = scores[k][None] >= grid[k][:, None]
        assert (at_least == (reached[k][None] >= np.arange(levels)[:, None])).all()


def test_a_grid_runs_from_all_examples_to_none_over_scores_that_occur():
    scores, _ = made_up(1000, 4, seed=5)
    grid = quantile_levels(scores, 11)
    assert grid.shape == (3, 11) and (np.diff(grid) > 0).all()
    assert np.isneginf(grid[:, 0]).all() and np.isposinf(grid[:, -1]).all()
    for k in range(3):
        assert np.isin(grid[k, 1:-1], scores[k]).all()
        assert np.histogram(scores[k], grid[k, 1:-1])[0] == pytest.approx(100, abs=1)


def test_enough_levels_hold_every_cut():
    scores, _ = made_up(30, 2, seed=6)
    grid = quantile_levels(scores, 40)
    # The lowest score may be missing: minus infinity is the same cut.
    assert set(np.sort(scores[0])[1:]) <= set(grid[0])


def test_bins_have_the_smallest_type_that_holds_the_grid():
    scores, _ = made_up(50, 2, seed=7)
    assert bins(scores, quantile_levels(scores, 256)).dtype == np.uint8
    assert bins(scores, quantile_levels(scores, 257)).dtype == np.uint16


def test_levels_that_not_every_score_reaches_are_refused():
    scores, _ = made_up(50, 2, seed=8)
    with pytest.raises(ValueError, match="minus infinity"):
        bins(scores, np.array([[0.0, 1.0]]))
