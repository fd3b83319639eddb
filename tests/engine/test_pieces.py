"""Survivors are copied once, in order, into full batches, and keep the memory order that is fast."""

import numpy as np
import pytest
import torch

from engine.pieces import Piece, memory_order, recut

LAYOUTS = {
    "channels_last": lambda batch: batch.contiguous(memory_format=torch.channels_last),
    "contiguous": lambda batch: batch.contiguous(),
    "not dense": lambda batch: torch.cat((batch, batch), dim=1)[:, ::2],
}


def pieces_of(sizes, layout, rng):
    """Pieces of so many examples each: a map in some layout, and a vector."""
    made, start = [], 0
    for size in sizes:
        features = LAYOUTS[layout](torch.from_numpy(rng.random((size, 6, 5, 4), dtype=np.float32)))
        vector = torch.from_numpy(rng.random((size, 3), dtype=np.float32))
        made.append(Piece(np.arange(start, start + size), (features, vector)))
        start += size
    return made


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("batch_size", [1, 8, 100])
def test_survivors_fill_batches_in_order(layout, share, batch_size):
    rng = np.random.default_rng(7)
    pieces = pieces_of([8, 8, 8, 8, 3], layout, rng)
    there = rng.random(35) < share
    there[20] = True
    whole = [torch.cat(maps) for maps in zip(*(piece.state for piece in pieces), strict=True)]
    batches = list(recut(pieces, there, batch_size))
    assert not pieces
    assert all(len(batch.positions) == batch_size for batch in batches[:-1])
    positions = np.concatenate([batch.positions for batch in batches])
    assert positions.tolist() == np.flatnonzero(there).tolist()
    for batch in batches:
        for part, everyone in zip(batch.state, whole, strict=True):
            assert torch.equal(part, everyone[batch.positions])


@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
def test_maps_stay_in_their_memory_order(layout):
    pieces = pieces_of([8, 8], layout, np.random.default_rng(1))
    order = memory_order(pieces[0].state[0])
    assert order == ((0, 2, 3, 1) if layout == "channels_last" else (0, 1, 2, 3))
    (batch,) = recut(pieces, np.arange(16) % 2 == 0, 8)
    assert memory_order(batch.state[0]) == order
    assert batch.state[0].permute(order).is_contiguous()


def test_a_piece_that_goes_on_whole_is_not_copied():
    pieces = pieces_of([8, 8], "channels_last", np.random.default_rng(1))
    before = [piece.state[0].data_ptr() for piece in pieces]
    assert [batch.state[0].data_ptr() for batch in recut(pieces, np.ones(16, bool), 8)] == before


def test_nobody_left_makes_no_batch():
    assert not list(recut(pieces_of([8], "contiguous", np.random.default_rng(1)), np.zeros(8, bool), 8))
