"""What an exit said, left on the device that worked it out: only what a rule reads comes back, a score, a class or a few features.

So what is read back does not grow with the number of classes. The gain was not measured yet, for want of a GPU. Every reading is worked
out by the formula of its `of`, in float64. Another device's exponentials may end in another last digit, which the rounding of scores to
float32 nearly always hides; what bundles hold, and what routes are simulated with, is worked out on the host.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import singledispatch
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.policies.core.description import FLOOR
from engine.policies.core.features import Feature, ScoreFeature, SummaryFeature
from engine.policies.core.online_rules import Answers, InMemory, Rows, combine
from engine.policies.methods.eenet import CLIP, TOP, ExitWeights
from engine.scores import MOST


def keeps_answers(device: torch.device) -> bool:
    """Whether answers stay there: it has a memory of its own, and float64."""
    return device.type == "cuda"


class OnDevice(Answers):
    """said: (rows, classes) on its device, NaN in the rows of which nothing is known"""

    def __init__(self, said: Tensor) -> None:
        self.said = said

    def read(self, feature: Feature, rows: Rows) -> NDArray[np.floating]:
        return worked_out(feature, self._of(rows)).cpu().numpy()

    def top_class(self, rows: Rows) -> NDArray[np.int32]:
        return self._of(rows).argmax(dim=1).int().cpu().numpy()

    def with_others(self, others: Sequence[Self], weight: NDArray[np.float64], bias: NDArray[np.float64], rows: Rows) -> Self:
        combined = combine(weight.tolist(), [member._of(rows).double() for member in (self, *others)])
        return type(self)(combined + combined.new_tensor(bias))

    def keep(self, rows: Rows, said: Tensor) -> None:
        self.said[self._there(rows)] = said

    def forget(self, rows: Rows) -> None:
        self.said[self._there(rows)] = torch.nan

    def _of(self, rows: Rows) -> Tensor:
        return self.said[self._there(rows)]

    def _there(self, rows: Rows) -> Tensor:
        return torch.from_numpy(rows).to(self.said.device)


class OnHost(InMemory):
    """The same in the host's memory, wherever it was worked out."""

    def keep(self, rows: Rows, said: Tensor) -> None:
        self.array[rows] = said.cpu().numpy()

    def forget(self, rows: Rows) -> None:
        self.array[rows] = np.nan


def nothing_said(rows: int, like: Tensor) -> OnDevice | OnHost:
    """Room for what one exit will say about so many examples: left where it is, or in memory. like: (..., classes) float32"""
    if keeps_answers(like.device):
        return OnDevice(like.new_full((rows, like.shape[-1]), torch.nan))
    return OnHost(np.full((rows, like.shape[-1]), np.nan, np.float32))


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
def worked_out(feature: Feature, logits: Tensor) -> Tensor:
    """What a reading is of these logits, as its `of` has it: (examples, classes) -> (examples, ...)"""
    raise NotImplementedError(f"{type(feature).__name__} cannot be worked out on a device")


@worked_out.register
def _(feature: ScoreFeature, logits: Tensor) -> Tensor:
    return SCORES_ON_DEVICE[feature.name](logits.double().clamp(-MOST, MOST)).float()


@worked_out.register
def _(feature: SummaryFeature, logits: Tensor) -> Tensor:
    return _described(logits, feature.top)


def _described(logits: Tensor, top: int) -> Tensor:
    falling = logits.double().sort(dim=1, descending=True).values
    below = falling - falling[:, :1]  # from the top, at 0
    log_p = (below - below[:, 1:].exp().sum(dim=1, keepdim=True).log1p()).clamp(min=FLOOR)
    p = log_p.exp()
    entropy, margin = -(p * log_p).sum(dim=1), p[:, 0] - p[:, 1]
    return torch.cat((log_p[:, :top], entropy[:, None], margin[:, None], p[:, :1]), dim=1)


@worked_out.register
def _(feature: ExitWeights, logits: Tensor) -> Tensor:
    log_odds = worked_out(ScoreFeature("maxprob"), logits).double().clamp(-CLIP, CLIP)
    features = torch.cat((_described(logits, TOP), log_odds[:, None]), dim=1)
    weight, by_class = map(features.new_tensor, (feature.features, feature.by_class))
    return (features * weight).sum(dim=1) + by_class[logits.argmax(dim=1)] + feature.bias
