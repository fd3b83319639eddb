"""What learned rules read where there are no logits: recorded scores and features of an exit, and what is known before any stage runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.masks import features as masks
from engine.outputs import Outputs
from engine.policies.core.online_rules import ExitOutputs
from engine.policies.core.saved_types import Cascade, finite, register_saved
from engine.scores import SCORES

#: Scores that grow without bound as a probability nears 1 are clipped here: beyond it, more confidence carries no information.
CLIP = 30.0
UNBOUNDED = ("maxprob", "margin")
#: Standardised values are clipped here before they are squared, so that an unusual one does not outweigh all others.
UNUSUAL = 4.0


@register_saved("recorded_features")
@dataclass(frozen=True, eq=False)
class RecordedFeatures:
    """What a rule reads of one exit: the recorded values, standardised on the fit examples, and their squares.

    Where an exit failed, it tells nothing: its columns are 0, as of an average example.

    The squares let a linear gate open in the middle: examples of little confidence may be hopeless and those of much confidence good
    already, so that only those between gain by going on. The names are kept, so that a rule reads the same of any other outputs, in the
    same order, and refuses outputs that lack one.

    scores, features, before: names, as in `Outputs`
    least, most: (scores,) scores are clipped to this range, so that infinite ones can be weighed: -CLIP to CLIP for `UNBOUNDED` scores,
                 for others the range of the finite scores of the fit examples
    mean, scale: (exits, names) of each exit on the fit examples
    """

    scores: Sequence[str]
    features: Sequence[str]
    before: Sequence[str]
    least: NDArray[np.float64]
    most: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def learned_on(cls, fit: Outputs, only_before: bool = False) -> Self:
        """Every recorded score and feature and what is known before any stage runs, or the latter only."""
        scores, features = ((), ()) if only_before else (tuple(fit.scores), tuple(fit.features))
        ranges = [(-CLIP, CLIP) if name in UNBOUNDED else _finite_range(fit.scores[name]) for name in scores]
        least, most = np.array(ranges, np.float64).reshape(-1, 2).T
        names = len(scores) + len(features) + len(fit.before)
        unscaled = cls(scores, features, tuple(fit.before), least, most, np.zeros((fit.exits, names)), np.ones((fit.exits, names)))
        mean, scale = np.zeros((fit.exits, names)), np.ones((fit.exits, names))
        for k in range(fit.exits):
            values = unscaled._values(k, fit)[~unscaled.failed(k, fit)]
            if len(values):
                mean[k], scale[k] = values.mean(axis=0), values.std(axis=0)
        # A constant value carries no information, but dividing it by its rounding noise would make it large.
        scale[scale <= 1e-9 * (1 + np.abs(mean))] = 1.0
        return cls(scores, features, tuple(fit.before), least, most, mean, scale)

    @property
    def columns(self) -> int:
        """The number of columns: those of the exit, then those of what is known before any stage runs."""
        return self.exit_columns + self.before_columns

    @property
    def exit_columns(self) -> int:
        return 2 * (len(self.scores) + len(self.features))

    @property
    def before_columns(self) -> int:
        return 2 * len(self.before)

    def at(self, exit: int, outputs: Outputs) -> NDArray[np.float64]:
        """The columns of one exit, (examples, columns). Raises UserError if the outputs lack one of the values."""
        lacks = self.lacks(outputs, "This policy")
        if lacks:
            raise UserError(lacks)
        columns = self._with_squares(self._values(exit, outputs))
        columns[self.failed(exit, outputs), : self.exit_columns] = 0.0
        return columns

    def failed(self, exit: int, outputs: Outputs) -> NDArray[np.bool_]:
        """On which examples an exit failed, (examples,): a score of it is minus infinity, and none leaves there unless it is the last."""
        failed = np.zeros(outputs.examples, bool)
        for name in self.scores:
            failed |= np.isneginf(outputs.scores[name][exit])
        return failed

    def while_running(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float64]:
        """The same while the network runs. Only if `known_while_running`."""
        others = [
            *(exit_outputs.recorded(exit, name) for name in self.features),
            *(exit_outputs.known_before(name) for name in self.before),
        ]
        return self._with_squares(self._scaled(exit, [exit_outputs.score(exit, name) for name in self.scores], others))

    @property
    def known_while_running(self) -> bool:
        """Whether a running network gives all values: the scores of `engine.scores`, and the features of masks. Others are records only."""
        return all(name in SCORES for name in self.scores) and all(name in masks.FEATURES for name in self.features)

    def lacks(self, outputs: Outputs, title: str) -> str | None:
        """One sentence on the first value that these outputs lack, or None."""
        for kind, names, recorded in (
            ("score", self.scores, outputs.scores),
            ("feature", self.features, outputs.features),
            ("value known before any stage,", self.before, outputs.before),
        ):
            missing = next((name for name in names if name not in recorded), None)
            if missing is not None:
                return f"{title} reads the {kind} {printable(missing, 40)!r}, which these outputs lack; give outputs with the same columns."
        return None

    def fits(self, cascade: Cascade) -> bool:
        names = [*self.scores, *self.features, *self.before]
        shape = cascade.exits, len(names)
        ranges = finite(self.least, len(self.scores)) and finite(self.most, len(self.scores)) and bool((self.least <= self.most).all())
        scaled = finite(self.mean, *shape) and finite(self.scale, *shape) and bool((self.scale > 0).all())
        return 0 < len(names) == len(set(names)) and ranges and scaled

    def _values(self, exit: int, outputs: Outputs) -> NDArray[np.float64]:
        others = [*(outputs.features[name][exit] for name in self.features), *(outputs.before[name] for name in self.before)]
        return self._scaled(exit, [outputs.scores[name][exit] for name in self.scores], others)

    def _scaled(self, exit: int, scores: Sequence[NDArray], others: Sequence[NDArray]) -> NDArray[np.float64]:
        """Standardised values, (examples, names). scores, others: [(examples,)]"""
        clipped = [score.astype(np.float64).clip(*limits) for score, *limits in zip(scores, self.least, self.most, strict=True)]
        return (np.stack([*clipped, *others], axis=1, dtype=np.float64) - self.mean[exit]) / self.scale[exit]

    def _with_squares(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        squares = values.clip(-UNUSUAL, UNUSUAL) ** 2
        of_exit = len(self.scores) + len(self.features)
        return np.concatenate([values[:, :of_exit], squares[:, :of_exit], values[:, of_exit:], squares[:, of_exit:]], axis=1)


def _finite_range(score: NDArray[np.float32]) -> tuple[float, float]:
    finite_ones = score[np.isfinite(score)]
    return (float(finite_ones.min()), float(finite_ones.max())) if finite_ones.size else (0.0, 0.0)
