"""Coordinate ascent: every scan equals the plain loop, every summit beats its neighbours along each exit."""

import numpy as np
import pytest

from engine.thresholds.ascent import Settings, ascend, scan
from engine.thresholds.ranks import Ranked
from tests.engine.thresholds.reference import made_up, walk

COST = np.array([4.0, 10.0, 19.0, 32.0])


def looped(ranked, scores, correct, cuts):
    leaving, good = walk(scores, correct, ranked.thresholds(np.asarray(cuts)))
    return sum(good), np.dot(leaving, COST[: len(leaving)])


@pytest.mark.parametrize("distinct", [None, 5])
@pytest.mark.parametrize("exits", [2, 3, 4])
def test_a_scan_is_every_cut_of_one_exit(exits, distinct):
    scores, correct = made_up(40, exits, seed=exits, distinct=distinct)
    ranked = Ranked.of(scores, correct)
    held = np.array([len(values) // 2 for values in ranked.values])
    for exit in range(exits - 1):
        rights, costs = scan(ranked, held, exit, COST[:exits])
        assert len(rights) == len(costs) == len(ranked.values[exit]) + 1
        assert (np.diff(costs) >= -1e-9).all()
        for cut in range(len(rights)):
            cuts = held.copy()
            cuts[exit] = cut
            good, cost = looped(ranked, scores, correct, cuts)
            assert rights[cut] == good and costs[cut] == pytest.approx(cost)


@pytest.mark.parametrize("price", [1e-6, 0.01, 0.03, 10.0])
def test_no_single_cut_improves_on_the_summit(price):
    scores, correct = made_up(50, 4, seed=5, distinct=12)
    ranked = Ranked.of(scores, correct)
    met = ascend(ranked, np.array([3, 3, 3]), price, COST)
    best = met.best_at(price)
    for i in (best, 0, len(met.cuts) - 1):
        good, cost = looped(ranked, scores, correct, met.cuts[i])
        assert met.correct[i] == good and met.cost[i] == pytest.approx(cost)
    summit = met.correct[best] - price * met.cost[best]
    for exit in range(3):
        rights, costs = scan(ranked, met.cuts[best], exit, COST)
        assert (rights - price * costs).max() <= summit + 1e-6


def test_a_dear_enough_answer_is_not_bought_and_a_free_one_is():
    scores, correct = made_up(200, 3, seed=6)
    ranked = Ranked.of(scores, correct)
    start = np.array([100, 100])
    costly = ascend(ranked, start, 1e3, COST[:3])
    assert costly.cost[costly.best_at(1e3)] == pytest.approx(200 * COST[0])
    free = ascend(ranked, start, 1e-9, COST[:3])
    assert free.correct.max() >= correct.sum(axis=1).max()


def test_the_front_of_joined_settings_is_theirs():
    one = Settings(np.array([[1], [2]]), np.array([5, 7]), np.array([1.0, 3.0]))
    other = Settings(np.array([[3], [4]]), np.array([6, 7]), np.array([2.0, 4.0]))
    front = Settings.joined([one, other]).front()
    assert front.cuts.ravel().tolist() == [1, 3, 2] and front.correct.tolist() == [5, 6, 7]
