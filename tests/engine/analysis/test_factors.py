import numpy as np
import pytest

from engine.analysis.factors import QUARTILES, factor_by_exit


def slowly(sweep_exit, factor, exits):
    means = np.full((len(sweep_exit), exits), np.nan)
    quartiles = np.full((len(sweep_exit), exits, 3), np.nan)
    for i, row in enumerate(sweep_exit):
        for k in range(exits):
            leaving = [value for value, exit in zip(factor, row, strict=True) if exit == k and not np.isnan(value)]
            if leaving:
                means[i, k] = sum(float(value) for value in leaving) / len(leaving)
                quartiles[i, k] = np.quantile(np.array(leaving, np.float64), QUARTILES)
    return means, quartiles


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
@pytest.mark.parametrize("examples", [1, 2, 3, 40, 300])
def test_it_equals_a_loop_over_points_exits_and_examples(examples, dtype):
    rng = np.random.default_rng(examples)
    sweep_exit = rng.integers(0, 4, (7, examples)).astype(dtype)
    sweep_exit[0] = 3  # no example leaves at exits 0 to 2
    factor = np.round(rng.normal(size=examples), 1).astype(np.float32)  # ties
    factor[rng.random(examples) < 0.1] = np.nan
    for result, expected in zip(factor_by_exit(sweep_exit, factor, 5), slowly(sweep_exit, factor, 5), strict=True):
        assert np.isnan(result[:, 4]).all()
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


def test_many_exits_do_not_overflow_the_small_type_of_exit_numbers():
    sweep_exit = np.full((201, 3), 200, np.uint8)
    means, quartiles = factor_by_exit(sweep_exit, np.array([1.0, 2.0, 3.0]), 201)
    assert (means[:, 200] == 2.0).all() and np.isnan(means[:, :200]).all()
    assert (quartiles[:, 200] == [1.5, 2.0, 2.5]).all()


@pytest.mark.parametrize("factor", [np.full(4, np.nan), np.array([])])
def test_an_unknown_factor_gives_nan(factor):
    means, quartiles = factor_by_exit(np.zeros((2, len(factor)), np.uint8), factor, 3)
    assert np.isnan(means).all() and np.isnan(quartiles).all()
