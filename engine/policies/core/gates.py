"""Gates: weighted linear classifiers that read an exit's outputs and decide between two actions.

They read the exit's logits or, where there are none, its recorded scores and features and what is known before any stage runs.

The features and the classifier of Bolukbasi et al. 2017 were not read. Ours are in its style: the exit's sorted top log-probabilities,
entropy, margin and top probability, standardised, in a logistic regression that weighs each example by what is at stake.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.binary_logistic import fit_binary_logistic
from engine.policies.core.logit_summary import summarize
from engine.policies.core.online_rules import ExitOutputs
from engine.policies.core.read_cache import ReadCache
from engine.policies.core.recorded_features import RecordedFeatures
from engine.policies.core.saved_types import Cascade, finite, register_saved


def known_at(exit: int, kind: CascadeKind, history: bool) -> Sequence[int]:
    """The exits a gate may read: its own, and with `history` also those that have run on every path to it."""
    if not history:
        return [exit]
    return range(exit + 1) if kind == CascadeKind.CHAIN else sorted({0, exit})


class ChoiceFeatures(ABC):
    """What the gate of every exit but the last reads, standardised on the examples the gates learned on.

    history: whether a gate also reads the exits that ran before its own
    """

    history: bool

    @abstractmethod
    def of(self, outputs: Outputs) -> list[NDArray[np.float64]]:
        """The features of each gate, [(examples, features)] for every exit but the last."""

    def failed(self, exit: int, outputs: Outputs) -> NDArray[np.bool_] | None:
        """On which examples an exit failed, so that they cannot leave there, (examples,), or None if it always gave something."""
        return None

    @abstractmethod
    def at(self, exit: int, exit_outputs: ExitOutputs, kind: CascadeKind) -> NDArray[np.float64]:
        """The features of one gate while the network runs, (examples, features). Only if `known_while_running`."""

    @property
    @abstractmethod
    def known_while_running(self) -> bool:
        """Whether a running network gives these features."""

    @abstractmethod
    def count(self, exit: int, cascade: Cascade) -> int:
        """How many features the gate of an exit reads."""


@register_saved("gate_features")
@dataclass(frozen=True, eq=False)
class GateFeatures(ChoiceFeatures):
    """The features of every gate from the logits.

    mean, scale: (exits - 1, features) of each exit on those examples
    """

    top: int
    history: bool
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    # A sweep uses the same outputs many times. Features are cached for as long as their outputs exist.
    _read: ReadCache[list[NDArray[np.float64]]] = field(default_factory=ReadCache)

    @classmethod
    def scaled_on(cls, fit: Tuning, top: int, history: bool) -> "GateFeatures":
        gates, features = fit.exits - 1, min(top, fit.classes) + 3
        mean, scale = np.empty((gates, features)), np.empty((gates, features))
        for k in range(gates):
            read = summarize(fit.known_logits[k], top)
            mean[k], scale[k] = read.mean(axis=0), read.std(axis=0)
        # A constant feature carries no information, but dividing it by its rounding noise would make it large.
        scale[scale <= 1e-9 * (1 + np.abs(mean))] = 1.0
        return cls(top, history, mean, scale)

    @property
    def known_while_running(self) -> bool:
        return True

    def of(self, outputs: Outputs) -> list[NDArray[np.float64]]:
        if outputs not in self._read:
            scaled = [self._scaled(k, summarize(outputs.known_logits[k], self.top)) for k in range(outputs.exits - 1)]
            known = [known_at(k, outputs.kind, self.history) for k in range(outputs.exits - 1)]
            self._read[outputs] = [np.concatenate([scaled[j] for j in exits], axis=1) for exits in known]
        return self._read[outputs]

    def at(self, exit: int, exit_outputs: ExitOutputs, kind: CascadeKind) -> NDArray[np.float64]:
        known = known_at(exit, kind, self.history)
        return np.concatenate([self._scaled(k, exit_outputs.summary(k, self.top)) for k in known], axis=1)

    def count(self, exit: int, cascade: Cascade) -> int:
        return len(known_at(exit, cascade.kind, self.history)) * (min(self.top, cascade.classes) + 3)

    def fits(self, cascade: Cascade) -> bool:
        shape = cascade.gates, min(self.top, cascade.classes) + 3
        return self.top >= 1 and finite(self.mean, *shape) and finite(self.scale, *shape) and bool((self.scale > 0).all())

    def _scaled(self, exit: int, read: NDArray[np.float64]) -> NDArray[np.float64]:
        """The features of one exit alone, standardised on the fit examples, (examples, features)."""
        return (read - self.mean[exit]) / self.scale[exit]


@register_saved("recorded_gate_features")
@dataclass(frozen=True, eq=False)
class RecordedGateFeatures(ChoiceFeatures):
    """The features of every gate from what is recorded."""

    recorded: RecordedFeatures
    history: bool
    _read: ReadCache[list[NDArray[np.float64]]] = field(default_factory=ReadCache)

    def of(self, outputs: Outputs) -> list[NDArray[np.float64]]:
        if outputs not in self._read:
            of_exit = [self.recorded.at(k, outputs) for k in range(outputs.exits - 1)]
            self._read[outputs] = [self._joined(k, of_exit, outputs.kind) for k in range(outputs.exits - 1)]
        return self._read[outputs]

    def at(self, exit: int, exit_outputs: ExitOutputs, kind: CascadeKind) -> NDArray[np.float64]:
        known = known_at(exit, kind, self.history)
        return self._joined(exit, {k: self.recorded.while_running(k, exit_outputs) for k in known}, kind)

    @property
    def known_while_running(self) -> bool:
        return self.recorded.known_while_running

    def failed(self, exit: int, outputs: Outputs) -> NDArray[np.bool_] | None:
        failed = self.recorded.failed(exit, outputs)
        return failed if failed.any() else None

    def count(self, exit: int, cascade: Cascade) -> int:
        return len(known_at(exit, cascade.kind, self.history)) * self.recorded.exit_columns + self.recorded.before_columns

    def fits(self, cascade: Cascade) -> bool:
        return True  # see `RecordedFeatures`

    def _joined(
        self, exit: int, of_exit: Sequence[NDArray[np.float64]] | Mapping[int, NDArray[np.float64]], kind: CascadeKind
    ) -> NDArray[np.float64]:
        """The columns of the exits that a gate may read, with those known before any stage once, at the end."""
        *earlier, own = known_at(exit, kind, self.history)
        return np.concatenate([*(of_exit[k][:, : self.recorded.exit_columns] for k in earlier), of_exit[own]], axis=1)


def choice_features(fit: Tuning, top: int, history: bool) -> ChoiceFeatures:
    """The features of gates that learn on these examples: from the logits, or from what is recorded where there are none."""
    if fit.logits is None:
        return RecordedGateFeatures(RecordedFeatures.learned_on(fit), history)
    return GateFeatures.scaled_on(fit, top, history)


@register_saved("gate")
@dataclass(frozen=True, eq=False)
class Gate:
    """Opens for an example if the weighted sum of its features and the bias is positive.

    weights: (features,)
    """

    weights: NDArray[np.float64]
    bias: float

    def opens(self, features: NDArray[np.float64]) -> NDArray[np.bool_]:
        """features (examples, features) -> (examples,)"""
        # Row by row, not as a matrix product: there the rounding of one example depends on how many others there are.
        return (features * self.weights).sum(axis=1) + self.bias > 0

    def fits(self, cascade: Cascade) -> bool:
        return finite(self.weights, self.weights.size) and bool(np.isfinite(self.bias))  # how many features: see `ChoiceRule`


def fit_gate(features: NDArray[np.float64], should_open: NDArray[np.bool_], weight: NDArray[np.float64], l2: float) -> Gate:
    """The gate with the least weighted error, through the logistic surrogate. An example's weight is the cost of an error on it.

    features (examples, features), should_open (examples,), weight (examples,) not negative; examples of weight 0 are left out.
    l2: strength of the penalty on the gate's weights, above 0; example weights are scaled to mean 1, so their unit does not matter
    If all examples agree, the gate is a constant. If all have weight 0, it stays shut.
    """
    matters = weight > 0
    opens = should_open[matters]
    if not matters.any() or opens.all() or not opens.any():
        return Gate(np.zeros(features.shape[1]), 1.0 if opens.any() else -1.0)
    learns_from, importance = features[matters], weight[matters] / weight[matters].mean()
    coefficients = fit_binary_logistic(learns_from, opens, importance, l2)
    return Gate(coefficients[:-1], float(coefficients[-1]))
