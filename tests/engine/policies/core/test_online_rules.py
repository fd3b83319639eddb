"""Exit outputs are read for the right examples, and online rules decide on them."""

import numpy as np
import pytest

from engine.policies.core.logit_store import LogitStore
from engine.policies.core.logit_summary import summarize
from engine.policies.core.online_rules import ExitOutputs, SequentialOnlineRule
from engine.scores import one_score
from tests.engine.policies.reference import Everything

FIRST = np.array([[0.0, 1.0], [5.0, 4.0], [2.0, 3.0]], np.float32)
SECOND = np.array([[np.nan, np.nan], [7.0, 6.0], [8.0, 9.0]], np.float32)
EXIT_OUTPUTS = ExitOutputs({0: LogitStore(FIRST), 1: LogitStore(SECOND)}, np.array([2, 1]))


def test_outputs_are_in_the_order_of_the_examples():
    assert EXIT_OUTPUTS.read(0, Everything()).tolist() == [[2, 3], [5, 4]] and EXIT_OUTPUTS.read(1, Everything()).tolist() == [
        [8, 9],
        [7, 6],
    ]
    assert EXIT_OUTPUTS.top_class(0).tolist() == [1, 0] and EXIT_OUTPUTS.top_class(0).dtype == np.int32
    assert EXIT_OUTPUTS.score(1, "margin").tolist() == one_score("margin", SECOND[[2, 1]]).tolist()
    assert EXIT_OUTPUTS.summary(0, 1).tolist() == summarize(FIRST[[2, 1]], 1).tolist()


def test_exits_are_combined():
    together = EXIT_OUTPUTS.combined(1, np.array([0.5, 2.0]), np.array([0.0, 10.0]))
    assert together.read(1, Everything()).dtype == np.float64
    assert together.read(1, Everything()).tolist() == [[0.5 * 2 + 2 * 8, 0.5 * 3 + 2 * 9 + 10], [0.5 * 5 + 2 * 7, 0.5 * 4 + 2 * 6 + 10]]
    assert together.of(np.array([False, True])).top_class(1).tolist() == [1]


def test_a_single_exit_is_scaled():
    assert EXIT_OUTPUTS.combined(1, np.array([3.0])).read(1, Everything()).tolist() == [[24, 27], [21, 18]]


def test_some_of_the_examples_keep_their_order():
    some = EXIT_OUTPUTS.of(np.array([False, True]))
    assert some.read(1, Everything()).tolist() == [[7, 6]] and some.of(np.array([False])).read(0, Everything()).shape == (0, 2)


def test_an_exit_that_has_not_run_has_no_outputs():
    with pytest.raises(KeyError):
        EXIT_OUTPUTS.top_class(2)
    with pytest.raises(KeyError):
        EXIT_OUTPUTS.combined(2, np.ones(3))


def test_exits_in_order():
    online_rule = SequentialOnlineRule(
        lambda exit, ids, exit_outputs: exit_outputs.read(exit, Everything())[:, 0] > 4,
        lambda exit, exit_outputs: 10 * exit_outputs.top_class(exit),
    )
    ids = np.array([8, 3])
    assert online_rule.first(ids).tolist() == [0, 0]
    assert online_rule.after(0, ids, EXIT_OUTPUTS).tolist() == [1, 0] and online_rule.after(1, ids, EXIT_OUTPUTS).tolist() == [1, 1]
    assert online_rule.answer(1, ids, EXIT_OUTPUTS).tolist() == [10, 0]
    assert SequentialOnlineRule(online_rule.leaves).answer(1, ids, EXIT_OUTPUTS).tolist() == [1, 0]
