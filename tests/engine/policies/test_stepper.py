"""What was said is found again for the examples it was said about."""

import numpy as np
import pytest

from engine.policies.stepper import InMemory, InOrder, Said
from engine.scores import one_score

FIRST = np.array([[0.0, 1.0], [5.0, 4.0], [2.0, 3.0]], np.float32)
SECOND = np.array([[np.nan, np.nan], [7.0, 6.0], [8.0, 9.0]], np.float32)
SAID = Said({0: InMemory(FIRST), 1: InMemory(SECOND)}, np.array([2, 1]))


def test_it_is_told_in_the_order_of_the_examples():
    assert SAID[0].tolist() == [[2, 3], [5, 4]] and SAID[1].tolist() == [[8, 9], [7, 6]]
    assert SAID.top_class(0).tolist() == [1, 0] and SAID.top_class(0).dtype == np.int32
    assert SAID.score(1, "margin").tolist() == one_score("margin", SECOND[[2, 1]]).tolist()
    together = SAID.through(1)
    assert together.dtype == np.float64 and together.tolist() == [SAID[0].tolist(), SAID[1].tolist()]


def test_some_of_the_examples_keep_their_order():
    some = SAID.of(np.array([False, True]))
    assert some[1].tolist() == [[7, 6]] and some.of(np.array([False]))[0].shape == (0, 2)


def test_an_exit_that_nobody_was_sent_to_has_said_nothing():
    with pytest.raises(KeyError):
        SAID[2]


def test_exits_in_order():
    stepper = InOrder(lambda exit, said: said[exit][:, 0] > 4, lambda exit, said: 10 * said.top_class(exit))
    ids = np.array([8, 3])
    assert stepper.first(ids).tolist() == [0, 0]
    assert stepper.after(0, ids, SAID).tolist() == [1, 0] and stepper.after(1, ids, SAID).tolist() == [1, 1]
    assert stepper.answer(1, ids, SAID).tolist() == [10, 0]
    assert InOrder(stepper.leaves).answer(1, ids, SAID).tolist() == [1, 0]
