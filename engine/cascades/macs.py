"""The cost of each stage in multiply-accumulates (MACs), counted from the operations that actually run.

Operations are counted on PyTorch's meta device. No numbers are computed, so this needs no weights and almost no time, and it
sees operations that fused CPU kernels hide (fused attention counts as nothing on the CPU).
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from engine.cascades.base import Cascade, State
from engine.outputs import CascadeKind


@dataclass(frozen=True)
class StageMacs:
    """MACs for one example, separately for trunk and head: an example that continues has still paid for the head it passed.

    trunk, head: (stages,)
    """

    trunk: tuple[int, ...]
    head: tuple[int, ...]

    @property
    def stage(self) -> tuple[int, ...]:
        """Trunk and head together, (stages,)."""
        return tuple(trunk + head for trunk, head in zip(self.trunk, self.head, strict=True))


def _count(module: nn.Module, state: State) -> tuple[Any, int]:
    """A module's result and its MACs. The counter counts a multiply and an add as two operations."""
    with FlopCounterMode(display=False) as counter:
        result = module(state)
    return result, counter.get_total_flops() // 2


def stage_macs(cascade: Cascade, size: Sequence[int]) -> StageMacs:
    """The MACs of every stage of `cascade` for one RGB image of a size (height, width), or for one text of a size (words,).

    Convolutions, matrix products and attention are counted. As usual, additions, activations, pooling and normalisation are not.
    """
    meta_cascade, image = on_meta_device(cascade, size)
    trunk, head = [], []

    def counted(module: nn.Module, state: State) -> State:
        after, macs = _count(module, state)
        trunk.append(macs)
        return after

    with torch.no_grad():
        for stage, _, after in meta_cascade.walk(image, run=counted):
            head.append(_count(stage.head, after)[1])
    return StageMacs(tuple(trunk), tuple(head))


def state_bytes(cascade: Cascade, size: Sequence[int]) -> list[int]:
    """Bytes of one example's state before the first stage and, in a chain, after each stage."""
    meta_cascade, image = on_meta_device(cascade, size)
    with torch.no_grad():
        states = [image, *(after for _, _, after in meta_cascade.walk(image))] if cascade.kind is CascadeKind.CHAIN else [image]
    return [sum(part.nbytes for part in state) for state in states]


def on_meta_device(cascade: Cascade, size: Sequence[int]) -> tuple[Cascade, State]:
    """A copy of a cascade and one example for it, both without data: an RGB image (height, width), or a text (words,)."""
    meta_cascade = deepcopy(cascade).eval().to("meta")  # a copy: the caller's weights stay where they are
    if len(size) == 1:
        return meta_cascade, (torch.empty(1, *size, dtype=torch.int64, device="meta"),)
    return meta_cascade, (torch.empty(1, 3, *size, device="meta"),)
