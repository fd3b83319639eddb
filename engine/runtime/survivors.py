"""Examples on their way from the stages that run here to those that run elsewhere, as arrays that can be sent to another process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cascades.base import State
from engine.runtime.queues import memory_order


@dataclass(frozen=True, eq=False)
class PackedTensor:
    """A tensor as bytes, with its type, shape and memory order, on which the choice of kernels, and so rounding, may depend."""

    data: NDArray[np.uint8]
    dtype: str
    shape: tuple[int, ...]
    order: tuple[int, ...]

    @classmethod
    def of(cls, tensor: torch.Tensor) -> Self:
        order = memory_order(tensor)
        laid = tensor.permute(order).contiguous()
        data = laid.reshape(-1).view(torch.uint8).cpu().numpy()
        return cls(data, str(tensor.dtype).removeprefix("torch."), tuple(laid.shape), order)

    def on(self, device: torch.device | str) -> torch.Tensor:
        # A copy: what another process sent is in shared memory, where nothing may be written.
        data = torch.from_numpy(self.data.copy()).to(device)
        laid = data.view(getattr(torch, self.dtype)).reshape(self.shape)
        return laid.permute(tuple(np.argsort(self.order)))


@dataclass(frozen=True, eq=False)
class Survivors:
    """A batch of examples that go on.

    places:  (batch,) their places among all examples of the run
    exit:    (batch,) the next exit of each
    visited: (stages, batch) the stages that ran
    state:   of a chain, what the last stage here passes on; of a family, the inputs
    logits:  {exit: (batch, classes)} of the exits that ran, NaN for examples that skipped one
    before:  {name: (batch,)} what was known before any stage ran
    """

    places: NDArray[np.int64]
    ids: NDArray[np.int64]
    exit: NDArray[np.int64]
    visited: NDArray[np.bool_]
    state: Sequence[PackedTensor]
    logits: Mapping[int, NDArray[np.float32]]
    before: Mapping[str, NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.places)

    @classmethod
    def packed(
        cls,
        places: NDArray[np.int64],
        ids: NDArray[np.int64],
        exit: NDArray[np.int64],
        visited: NDArray[np.bool_],
        state: State,
        logits: Mapping[int, NDArray[np.float32]],
        before: Mapping[str, NDArray[np.float32]],
    ) -> Self:
        return cls(places, ids, exit, visited, [PackedTensor.of(features) for features in state], logits, before)

    def placed(self, places: NDArray[np.int64]) -> Self:
        """The same examples among others."""
        return replace(self, places=places)

    def state_on(self, device: torch.device | str) -> State:
        return tuple(features.on(device) for features in self.state)

    @property
    def nbytes(self) -> int:
        """The bytes that travel."""
        arrays = [self.places, self.ids, self.exit, self.visited, *self.logits.values(), *self.before.values()]
        return sum(array.nbytes for array in arrays) + sum(features.data.nbytes for features in self.state)
