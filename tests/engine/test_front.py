"""Fronts and hulls against brute force over many small sets of points, many with ties."""

import numpy as np
import pytest

from engine.front import concave_hull, pareto_front


def point_sets():
    """Coarse grids make ties in cost, in accuracy and in both; fine ones make none."""
    for seed in range(300):
        rng = np.random.default_rng(seed)
        points = rng.integers(1, 12)
        levels = (3, 5, 1000)[seed % 3]
        yield rng.integers(levels, size=points) / 4.0 + 1, rng.integers(levels, size=points) / levels


def front_by_hand(cost, accuracy):
    """Keep a point unless another costs no more and is more accurate, or is cheaper and as accurate, or is equal and earlier."""
    kept = []
    for i in range(len(cost)):
        beaten = any(
            (cost[j] <= cost[i] and accuracy[j] > accuracy[i])
            or (cost[j] < cost[i] and accuracy[j] >= accuracy[i])
            or (cost[j] == cost[i] and accuracy[j] == accuracy[i] and j < i)
            for j in range(len(cost))
        )
        if not beaten:
            kept.append(i)
    return sorted(kept, key=lambda i: cost[i])


def best_mix(cost, accuracy, budget):
    """The highest accuracy that mixing any two points reaches at a mean cost of at most `budget`."""
    best = max(a for c, a in zip(cost, accuracy, strict=True) if c <= budget)
    for i in range(len(cost)):
        for j in range(len(cost)):
            if cost[i] < budget < cost[j]:
                share = (budget - cost[i]) / (cost[j] - cost[i])
                best = max(best, (1 - share) * accuracy[i] + share * accuracy[j])
    return best


def test_pareto_front_equals_brute_force():
    for cost, accuracy in point_sets():
        assert pareto_front(cost, accuracy).tolist() == front_by_hand(cost, accuracy)


def test_front_rises_in_both():
    for cost, accuracy in point_sets():
        front = pareto_front(cost, accuracy)
        assert (np.diff(cost[front]) > 0).all() and (np.diff(accuracy[front]) > 0).all()


def test_hull_equals_the_best_mix_of_two_points():
    for cost, accuracy in point_sets():
        hull = concave_hull(cost, accuracy)
        for budget in np.linspace(cost.min(), cost.max() + 1, 17):
            reached = np.interp(budget, cost[hull], accuracy[hull])
            assert reached == pytest.approx(best_mix(cost, accuracy, budget), abs=1e-9)


def test_hull_has_no_superfluous_point():
    """Every corner is strictly above the line between its neighbours, so slopes fall strictly."""
    for cost, accuracy in point_sets():
        hull = concave_hull(cost, accuracy)
        slopes = np.diff(accuracy[hull]) / np.diff(cost[hull])
        assert (slopes > 0).all() and (np.diff(slopes) < 1e-12).all()
        assert set(hull) <= set(pareto_front(cost, accuracy))


def test_of_points_on_a_line_only_the_ends_remain():
    assert concave_hull([1, 2, 3, 4], [0.25, 0.5, 0.75, 1.0]).tolist() == [0, 3]


def test_one_point_and_equal_points():
    assert pareto_front([2.0], [0.5]).tolist() == concave_hull([2.0], [0.5]).tolist() == [0]
    assert pareto_front([2.0, 2.0, 2.0], [0.5, 0.5, 0.5]).tolist() == [0]


def test_order_of_the_points_does_not_matter():
    for seed, (cost, accuracy) in enumerate(point_sets()):
        order = np.random.default_rng(seed).permutation(len(cost))
        for find in (pareto_front, concave_hull):
            here, there = find(cost, accuracy), order[find(cost[order], accuracy[order])]
            assert np.array_equal(cost[here], cost[there]) and np.array_equal(accuracy[here], accuracy[there])


def test_no_points_have_no_front():
    assert len(pareto_front([], [])) == len(concave_hull([], [])) == 0
