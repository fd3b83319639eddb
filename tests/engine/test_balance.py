"""Measures of balance against sums written out."""

import math

import numpy as np
import pytest

from engine.balance import effective_exits, normalized_entropy


def entropy(shares: list[float]) -> float:
    return -sum(share * math.log(share) for share in shares if share > 0)


def test_both_equal_their_definitions():
    rows = np.random.default_rng(0).dirichlet(np.full(5, 0.5), size=(3, 4))
    for at in np.ndindex(3, 4):
        h = entropy(rows[at].tolist())
        assert normalized_entropy(rows)[at] == pytest.approx(h / math.log(5), rel=1e-12)
        assert effective_exits(rows)[at] == pytest.approx(math.exp(h), rel=1e-12)


@pytest.mark.parametrize("exits", [2, 3, 7])
def test_one_used_exit_and_equal_shares_are_the_extremes(exits):
    one, equal = np.eye(exits)[1], np.full(exits, 1 / exits)
    assert normalized_entropy(one) == 0 and effective_exits(one) == 1
    assert normalized_entropy(equal) == pytest.approx(1) and effective_exits(equal) == pytest.approx(exits)


def test_unused_exits_count_for_nothing():
    used = np.array([0.2, 0.5, 0.3])
    assert effective_exits(np.insert(used, 1, 0.0)) == pytest.approx(effective_exits(used))
    assert normalized_entropy(np.insert(used, 1, 0.0)) < normalized_entropy(used)


def test_a_single_exit_is_perfectly_balanced():
    assert normalized_entropy(np.ones((4, 1))).tolist() == [1] * 4 and effective_exits(np.ones((4, 1))).tolist() == [1] * 4
