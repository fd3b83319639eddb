"""Gates: weighted linear classifiers that read what an exit said and decide between two ways on.

Which features and which classifier Bolukbasi et al. 2017 used was not read. Ours are in its style: the sorted top log-probabilities of the
exit, its entropy, margin and top probability, standardised, under a logistic regression in which each example weighs what is at stake.
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
    """The exits a gate may read: its own, and with `history` those that ran on every way to it."""
    if not history:
        return [exit]
    return range(exit + 1) if kind == CascadeKind.CHAIN else sorted({0, exit})


@dataclass(frozen=True, eq=False)
class GateFeatures:
    """The features of every gate, on the scale of the examples the gates learned on.

    mean, scale: (exits - 1, features) of one exit on those examples
    """

    top: int
    history: bool
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    # A sweep asks for the same outputs again and again; they are kept only as long as the outputs themselves.
    _read: WeakKeyDictionary[Outputs, list[NDArray[np.float64]]] = field(default_factory=WeakKeyDictionary)

    @classmethod
    def scaled_on(cls, fit: Tuning, top: int, history: bool) -> "GateFeatures":
        gates, features = fit.exits - 1, min(top, fit.classes) + 3
        mean, scale = np.empty((gates, features)), np.empty((gates, features))
        for k in range(gates):
            read = summarize(fit.logits[k], top)
            mean[k], scale[k] = read.mean(axis=0), read.std(axis=0)
        # What does not vary says nothing; divided by its rounding noise it would shout.
        scale[scale <= 1e-9 * (1 + np.abs(mean))] = 1.0
        return cls(top, history, mean, scale)

    def of(self, outputs: Outputs) -> list[NDArray[np.float64]]:
        """What each gate reads, [(examples, features)] for every exit but the last."""
        if outputs not in self._read:
            scaled = [self._scaled(k, summarize(outputs.logits[k], self.top)) for k in range(outputs.exits - 1)]
            known = [known_at(k, outputs.kind, self.history) for k in range(outputs.exits - 1)]
            self._read[outputs] = [np.concatenate([scaled[j] for j in exits], axis=1) for exits in known]
        return self._read[outputs]

    def at(self, exit: int, exit_outputs: ExitOutputs, kind: CascadeKind) -> NDArray[np.float64]:
        """What one gate reads while the network runs, (examples, features)."""
        known = known_at(exit, kind, self.history)
        return np.concatenate([self._scaled(k, exit_outputs.summary(k, self.top)) for k in known], axis=1)

    def _scaled(self, exit: int, read: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is read of one exit alone, on the scale of the fit examples: (examples, features)"""
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
        # Row by row and not as a matrix product, whose rounding of one example depends on how many others there are.
        return (features * self.weights).sum(axis=1) + self.bias > 0


def fit_gate(features: NDArray[np.float64], should_open: NDArray[np.bool_], weight: NDArray[np.float64], l2: float) -> Gate:
    """The gate that errs least, each example weighing what an error on it costs, through the logistic surrogate.

    features (examples, features), should_open (examples,), weight (examples,) not negative; examples that weigh nothing are left out.
    l2: strength of the penalty on the weights, above 0, against weights of mean 1 (so that their unit plays no part)
    Where all agree, the gate is a constant; where nothing is at stake it stays shut.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import, and listing the policies needs none of it

    matter = weight > 0
    wanted = should_open[matter]
    if not matter.any() or wanted.all() or not wanted.any():
        return Gate(np.zeros(features.shape[1]), 1.0 if wanted.any() else -1.0)
    # newton-cholesky: few features, many examples, and the features of one exit nearly determine each other.
    model = LogisticRegression(C=1 / l2, solver="newton-cholesky")
    model.fit(features[matter], wanted, sample_weight=weight[matter] / weight[matter].mean())
    return Gate(model.coef_[0], float(model.intercept_[0]))
