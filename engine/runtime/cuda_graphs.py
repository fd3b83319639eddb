"""CUDA graphs: a part that often gets inputs of the same shape is recorded once and then replayed with a single launch.

With small networks a GPU waits for the next kernel to be launched. A recording launches all kernels of a trunk or a head at once. It has
its own memory: inputs are copied there, and outputs are copied out, because the next replay overwrites them. The executor forms full
batches, so nearly all batches of a stage have the same shape. The others run without a recording.

Not run on a GPU yet, as none was available: the tests replace CUDA's recorder by one that treats memory in the same way.
"""

import logging
from collections import Counter
from collections.abc import Callable, Hashable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from engine.cascades.base import Cascade, State

logger = logging.getLogger("offramp.runtime")

SEEN = 3  # times a shape must occur before it is recorded
GRAPHS = 2  # most shapes recorded per part: each keeps its memory
WARM_UP = 3  # runs before a recording, in which libraries choose their kernels


@dataclass(frozen=True, eq=False)
class Recording:
    """A recorded computation that can be replayed. inputs, outputs: the memory that it reads and writes"""

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
    """Record a part. Raises RuntimeError if it does what cannot be recorded, such as waiting for the GPU."""
    inputs = tuple(given.clone() for given in state)
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            part(inputs)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads may use CUDA meanwhile
        outputs = part(inputs)
    return Recording(inputs, outputs, graph.replay)


class Replayed(nn.Module):
    """A trunk or a head that records itself for frequent shapes. For inference only: it has no gradients."""

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
        output = self.part(state)
        self._seen[shape] += 1
        if self._able and self._seen[shape] >= SEEN and len(self._recordings) < GRAPHS:
            self._keep(shape, state, output)
        return output

    def _keep(self, shape: Hashable, state: State, output: State | Tensor) -> None:
        """Record the part, and keep the recording only if its output equals that of the part."""
        try:
            recording = self._record(self.part, state)
            if not _close(recording(state), output):
                raise RuntimeError("its recording gives another output")
        except RuntimeError as reason:
            self._able = False
            logger.warning("%s runs without a CUDA graph, which is slower: %s", type(self.part).__name__, reason)
        else:
            self._recordings[shape] = recording

    def __deepcopy__(self, known: dict[int, Any]) -> Self:
        """A copy without the recordings, which are tied to the memory of the original."""
        return type(self)(deepcopy(self.part, known), self._record).train(self.training)


def in_graphs(cascade: Cascade, device: torch.device) -> Cascade:
    """The cascade with recorded and replayed stages on a CUDA device; elsewhere the cascade itself."""
    if device.type != "cuda":
        return cascade
    return cascade.with_parts(Replayed)


def _close(one: State | Tensor, other: State | Tensor) -> bool:
    """Equality in 16-bit precision: other kernels may be chosen while recording."""
    pairs = zip(*((output,) if isinstance(output, Tensor) else output for output in (one, other)), strict=True)
    return all(torch.allclose(a.float(), b.float(), rtol=0.02, atol=0.02, equal_nan=True) for a, b in pairs)
