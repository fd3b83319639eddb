"""A cascade: stages run one after the other, each ending in an exit."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from engine.outputs import CascadeKind

#: What one stage passes to the next: one feature map or several (a multi-scale trunk keeps several).
State = tuple[Tensor, ...]


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


class Step(NamedTuple):
    """A stage whose trunk has just run, with the state before and after it."""

    stage: Stage
    before: State
    after: State


def _run(trunk: nn.Module, state: State) -> State:
    return trunk(state)


class Cascade(nn.Module):
    """Stages in order. The state before the first one is the batch of images: `(images,)`."""

    def __init__(self, stages: list[Stage], kind: CascadeKind = CascadeKind.CHAIN) -> None:
        super().__init__()
        # A ModuleList, whose own type does not say of what.
        self.stages = cast(Sequence[Stage], nn.ModuleList(stages))
        self.kind = kind

    def walk(
        self, state: State, first: int = 0, last: int | None = None, run: Callable[[nn.Module, State], State] = _run
    ) -> Iterator[Step]:
        """Run the trunks of stages `first` to `last` (by default, all stages), without their heads.

        state: the input of stage `first`; every stage of a family starts from it, stages of a chain pass it on
        run:   (trunk, state before) -> state after; for callers that count or time
        """
        for stage in list(self.stages)[first : len(self.stages) if last is None else last + 1]:
            after = run(stage.trunk, state)
            yield Step(stage, state, after)
            if self.kind is CascadeKind.CHAIN:
                state = after

    def state_after(self, state: State, first: int, last: int) -> State:
        """The state after stage `last`, with the trunks run from stage `first` on."""
        for step in self.walk(state, first, last):
            state = step.after
        return state

    def first_needed(self, exit: int) -> int:
        """The first stage that an exit needs: stage 0 in a chain, the exit's own network in a family."""
        return 0 if self.kind is CascadeKind.CHAIN else exit

    def forward(self, images: Tensor) -> Tensor:
        """The logits of every exit: images (batch, 3, height, width) -> (exits, batch, classes)."""
        return torch.stack([stage.head(after) for stage, _, after in self.walk((images,))])

    def forward_exit(self, images: Tensor, exit: int) -> Tensor:
        """The logits of one exit, without running any other head: images (batch, 3, height, width) -> (batch, classes)."""
        return self.stages[exit].head(self.state_after((images,), self.first_needed(exit), exit))

    def with_parts(self, wrap: Callable[[nn.Module], nn.Module]) -> "Cascade":
        """The same stages with every trunk and every head wrapped in another module."""
        stages = [Stage(wrap(stage.trunk), wrap(stage.head)) for stage in self.stages]
        return Cascade(stages, self.kind).train(self.training)
