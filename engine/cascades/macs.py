"""What each stage costs in multiply-accumulates (MACs), counted from the operations that really run.

The count is taken on PyTorch's meta device: no numbers are computed, so it needs no weights and almost no time, and it
sees operations that a processor's fused kernels hide (fused attention counts as nothing on the CPU).
"""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from engine.cascades.base import Cascade, Kind, State


@dataclass(frozen=True)
class StageMacs:
    """MACs for one picture, trunk and head apart: a picture that goes on has still paid for the head it passed.

    trunk, head: (stages,)
    """

    trunk: tuple[int, ...]
    head: tuple[int, ...]

    @property
    def stage(self) -> tuple[int, ...]:
        """Trunk and head together, (stages,)."""
        return tuple(trunk + head for trunk, head in zip(self.trunk, self.head, strict=True))


def _count(module: nn.Module, state: State) -> tuple[State | Tensor, int]:
    """What a module returns, and its MACs. The counter counts a multiply and an add as two operations."""
    with FlopCounterMode(display=False) as counter:
        result = module(state)
    return result, counter.get_total_flops() // 2


def stage_macs(cascade: Cascade, image_size: tuple[int, int]) -> StageMacs:
    """The MACs of every stage of `cascade` for one RGB picture of `image_size` (height, width).

    Convolutions, matrix products and attention are counted; additions, activations, pooling and normalisation are not,
    as is usual.
    """
    ghost = deepcopy(cascade).eval().to("meta")  # a copy: the caller's weights stay where they are
    image: State = (torch.empty(1, 3, *image_size, device="meta"),)
    trunk, head = [], []
    state = image
    with torch.no_grad():
        for stage in ghost.stages:
            after, trunk_macs = _count(stage.trunk, state)
            _, head_macs = _count(stage.head, after)
            trunk.append(trunk_macs)
            head.append(head_macs)
            state = after if cascade.kind is Kind.CHAIN else image
    return StageMacs(tuple(trunk), tuple(head))
