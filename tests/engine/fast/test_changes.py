"""Change lists give back exactly what was put in, in a fraction of the space."""

import numpy as np
import pytest

from engine.fast.changes import Changes
from engine.policies import POLICIES
from engine.sweep import sweep
from tests.synthetic import outputs


def assert_kept(exits):
    changes = Changes.encode(exits)
    decoded = changes.decode()
    assert decoded.dtype == np.uint8 and (decoded == exits).all() and decoded.shape == exits.shape
    for step in {0, len(exits) // 2, len(exits) - 1}:
        assert (changes.at(step) == exits[step]).all()
    for example in {0, exits.shape[1] // 2, exits.shape[1] - 1}:
        assert (changes.of(example) == exits[:, example]).all()
    return changes


@pytest.mark.parametrize("steps", [1, 2, 40, 256, 257, 300])
@pytest.mark.parametrize("calm", [0.0, 0.9, 1.0])
def test_whatever_changes_when_comes_back(steps, calm):
    rng = np.random.default_rng(steps)
    exits = rng.integers(5, size=(steps, 33))
    # Most steps repeat the one before, as they do along a budget.
    for step in range(1, steps):
        same = rng.random(33) < calm
        exits[step, same] = exits[step - 1, same]
    changes = assert_kept(exits)
    assert len(changes.step) == (exits[1:] != exits[:-1]).sum()


def test_a_sweep_is_kept_in_a_fraction_of_its_table():
    exit = sweep(POLICIES["single_threshold"], outputs(examples=3000, exits=5), 101).exit
    changes = assert_kept(exit)
    # Five exits: as the budget rises an example moves on four times at most. One byte for its exit, one for how often, two a change.
    assert changes.nbytes <= exit.shape[1] * (2 + 2 * 4) < exit.nbytes / 10


def test_one_example_and_exits_that_never_change():
    assert assert_kept(np.zeros((7, 1), int)).nbytes == 2
