"""A cascade: stages run one after the other, each ending in an exit."""

from enum import StrEnum

import torch
from torch import Tensor, nn

#: What one stage hands to the next: feature maps, one or several (a multi-scale trunk keeps several).
State = tuple[Tensor, ...]


class Kind(StrEnum):
    """How the stages hang together."""

    CHAIN = "chain"  # stages share a trunk: stage k needs what stage k - 1 computed
    FAMILY = "family"  # stages are whole networks: each starts from the image, and any may be skipped


class Stage(nn.Module):
    """A piece of trunk and the exit at its end.

    trunk: State -> State
    head:  State -> logits (batch, classes)
    """

    def __init__(self, trunk: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, state: State) -> tuple[State, Tensor]:
        state = self.trunk(state)
        return state, self.head(state)


class Cascade(nn.Module):
    """Stages in order. The first one's state is the image alone: `(images,)`."""

    def __init__(self, stages: list[Stage], kind: Kind = Kind.CHAIN) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.kind = kind

    def forward(self, images: Tensor) -> Tensor:
        """What every exit says: images (batch, 3, height, width) -> logits (exits, batch, classes)."""
        logits = []
        state: State = (images,)
        for stage in self.stages:
            after, said = stage(state)
            logits.append(said)
            if self.kind is Kind.CHAIN:
                state = after
        return torch.stack(logits)
