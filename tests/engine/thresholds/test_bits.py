"""Packed bits give the counts of the plain loop, for any list of settings."""

import numpy as np
import pytest

from engine.thresholds.bits import TOGETHER, PackedBits
from engine.thresholds.levels import quantile_levels
from tests.engine.thresholds.reference import made_up, walk


@pytest.mark.parametrize("distinct", [None, 5])
@pytest.mark.parametrize(("exits", "examples"), [(1, 40), (2, 64), (3, 65), (5, 127), (4, 1)])
def test_counts_equal_the_plain_loop(exits, examples, distinct):
    scores, correct = made_up(examples, exits, seed=examples, distinct=distinct)
    levels = quantile_levels(scores, 12)
    cuts = np.random.default_rng(1).integers(12, size=(2 * TOGETHER + 3, exits - 1))
    counts = PackedBits.pack(scores, correct, levels).counts(cuts)
    assert counts.leaving.shape == counts.correct.shape == (len(cuts), exits)
    for i, setting in enumerate(cuts):
        thresholds = levels[np.arange(exits - 1), setting]
        assert (counts.leaving[i].tolist(), counts.correct[i].tolist()) == walk(scores, correct, thresholds)


def test_any_thresholds_may_be_the_levels():
    scores, correct = made_up(100, 3, seed=2)
    settings = np.random.default_rng(3).normal(size=(20, 2))
    levels = np.concatenate([np.full((2, 1), -np.inf), np.sort(settings.T, axis=1)], axis=1)
    cuts = np.stack([np.searchsorted(levels[k], settings[:, k]) for k in range(2)], axis=1)
    counts = PackedBits.pack(scores, correct, levels).counts(cuts)
    for i, thresholds in enumerate(settings):
        assert (counts.leaving[i].tolist(), counts.correct[i].tolist()) == walk(scores, correct, thresholds)


def test_exits_that_are_always_or_never_correct_are_counted():
    scores, correct = made_up(90, 3, seed=4)
    for answers in (np.ones_like(correct), np.zeros_like(correct)):
        packed = PackedBits.pack(scores, answers, quantile_levels(scores, 8))
        counts = packed.counts(np.array([[3, 5], [0, 0], [7, 7]]))
        assert (counts.leaving.sum(axis=1) == 90).all()
        assert (counts.correct == (counts.leaving if answers.any() else 0)).all()


def test_cuts_beyond_the_levels_are_refused():
    scores, correct = made_up(30, 3, seed=5)
    packed = PackedBits.pack(scores, correct, quantile_levels(scores, 4))
    for cuts in ([[4, 0]], [[0, -1]]):
        with pytest.raises(IndexError, match="levels 0 to 3"):
            packed.counts(np.array(cuts))
