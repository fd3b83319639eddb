"""Coordinate ascent: every scan equals the plain loop, and no single cut improves on the optimum."""

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
        correct_counts, costs = scan(ranked, held, exit, COST[:exits])
        assert len(correct_counts) == len(costs) == len(ranked.values[exit]) + 1
        assert (np.diff(costs) >= -1e-9).all()
        for cut in range(len(correct_counts)):
            cuts = held.copy()
            cuts[exit] = cut
            good, cost = looped(ranked, scores, correct, cuts)
            assert correct_counts[cut] == good and costs[cut] == pytest.approx(cost)


@pytest.mark.parametrize("price", [1e-6, 0.01, 0.03, 10.0])
def test_no_single_cut_improves_on_the_optimum(price):
    scores, correct = made_up(50, 4, seed=5, distinct=12)
    ranked = Ranked.of(scores, correct)
    visited = ascend(ranked, np.array([3, 3, 3]), price, COST)
    best = visited.best_at(price)
    for i in (best, 0, len(visited.cuts) - 1):
        good, cost = looped(ranked, scores, correct, visited.cuts[i])
        assert visited.correct[i] == good and visited.cost[i] == pytest.approx(cost)
    summit = visited.correct[best] - price * visited.cost[best]
    for exit in range(3):
        correct_counts, costs = scan(ranked, visited.cuts[best], exit, COST)
        assert (correct_counts - price * costs).max() <= summit + 1e-6


def test_a_high_price_gives_the_cheapest_setting_and_a_low_one_the_most_accurate():
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
