"""Ranks give the same decisions as the scores themselves, at every threshold."""

import numpy as np
import pytest

from engine.thresholds.ranks import Ranked
from tests.engine.thresholds.reference import awkward_thresholds, made_up, walk


@pytest.mark.parametrize("distinct", [None, 6])
@pytest.mark.parametrize("exits", [1, 2, 3, 5])
def test_masks_on_ranks_equal_the_plain_loop(exits, distinct):
    scores, correct = made_up(150, exits, seed=exits, distinct=distinct)
    ranked = Ranked.of(scores, correct)
    for thresholds in awkward_thresholds(scores, 40, seed=9):
        counts = ranked.counts(ranked.cuts(thresholds))
        assert (counts.leaving.tolist(), counts.correct.tolist()) == walk(scores, correct, thresholds)
        assert counts.examples == 150 == counts.leaving.sum()


def test_cuts_converted_to_thresholds_and_back_are_unchanged():
    scores, correct = made_up(60, 4, seed=1, distinct=9)
    ranked = Ranked.of(scores, correct)
    cuts = np.array([[0, 0, 0], [1, 2, 3], [len(values) for values in ranked.values]])
    assert (ranked.cuts(ranked.thresholds(cuts)) == cuts).all()


def test_the_outermost_cuts_are_infinite_so_that_they_hold_for_unseen_examples():
    scores, correct = made_up(60, 3, seed=2)
    ranked = Ranked.of(scores, correct)
    none = np.array([len(values) for values in ranked.values])
    assert ranked.thresholds(np.zeros(2, int)).tolist() == [-np.inf, -np.inf]
    assert ranked.thresholds(none).tolist() == [np.inf, np.inf]


def test_ranks_have_the_smallest_type_that_holds_the_distinct_scores():
    scores, correct = made_up(70_000, 2, seed=3)
    assert Ranked.of(scores.astype(np.float64) + np.arange(70_000) * 1e-9, correct).ranks.dtype == np.uint32
    assert Ranked.of(scores[:, :500], correct[:, :500]).ranks.dtype == np.uint16
    wide = Ranked.of(scores.astype(np.float64) + np.arange(70_000) * 1e-9, correct)
    counts = wide.counts(np.array([69_999]))
    assert counts.leaving.tolist() == [1, 69_999]
