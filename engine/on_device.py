"""What an exit said, left on the device that worked it out: only what a rule reads comes back, a score, a class or a few features.

So what is read back does not grow with the number of classes. The gain was not measured yet, for want of a GPU. Every reading is worked
out by the formula of its `of`, in float64. Another device's exponentials may end in another last digit, which the rounding of scores to
float32 nearly always hides; what bundles hold, and what routes are simulated with, is worked out on the host.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, singledispatch
from math import log
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.policies.description import FLOOR
from engine.policies.eenet import OwnWeight
from engine.policies.reading import DescriptionOf, Reading, ScoreOf
from engine.policies.stepper import Answers, InMemory, Rows, combine
from engine.scores import MOST


def keeps_answers(device: torch.device) -> bool:
    """Whether answers stay there: it has a memory of its own, and float64."""
    return device.type == "cuda"


class OnDevice(Answers):
    """said: (asked, classes) on its device;  asked: (asked,) the rows it speaks of, of `rows` in all"""

    def __init__(self, said: Tensor, asked: Rows, rows: int) -> None:
        self.said, self.asked, self.rows = said, asked, rows
        self._read: dict[Reading, NDArray[np.floating]] = {}

    def read(self, reading: Reading, rows: Rows) -> NDArray[np.floating]:
        if reading not in self._read:
            self._read[reading] = spread(worked_out(reading, self.said), self.asked, self.rows)
        return self._read[reading][rows]

    def top_class(self, rows: Rows) -> NDArray[np.int32]:
        return self._classes[rows]

    def with_others(self, others: Sequence[Self], weight: NDArray[np.float64], bias: NDArray[np.float64], rows: Rows) -> Self:
        combined = combine(weight.tolist(), [member._of(rows) for member in (self, *others)])
        return type(self)(combined + combined.new_tensor(bias), np.arange(len(rows)), len(rows))

    def _of(self, rows: Rows) -> Tensor:
        """Some of those it speaks of: (rows, classes) float64"""
        at = np.empty(self.rows, np.int64)
        at[self.asked] = np.arange(len(self.asked))
        return self.said[torch.from_numpy(at[rows]).to(self.said.device)].double()

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


#: By the names of engine.scores.SCORES: logits (examples, classes) float64 -> (examples,) float64
SCORES_ON_DEVICE: Mapping[str, Callable[[Tensor], Tensor]] = {
    "maxprob": _max_prob,
    "margin": _margin,
    "entropy": _negative_entropy,
    "energy": lambda logits: logits.logsumexp(dim=1),
    "maxlogit": lambda logits: logits.amax(dim=1),
}


@singledispatch
def worked_out(reading: Reading, logits: Tensor) -> Tensor:
    """What a reading is of these logits, as its `of` has it: (examples, classes) -> (examples, ...)"""
    raise NotImplementedError(f"{type(reading).__name__} cannot be worked out on a device")


@worked_out.register
def _(reading: ScoreOf, logits: Tensor) -> Tensor:
    return SCORES_ON_DEVICE[reading.name](logits.double().clamp(-MOST, MOST)).float()


@worked_out.register
def _(reading: DescriptionOf, logits: Tensor) -> Tensor:
    falling = logits.double().sort(dim=1, descending=True).values
    below = falling - falling[:, :1]  # from the top, at 0
    log_p = (below - below[:, 1:].exp().sum(dim=1, keepdim=True).log1p()).clamp(min=FLOOR)
    p = log_p.exp()
    entropy, margin = -(p * log_p).sum(dim=1), p[:, 0] - p[:, 1]
    return torch.cat((log_p[:, : reading.top], entropy[:, None], margin[:, None], p[:, :1]), dim=1)


@worked_out.register
def _(reading: OwnWeight, logits: Tensor) -> Tensor:
    log_p = logits.double().log_softmax(dim=1)
    p = log_p.exp()
    certainty = 1 + (p * log_p).sum(dim=1, keepdim=True) / log(logits.shape[1])
    features = torch.cat((p, p.amax(dim=1, keepdim=True), certainty), dim=1)
    center, scale, weight = map(features.new_tensor, (reading.center, reading.scale, reading.weight))
    return ((features - center) / scale * weight).sum(dim=1)
