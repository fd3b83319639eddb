"""Count tables give shares, accuracies and costs."""

import numpy as np

from engine.thresholds.counts import Counts

TABLE = Counts(np.array([[6, 3, 1], [0, 0, 10]]), np.array([[6, 1, 0], [0, 0, 9]]), examples=10)


def test_shares_and_accuracy():
    assert TABLE.shares().tolist() == [[0.6, 0.3, 0.1], [0, 0, 1]]
    assert TABLE.accuracy().tolist() == [0.7, 0.9]


def test_another_cost_axis_needs_no_new_counts():
    macs, ms = np.array([1.0, 2.0, 4.0]), np.array([10.0, 10.0, 30.0])
    assert TABLE.mean_cost(macs).tolist() == [1.6, 4.0]
    assert TABLE.mean_cost(np.stack([macs, ms], axis=1)).tolist() == [[1.6, 12.0], [4.0, 30.0]]
