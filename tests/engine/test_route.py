"""Routes against counting by hand."""

import numpy as np
import pytest

from engine.route import Route, distinct_paths
from tests.synthetic import outputs


@pytest.fixture(params=["chain", "family"])
def some(request):
    return outputs(examples=120, exits=4, kind=request.param)


def any_exits(some, seed=0):
    return np.random.default_rng(seed).integers(some.exits, size=some.examples)


def stages_of(ran) -> list[int]:
    return np.flatnonzero(ran).tolist()


def test_through_runs_every_stage_up_to_the_exit(some):
    exit = any_exits(some)
    route = Route.through(some, exit)
    for i in range(some.examples):
        assert stages_of(route.visited[:, i]) == list(range(exit[i] + 1))
        assert route.prediction[i] == some.prediction[exit[i], i]
    assert np.array_equal(route.exit, exit)


def test_straight_runs_only_what_the_exit_needs(some):
    exit = any_exits(some)
    route = Route.straight(some, exit)
    for i in range(some.examples):
        expected = [exit[i]] if some.kind == "family" else list(range(exit[i] + 1))
        assert stages_of(route.visited[:, i]) == expected
        assert route.prediction[i] == some.prediction[exit[i], i]


@pytest.mark.parametrize("way", [Route.through, Route.straight])
@pytest.mark.parametrize("unit", ["macs", "latency_ms"])
def test_cost_is_the_sum_of_the_stages_that_ran(some, way, unit):
    route = way(some, any_exits(some))
    stage_cost = some.cost_in(unit)
    by_hand = [sum(stage_cost[k] for k in stages_of(ran)) for ran in route.visited.T]
    np.testing.assert_allclose(route.cost(stage_cost), by_hand, rtol=1e-12)
    assert route.mean_cost(some, unit) == pytest.approx(sum(by_hand) / len(by_hand), rel=1e-12)


def test_cost_of_any_path():
    """A path may skip stages: here two of five, not adjacent."""
    route = Route(np.array([3, 4, 0]), np.array([[0, 1, 0, 1, 0], [1, 0, 0, 0, 1], [1, 0, 0, 0, 0]], bool).T, np.zeros(3, np.int32))
    assert route.cost(np.array([1.0, 10.0, 100.0, 1000.0, 10000.0])).tolist() == [1010.0, 10001.0, 1.0]


@pytest.mark.parametrize("exits", [1, 8, 32, 33, 40, 100])
def test_a_cascade_may_have_any_number_of_stages(exits):
    last = Route.through(_deep(exits), np.full(3, exits - 1))
    assert last.visited.shape == (exits, 3) and last.visited.all()
    assert last.cost(np.ones(exits)).tolist() == [exits] * 3


@pytest.mark.parametrize("exits", [1, 3, 8, 9, 40, 64, 65, 130])
def test_distinct_paths_and_their_index_restore_the_visited_stages(exits):
    rng = np.random.default_rng(exits)
    few = rng.random((exits, 5)) < 0.5
    visited = few[:, rng.integers(5, size=200)]
    paths, index = distinct_paths(visited)
    assert np.array_equal(paths[index].T, visited)
    assert len(paths) == len({tuple(ran) for ran in visited.T})


def _deep(exits):
    from engine.outputs import Outputs

    logits = np.random.default_rng(0).normal(size=(exits, 3, 2))
    return Outputs.from_logits(logits, np.zeros(3, int), np.full(3, "test"), {"macs": np.ones(exits)})


def test_shares_and_correct_shares(some):
    exit = any_exits(some)
    exit[exit == 2] = 1  # no example leaves at exit 2
    route = Route.through(some, exit)
    shares, correct = route.shares(some.exits), route.quality_shares(some.exits)
    for k in range(some.exits):
        here = [i for i in range(some.examples) if exit[i] == k]
        assert shares[k] == len(here) / some.examples
        assert correct[k] == sum(some.prediction[k, i] == some.labels[i] for i in here) / some.examples
    assert shares[2] == correct[2] == 0
    assert shares.sum() == pytest.approx(1, abs=1e-12)
    assert correct.sum() == pytest.approx(route.accuracy, abs=1e-12)
    assert np.array_equal(route.known_quality, route.prediction == some.labels)


def test_an_exit_that_no_example_reaches_has_share_0():
    some = outputs(examples=9, exits=4)
    assert Route.through(some, np.zeros(9, int)).shares(4).tolist() == [1, 0, 0, 0]
