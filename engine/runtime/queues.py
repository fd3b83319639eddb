"""Queues before the stages, in which arriving examples are collected in full batches.

The state of a surviving example is copied once, as soon as it is known to go on, into the batch in which it goes on, so that the memory of
the examples that left is freed. The batch of an example depends on which examples came before it; its results do not. The states of texts
of different lengths are padded with zeros along axis 1, the words, as the texts are.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engine.cascades.base import State

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batch:
    """Examples that run together. places: their positions among all examples of the run, (batch,);  state: tensors (batch, ...)"""

    places: Places
    state: State


class Queue:
    """Full batches, and one that is being filled."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self._full: deque[Batch] = deque()
        self._filling: _Filling | None = None

    @property
    def full(self) -> int:
        """The number of full batches."""
        return len(self._full)

    def __bool__(self) -> bool:
        return bool(self._full) or self._filling is not None

    def put(self, batch: Batch, rows: NDArray[np.int64]) -> None:
        """Add some examples of a batch of any size. A full batch that goes on whole is not copied."""
        if len(rows) == len(batch.places) == self.batch_size:
            self._full.append(batch)
            return
        while len(rows):
            if self._filling is None:
                self._filling = _Filling(self.batch_size, batch.state)
            rows = self._filling.add(batch, rows)
            if not self._filling.room:
                self._full.append(self._filling.batch())
                self._filling = None

    def take(self, most: int) -> list[Batch]:
        """Take at most `most` batches, full ones first."""
        taken = [self._full.popleft() for _ in range(min(most, len(self._full)))]
        if len(taken) < most and self._filling is not None:
            taken.append(self._filling.batch())
            self._filling = None
        return taken


class _Filling:
    """A batch that is not full yet, with memory for all of it. Its maps have the memory order of the first example's."""

    def __init__(self, batch_size: int, like: State) -> None:
        self.places = np.empty(batch_size, np.int64)
        self.orders = [memory_order(features) for features in like]
        shapes = [features.permute(order).shape[1:] for features, order in zip(like, self.orders, strict=True)]
        self.maps = [features.new_empty((batch_size, *shape)) for features, shape in zip(like, shapes, strict=True)]
        self.filled = 0

    @property
    def room(self) -> int:
        return len(self.places) - self.filled

    def add(self, batch: Batch, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Add rows while there is room; returns the rest."""
        taken, rest = rows[: self.room], rows[self.room :]
        to = slice(self.filled, self.filled + len(taken))
        self.places[to] = batch.places[taken]
        which = torch.from_numpy(taken).to(self.maps[0].device)
        for i, (features, order) in enumerate(zip(batch.state, self.orders, strict=True)):
            rows_of = features.permute(order)  # in memory order, where a row is contiguous
            if rows_of.shape[1:] != self.maps[i].shape[1:]:
                rows_of, self.maps[i] = _equally_long(rows_of, self.maps[i], order.index(1))
            torch.index_select(rows_of, 0, which, out=self.maps[i][to])
        self.filled += len(taken)
        return rest

    def batch(self) -> Batch:
        """The examples collected so far."""
        maps = (kept[: self.filled].permute(_inverse(order)) for kept, order in zip(self.maps, self.orders, strict=True))
        return Batch(self.places[: self.filled], tuple(maps))


def _equally_long(one: Tensor, other: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Both padded with zeros at the end of an axis to the length of the longer one."""
    longest = max(one.shape[axis], other.shape[axis])

    def padded(states: Tensor) -> Tensor:
        missing = longest - states.shape[axis]
        return F.pad(states, (*(0, 0) * (states.ndim - 1 - axis), 0, missing)) if missing else states

    return padded(one), padded(other)


def memory_order(features: Tensor) -> tuple[int, ...]:
    """The axes of a batch in memory order, with axis 0 first: (0, 2, 3, 1) for channels_last."""
    return (0, *sorted(range(1, features.ndim), key=lambda axis: -features.stride(axis)))


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))
