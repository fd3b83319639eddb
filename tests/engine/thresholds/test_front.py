"""The quick front is the exact front, index for index."""

import numpy as np
import pytest

from engine.front import pareto_front
from engine.thresholds.front import front_of_many


@pytest.mark.parametrize("points", [1, 1000, 200_000])
@pytest.mark.parametrize("ties", [False, True])
def test_the_front_of_many_is_the_front(points, ties):
    rng = np.random.default_rng(points)
    cost = rng.uniform(1, 9, points)
    accuracy = 1 - np.exp(-cost) + rng.normal(0, 0.05, points)
    if ties:
        cost, accuracy = np.round(cost, 2), np.round(accuracy, 3)
    assert (front_of_many(cost, accuracy) == pareto_front(cost, accuracy)).all()


def test_points_of_one_cost_are_all_compared():
    accuracy = np.random.default_rng(0).uniform(size=100_000)
    assert front_of_many(np.full(100_000, 3.0), accuracy).tolist() == [accuracy.argmax()]
