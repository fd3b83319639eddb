"""The exact curve equals the plain loop at every setting of one knob."""

import numpy as np
import pytest

from engine.thresholds.curve import ExactCurve
from tests.engine.thresholds.reference import made_up, walk

COST = np.array([4.0, 10.0, 19.0, 32.0, 43.0])


@pytest.mark.parametrize("distinct", [None, 5])
@pytest.mark.parametrize("exits", [1, 2, 3, 5])
def test_every_level_equals_the_plain_loop(exits, distinct):
    scores, correct = made_up(60, exits, seed=exits, distinct=distinct)
    curve = ExactCurve.of(scores)
    counts, cost, accuracy = curve.counts(correct), curve.mean_cost(COST[:exits]), curve.accuracy(correct)
    assert (np.diff(curve.levels) > 0).all() and np.isposinf(curve.levels[-1])
    assert (np.diff(cost) > 0).all()
    for step, level in enumerate(curve.levels):
        leaving, good = walk(scores, correct, np.full(exits - 1, level))
        assert (counts.leaving[step].tolist(), counts.correct[step].tolist()) == (leaving, good)
        assert cost[step] == pytest.approx(np.dot(leaving, COST[:exits]) / 60)
        assert accuracy[step] == pytest.approx(sum(good) / 60)


def test_between_two_levels_nothing_changes():
    scores, correct = made_up(40, 3, seed=6)
    curve = ExactCurve.of(scores)
    counts = curve.counts(correct)
    for step in range(len(curve.levels) - 2):
        between = (curve.levels[step] + curve.levels[step + 1]) / 2
        assert counts.leaving[step + 1].tolist() == walk(scores, correct, np.full(2, between))[0]


def test_thresholds_may_rise_at_different_rates():
    scores, correct = made_up(60, 4, seed=7)
    scores = np.exp(scores.astype(np.float64))
    pace = np.array([2.0, 1.0, 4.0, 1.0])[:, None]  # powers of two: dividing and multiplying again loses no digit
    curve = ExactCurve.of(scores / pace)
    counts = curve.counts(correct)
    for step, knob in enumerate(curve.levels):
        assert counts.leaving[step].tolist() == walk(scores, correct, knob * pace[:-1, 0])[0]


def test_any_value_that_depends_on_the_exit_can_be_summed():
    scores, correct = made_up(50, 3, seed=8)
    value = np.random.default_rng(9).normal(size=(3, 50))
    curve = ExactCurve.of(scores)
    for level, total in zip(curve.levels, curve.total(value), strict=True):
        exit = [next(k for k in range(3) if k == 2 or scores[k, i] >= level) for i in range(50)]
        assert total == pytest.approx(value[exit, range(50)].sum())
