"""Surviving examples are copied once into full batches, none is lost, and states keep their memory order."""

import numpy as np
import pytest
import torch

from engine.runtime.queues import Batch, Queue, memory_order

LAYOUTS = {
    "channels_last": lambda batch: batch.contiguous(memory_format=torch.channels_last),
    "contiguous": lambda batch: batch.contiguous(),
    "not dense": lambda batch: torch.cat((batch, batch), dim=1)[:, ::2],
}


def batches_of(sizes, layout, rng):
    """Batches of these sizes. Their state is a map in some layout, and a vector."""
    made, start = [], 0
    for size in sizes:
        features = LAYOUTS[layout](torch.from_numpy(rng.random((size, 6, 5, 4), dtype=np.float32)))
        vector = torch.from_numpy(rng.random((size, 3), dtype=np.float32))
        made.append(Batch(np.arange(start, start + size), (features, vector)))
        start += size
    return made


def all_examples(batches):
    """Places (examples,) and states of the examples in all batches."""
    return np.concatenate([batch.places for batch in batches]), [torch.cat(maps) for maps in zip(*(b.state for b in batches), strict=True)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("batch_size", [1, 8, 100])
def test_survivors_fill_batches(layout, share, batch_size):
    rng = np.random.default_rng(7)
    given = batches_of([8, 8, 8, 8, 3], layout, rng)
    survives = rng.random(35) < share
    survives[20] = True
    queue = Queue(batch_size)
    for batch in given:
        queue.put(batch, np.flatnonzero(survives[batch.places]))
    assert queue.full == survives.sum() // batch_size
    taken = queue.take(50)
    assert not queue and not queue.full
    assert [len(batch.places) == batch_size for batch in taken[:-1]] == [True] * (len(taken) - 1)
    places, states = all_examples(taken)
    assert sorted(places.tolist()) == np.flatnonzero(survives).tolist()
    for state, whole in zip(states, all_examples(given)[1], strict=True):
        assert torch.equal(state, whole[places])


def test_full_batches_are_taken_first_and_at_most_as_many_as_given():
    queue = Queue(8)
    first, second, third = batches_of([5, 8, 8], "contiguous", np.random.default_rng(1))
    queue.put(first, np.arange(5))
    queue.put(second, np.arange(8))
    queue.put(third, np.arange(8))
    assert queue.full == 2
    assert [len(batch.places) for batch in queue.take(1)] == [8]
    assert [len(batch.places) for batch in queue.take(2)] == [8, 5]
    assert not queue and queue.take(3) == []


def test_examples_added_after_a_take_form_another_batch():
    queue = Queue(8)
    one, two = batches_of([8, 8], "contiguous", np.random.default_rng(1))
    queue.put(one, np.array([1, 2, 5]))
    (taken,) = queue.take(1)
    queue.put(two, np.array([0, 4]))
    assert taken.places.tolist() == [1, 2, 5] and torch.equal(taken.state[1], one.state[1][[1, 2, 5]])
    (later,) = queue.take(1)
    assert later.places.tolist() == [8, 12] and torch.equal(later.state[1], two.state[1][[0, 4]])


@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
def test_maps_stay_in_their_memory_order(layout):
    queue = Queue(8)
    for batch in batches_of([8, 8], layout, np.random.default_rng(1)):
        order = memory_order(batch.state[0])
        assert order == ((0, 2, 3, 1) if layout == "channels_last" else (0, 1, 2, 3))
        queue.put(batch, np.arange(0, 8, 2))
    (batch,) = queue.take(1)
    assert memory_order(batch.state[0]) == order
    assert batch.state[0].permute(order).is_contiguous()


def test_a_full_batch_that_goes_on_whole_is_not_copied():
    queue, given = Queue(8), batches_of([5, 8, 8], "channels_last", np.random.default_rng(1))
    for batch in given:
        queue.put(batch, np.arange(len(batch.places)))
    assert [batch.state[0].data_ptr() for batch in queue.take(2)] == [batch.state[0].data_ptr() for batch in given[1:]]


def test_no_examples_make_no_batch():
    queue = Queue(8)
    queue.put(*batches_of([8], "contiguous", np.random.default_rng(1)), np.arange(0))
    assert not queue and queue.take(1) == []
