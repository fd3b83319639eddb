"""Pieces: what batches of a chain have come to between two stages, cut anew into full batches of those who go on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.cascades.base import State

Positions = NDArray[np.int64]


@dataclass(eq=False)
class Piece:
    """A batch that went through a stage: where its examples stand in the chunk, and their state. positions (batch,), increasing."""

    positions: Positions
    state: State


def recut(pieces: list[Piece], there: NDArray[np.bool_], batch_size: int) -> Iterator[Piece]:
    """Who is still there, in full batches, the last one excepted. `pieces` is emptied on the way: what is used is freed.

    there: (examples of the chunk,)
    """
    waiting: list[tuple[Piece, Positions]] = []  # pieces, and which of their rows are still to go into a batch
    held = 0
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        rows = np.flatnonzero(there[piece.positions])
        while held + len(rows) >= batch_size:
            room = batch_size - held
            yield _gathered([*waiting, (piece, rows[:room])])
            rows = rows[room:]
            waiting, held = [], 0
        if len(rows):
            waiting.append((piece, rows))
            held += len(rows)
        del piece
    if waiting:
        yield _gathered(waiting)


def _gathered(parts: Sequence[tuple[Piece, Positions]]) -> Piece:
    """One piece of some rows of others. Every row is copied once, or never where a whole piece is taken."""
    (first, rows), *others = parts
    if not others and len(rows) == len(first.positions):
        return first
    positions = np.concatenate([piece.positions[rows] for piece, rows in parts])
    picked = [torch.from_numpy(rows).to(first.state[0].device) for _, rows in parts]
    state = zip(*(piece.state for piece, _ in parts), strict=True)
    return Piece(positions, tuple(_rows_of(maps, picked) for maps in state))


def _rows_of(maps: Sequence[Tensor], picked: Sequence[Tensor]) -> Tensor:
    """Rows of several maps of one shape, one below the other, in the memory order of the first.

    maps: (batch, ...);  picked: for each map, the rows to take
    """
    order = memory_order(maps[0])
    gathered = maps[0].new_empty((sum(map(len, picked)), *maps[0].permute(order).shape[1:]))
    start = 0
    for features, rows in zip(maps, picked, strict=True):
        # seen in the order in which it lies, a row is one stretch of memory
        torch.index_select(features.permute(order), 0, rows, out=gathered[start : start + len(rows)])
        start += len(rows)
    return gathered.permute(*np.argsort(order).tolist())


def memory_order(features: Tensor) -> tuple[int, ...]:
    """The axes of a batch, the first kept first, in the order in which memory holds them: (0, 2, 3, 1) for channels_last."""
    return (0, *sorted(range(1, features.ndim), key=lambda axis: -features.stride(axis)))
