"""CUDA graphs: a stage that is given the same shape again and again is recorded once and then replayed with one launch.

Small networks leave a GPU waiting for the next kernel to be launched; a recording launches all kernels of a trunk or a head at once. It
works on its own memory: what goes in is copied there, and what comes out is copied from there, for the next replay writes over it. The
executor cuts full batches, so nearly every batch of a stage has one shape; the rest run as they are.

Never run on a GPU yet, for want of one: the tests put a recorder in the place of CUDA's that keeps memory as it does.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Hashable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from engine.cascades.base import Cascade, State

SEEN = 3  # how often a shape must have come before it is worth recording
GRAPHS = 2  # shapes recorded at most, each of which keeps its memory
WARM_UP = 3  # runs before a recording, in which libraries make up their minds


@dataclass(frozen=True, eq=False)
class Recording:
    """What a part computes, ready to be computed again in the same memory. inputs, outputs: where it reads and writes"""

    inputs: State
    outputs: State | Tensor
    replay: Callable[[], None]

    @torch.inference_mode()
    def __call__(self, state: State) -> State | Tensor:
        for place, given in zip(self.inputs, state, strict=True):
            place.copy_(given)
        self.replay()
        return self.outputs.clone() if isinstance(self.outputs, Tensor) else tuple(part.clone() for part in self.outputs)


@torch.inference_mode()
def record_on_gpu(part: nn.Module, state: State) -> Recording:
    """Raises RuntimeError if the part does what cannot be recorded, such as waiting for the GPU."""
    inputs = tuple(given.clone() for given in state)
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            part(inputs)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads may go on
        outputs = part(inputs)
    return Recording(inputs, outputs, graph.replay)


class Replayed(nn.Module):
    """A trunk or a head that records itself for the shapes it is often given. For inference alone: there are no gradients."""

    def __init__(self, part: nn.Module, record: Callable[[nn.Module, State], Recording] = record_on_gpu) -> None:
        super().__init__()
        self.part, self._record = part, record
        self._seen: Counter[Hashable] = Counter()
        self._recordings: dict[Hashable, Recording] = {}
        self._able = True

    def forward(self, state: State) -> State | Tensor:
        shape = tuple((part.shape, part.stride(), part.dtype, part.device) for part in state)
        if shape in self._recordings:
            return self._recordings[shape](state)
        said = self.part(state)
        self._seen[shape] += 1
        if self._able and self._seen[shape] >= SEEN and len(self._recordings) < GRAPHS:
            self._keep(shape, state, said)
        return said

    def _keep(self, shape: Hashable, state: State, said: State | Tensor) -> None:
        """Record, and use the recording only if it says what was said without one."""
        try:
            recording = self._record(self.part, state)
            if not _alike(recording(state), said):
                raise RuntimeError("its recording answers otherwise")
        except RuntimeError as reason:
            self._able = False
            warnings.warn(f"{type(self.part).__name__} runs without a CUDA graph, more slowly: {reason}", stacklevel=2)
        else:
            self._recordings[shape] = recording

    def __deepcopy__(self, known: dict[int, Any]) -> Self:
        """Without the recordings, which belong to the memory of the original."""
        return type(self)(deepcopy(self.part, known), self._record).train(self.training)


def in_graphs(cascade: Cascade, device: torch.device) -> Cascade:
    """The same stages, recorded and replayed where there are CUDA graphs; elsewhere the cascade itself."""
    if device.type != "cuda":
        return cascade
    return cascade.with_parts(Replayed)


def _alike(one: State | Tensor, other: State | Tensor) -> bool:
    """To the precision of 16 bits: the same kernels may be chosen otherwise while recording."""
    pairs = zip(*((said,) if isinstance(said, Tensor) else said for said in (one, other)), strict=True)
    return all(torch.allclose(a.float(), b.float(), rtol=0.02, atol=0.02, equal_nan=True) for a, b in pairs)
