"""Gates: weighted linear classifiers that read an exit's outputs and decide between two actions.

The features and the classifier of Bolukbasi et al. 2017 were not read. Ours are in its style: the exit's sorted top log-probabilities,
entropy, margin and top probability, standardised, in a logistic regression that weighs each example by what is at stake.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.logit_summary import summarize
from engine.policies.core.online_rules import ExitOutputs


def known_at(exit: int, kind: CascadeKind, history: bool) -> Sequence[int]:
    """The exits a gate may read: its own, and with `history` also those that have run on every path to it."""
    if not history:
        return [exit]
    return range(exit + 1) if kind == CascadeKind.CHAIN else sorted({0, exit})


@dataclass(frozen=True, eq=False)
class GateFeatures:
    """The features of every gate, standardised on the examples the gates learned on.

    mean, scale: (exits - 1, features) of each exit on those examples
    """

    top: int
    history: bool
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    # A sweep uses the same outputs many times. Features are cached for as long as their outputs exist.
    _read: WeakKeyDictionary[Outputs, list[NDArray[np.float64]]] = field(default_factory=WeakKeyDictionary)

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

    def of(self, outputs: Outputs) -> list[NDArray[np.float64]]:
        """The features of each gate, [(examples, features)] for every exit but the last."""
        if outputs not in self._read:
            scaled = [self._scaled(k, summarize(outputs.known_logits[k], self.top)) for k in range(outputs.exits - 1)]
            known = [known_at(k, outputs.kind, self.history) for k in range(outputs.exits - 1)]
            self._read[outputs] = [np.concatenate([scaled[j] for j in exits], axis=1) for exits in known]
        return self._read[outputs]

    def at(self, exit: int, exit_outputs: ExitOutputs, kind: CascadeKind) -> NDArray[np.float64]:
        """The features of one gate while the network runs, (examples, features)."""
        known = known_at(exit, kind, self.history)
        return np.concatenate([self._scaled(k, exit_outputs.summary(k, self.top)) for k in known], axis=1)

    def _scaled(self, exit: int, read: NDArray[np.float64]) -> NDArray[np.float64]:
        """The features of one exit alone, standardised on the fit examples, (examples, features)."""
        return (read - self.mean[exit]) / self.scale[exit]


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


def fit_gate(features: NDArray[np.float64], should_open: NDArray[np.bool_], weight: NDArray[np.float64], l2: float) -> Gate:
    """The gate with the least weighted error, through the logistic surrogate. An example's weight is the cost of an error on it.

    features (examples, features), should_open (examples,), weight (examples,) not negative; examples of weight 0 are left out.
    l2: strength of the penalty on the gate's weights, above 0; example weights are scaled to mean 1, so their unit does not matter
    If all examples agree, the gate is a constant. If all have weight 0, it stays shut.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import, and not needed to list the policies

    matters = weight > 0
    opens = should_open[matters]
    if not matters.any() or opens.all() or not opens.any():
        return Gate(np.zeros(features.shape[1]), 1.0 if opens.any() else -1.0)
    # newton-cholesky: few features, many examples, and the features of one exit nearly determine each other.
    model = LogisticRegression(C=1 / l2, solver="newton-cholesky")
    model.fit(features[matters], opens, sample_weight=weight[matters] / weight[matters].mean())
    return Gate(np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]))
