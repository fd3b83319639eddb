"""What an exit said, left on the device that worked it out: only what a rule asks for comes back, a score, a class or a few features.

So what is read back does not grow with the number of classes. The gain was not measured yet, for want of a GPU. The scores here are
those of `engine.scores`, by the same formulas in float64 and kept in float32 as there. Another device's exponentials may end in another
last digit of float64, which the rounding to float32 nearly always hides; what bundles hold, and what routes are simulated with, is worked
out on the host.
"""

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.policies.description import FLOOR
from engine.policies.stepper import Answers, InMemory, Rows
from engine.scores import MOST


def keeps_answers(device: torch.device) -> bool:
    """Whether answers stay there: it has a memory of its own, and float64."""
    return device.type == "cuda"


class OnDevice(Answers):
    """said: (asked, classes) on its device;  asked: (asked,) the rows it speaks of, of `rows` in all"""

    def __init__(self, said: Tensor, asked: Rows, rows: int) -> None:
        self.said, self.asked, self.rows = said, asked, rows
        self._scores: dict[str, NDArray[np.floating]] = {}
        self._descriptions: dict[int, NDArray[np.floating]] = {}

    def logits(self, rows: Rows) -> NDArray[np.floating]:
        return self._in_memory[rows]

    def score(self, name: str, rows: Rows) -> NDArray[np.float32]:
        if name not in self._scores:
            kept = SCORES_ON_DEVICE[name](self.said.double().clamp(-MOST, MOST)).float()
            self._scores[name] = spread(kept, self.asked, self.rows)
        return self._scores[name][rows]

    def described(self, top: int, rows: Rows) -> NDArray[np.float64]:
        if top not in self._descriptions:
            self._descriptions[top] = spread(description(self.said, top), self.asked, self.rows)
        return self._descriptions[top][rows]

    def top_class(self, rows: Rows) -> NDArray[np.int32]:
        return self._classes[rows]

    @cached_property
    def _in_memory(self) -> NDArray[np.float32]:
        return spread(self.said, self.asked, self.rows)

    @cached_property
    def _classes(self) -> NDArray[np.int32]:
        found = np.full(self.rows, -1, np.int32)
        found[self.asked] = self.said.argmax(dim=1).cpu().numpy()
        return found


def answers(said: Tensor, asked: Rows, rows: int) -> Answers:
    """What was said about the rows `asked`, of `rows` in all: left where it is, or in memory. said: (asked, classes) float32"""
    if keeps_answers(said.device):
        return OnDevice(said, asked, rows)
    return InMemory(spread(said, asked, rows))


def spread(values: Tensor, asked: Rows, rows: int) -> NDArray[np.floating]:
    """Read values back, (asked, ...) -> (rows, ...), NaN where nobody was asked."""
    here = values.cpu().numpy()
    found = np.full((rows, *here.shape[1:]), np.nan, here.dtype)
    found[asked] = here
    return found


def _from_the_top(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits with the largest at 0, (examples, classes), and the log-sum-exp of all but that one and of all, each (examples,).

    The sum of all as log(1 + others): where an exit is sure, others is too small for a sum to keep.
    """
    relative = logits - logits.amax(dim=1, keepdim=True)
    rest = relative.scatter(1, relative.argmax(dim=1, keepdim=True), -torch.inf).logsumexp(dim=1)
    return relative, rest, rest.exp().log1p()


def _max_prob(logits: Tensor) -> Tensor:
    _, rest, total = _from_the_top(logits)
    return -total - (rest - total)


def _margin(logits: Tensor) -> Tensor:
    relative, rest, total = _from_the_top(logits)
    return -torch.logaddexp(rest - total, relative.topk(2, dim=1).values[:, 1] - total)


def _negative_entropy(logits: Tensor) -> Tensor:
    relative, _, total = _from_the_top(logits)
    log_p = relative - total[:, None]
    return (log_p.exp() * log_p).sum(dim=1)


def description(logits: Tensor, top: int) -> Tensor:
    """As engine.policies.description has it: (examples, classes) -> (examples, min(top, classes) + 3) float64"""
    falling = logits.double().sort(dim=1, descending=True).values
    log_p = (falling - falling.logsumexp(dim=1, keepdim=True)).clamp(min=FLOOR)
    p = log_p.exp()
    entropy, margin = -(p * log_p).sum(dim=1), p[:, 0] - p[:, 1]
    return torch.cat((log_p[:, :top], entropy[:, None], margin[:, None], p[:, :1]), dim=1)


#: By the names of engine.scores.SCORES: logits (examples, classes) float64 -> (examples,) float64
SCORES_ON_DEVICE: Mapping[str, Callable[[Tensor], Tensor]] = {
    "maxprob": _max_prob,
    "margin": _margin,
    "entropy": _negative_entropy,
    "energy": lambda logits: logits.logsumexp(dim=1),
    "maxlogit": lambda logits: logits.amax(dim=1),
}
