import numpy as np
import pytest

from engine.analysis.factor_levels import UNKNOWN, factor_levels


def test_distinct_values_give_thirds_with_their_bounds() -> None:
    values = np.random.default_rng(0).permutation(np.arange(30) / 10.0)
    levels = factor_levels(values)
    assert levels is not None and levels.names == ("low", "middle", "high")
    assert np.bincount(levels.level).tolist() == [10, 10, 10]
    np.testing.assert_allclose(levels.least, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(levels.greatest, [0.9, 1.9, 2.9])
    for k in range(3):
        members = values[levels.level == k]
        assert (members.min(), members.max()) == (levels.least[k], levels.greatest[k])


@pytest.mark.parametrize("seed", range(5))
def test_equal_values_are_in_one_level_and_levels_do_not_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, 200).astype(np.float32)
    values[rng.random(200) < 0.1] = np.nan
    levels = factor_levels(values)
    assert levels is not None
    assert ((levels.level == UNKNOWN) == np.isnan(values)).all()
    for value in range(5):
        assert len(set(levels.level[values == value].tolist())) == 1
    assert (levels.greatest[:-1] < levels.least[1:]).all()


def test_a_factor_that_is_mostly_0_has_two_levels() -> None:
    levels = factor_levels(np.array([0.0] * 8 + [0.3, 0.9]))
    assert levels is not None and levels.names == ("low", "high")
    assert levels.level.tolist() == [0] * 8 + [1, 1]
    assert (levels.least.tolist(), levels.greatest.tolist()) == ([0.0, 0.3], [0.0, 0.9])


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [2.0, 2.0, 2.0], [1.0]])
def test_a_factor_without_differences_has_no_levels(values: list[float]) -> None:
    assert factor_levels(np.array(values)) is None


@pytest.mark.parametrize("values", [[0.1, 0.5, 0.2, float("nan"), 0.9, 0.7, 0.3], [0, 0, 0, 0, 0, 1, 2], [3.0, 1.0, 1.0, 2.0, 2.0]])
def test_the_bounds_give_the_examples_their_own_levels_and_others_theirs(values: list[float]) -> None:
    factor = np.array(values, np.float32)
    levels = factor_levels(factor)
    assert levels is not None and levels.level_of(factor).tolist() == levels.level.tolist()
    beyond = levels.level_of(np.array([-100.0, 100.0, np.nan]))
    assert beyond.tolist() == [0, len(levels.names) - 1, UNKNOWN]
