"""Change lists restore their tables exactly, in a fraction of the space."""

import numpy as np
import pytest

from engine.policies import POLICIES
from engine.route_changes import Changes
from engine.sweep import run_sweep
from tests.synthetic import outputs


def assert_kept(tables):
    changes = Changes.between(tables)
    for step in range(len(next(iter(tables.values())))):
        rows = changes.at(step)
        assert all(np.array_equal(changes.table(name), table) for name, table in tables.items())
        assert all(rows[name].dtype == table.dtype and (rows[name] == table[step]).all() for name, table in tables.items())
    return changes


@pytest.mark.parametrize("steps", [1, 2, 40, 300])
@pytest.mark.parametrize("calm", [0.0, 0.9, 1.0])
def test_tables_are_restored_exactly(steps, calm):
    rng = np.random.default_rng(steps)
    tables = {"exit": rng.integers(5, size=(steps, 33)).astype(np.uint8), "answer": rng.integers(1000, size=(steps, 33))}
    # Most steps repeat the one before, as they do along a budget.
    for table in tables.values():
        for step in range(1, steps):
            same = rng.random(33) < calm
            table[step, same] = table[step - 1, same]
    changes = assert_kept(tables)
    moved = (tables["exit"][1:] != tables["exit"][:-1]) | (tables["answer"][1:] != tables["answer"][:-1])
    assert len(changes.step) == len(changes.then["exit"]) == moved.sum()


def test_a_sweep_is_kept_in_a_fraction_of_its_table():
    exit = run_sweep(POLICIES["single_threshold"], outputs(examples=3000, exits=5), 101).exit.astype(np.uint8)
    changes = assert_kept({"exit": exit})
    # With five exits, an example changes exits at most four times as the budget rises: one byte for its first exit, four per change.
    assert changes.nbytes <= exit.shape[1] * (1 + 4 * 4) < exit.nbytes / 5


def test_one_example_that_never_changes():
    assert assert_kept({"exit": np.zeros((7, 1), np.uint8)}).nbytes == 1


def test_writing_into_a_row_changes_nothing():
    changes = Changes.between({"exit": np.zeros((2, 3), np.uint8)})
    changes.at(0)["exit"][:] = 9
    assert changes.at(1)["exit"].tolist() == [0, 0, 0]
