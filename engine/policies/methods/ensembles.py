"""Ensembles of the exits passed so far: what earlier exits said is paid for, so it may as well count.

Both policies answer from a geometric ensemble, whose log-score is a weighted mean of the log-probabilities so far, and leave when its top
probability clears thresholds set by geometric quotas. The answer is the ensemble's, which may differ from every member's.

A constant added to all logits of one exit and example drops out of the softmax. So the mean of logits, the mean of log-probabilities and
the normalised geometric mean of probabilities are one and the same ensemble, and recorded probabilities serve as well as logits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp

from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Need, Policy, check_tuning
from engine.policies.core.logit_store import combine
from engine.policies.core.online_rules import ExitOutputs
from engine.policies.core.registry import register
from engine.policies.core.scorer import CHUNK, Scored, Scorer, chunks
from engine.policies.methods.planned import PlannedFit
from engine.policies.methods.quotas import GeometricPlan
from engine.scores import one_score

#: Log-probabilities below this count as this: no ensemble answers with such a class, and float32 could not hold all of them.
LEAST = -1e4
#: Fit examples a class from which on class biases are trusted like weights; with fewer they are shrunk towards 0.
ROWS_PER_CLASS = 30


@dataclass(frozen=True, eq=False)
class EnsembleScorer(Scorer):
    """The top probability, as log-odds, and the top class of sum_j weight[k, j] z_j + bias[k].

    weight: (exits, exits), row k says what counts at exit k, lower triangular: nothing later than k does
    bias:   (exits, classes)
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def _of(self, outputs: Outputs) -> Scored:
        score = np.empty((outputs.exits, outputs.examples), np.float32)
        answer = np.empty((outputs.exits, outputs.examples), np.int32)
        for some, logits in chunks(outputs):
            for k in range(outputs.exits):
                combined = combine(self.weight[k, : k + 1], logits[: k + 1]) + self.bias[k]
                score[k, some] = one_score("maxprob", combined)
                answer[k, some] = combined.argmax(axis=-1)
        return Scored(score, answer)

    def score_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float32]:
        return self._together(exit, exit_outputs).score(exit, "maxprob")

    def answer_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.int32]:
        return self._together(exit, exit_outputs).top_class(exit)

    def _together(self, exit: int, exit_outputs: ExitOutputs) -> ExitOutputs:
        return exit_outputs.combined(exit, self.weight[exit, : exit + 1], self.bias[exit])


def committee_weights(exits: int) -> NDArray[np.float64]:
    """Every exit so far counts the same, (exits, exits)."""
    return np.tril(np.ones((exits, exits))) / np.arange(1, exits + 1)[:, None]


@dataclass(frozen=True, eq=False)
class ZtwHead:
    """The ensemble of one exit. log_weight: (members,); bias: (classes,)."""

    log_weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    @property
    def weight(self) -> NDArray[np.float64]:
        return np.exp(self.log_weight) / len(self.log_weight)


def fit_ztw(outputs: Outputs, steps: int = 100) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (exits, exits) and biases (exits, classes) of the geometric ensembles of Zero Time Waste, for `EnsembleScorer`.

    At exit k: log-score = mean over j <= k of exp(w_j) log p_j, plus b per class, by cross-entropy (form read in the authors' code).
    Their last exit, the network's own head, takes no part and answers alone; so it does here.
    Ours: a standard normal prior on w and b, which keeps them finite where few examples could be fitted perfectly, narrower on b where
    there are fewer than ROWS_PER_CLASS examples a class; and L-BFGS from w = b = 0 instead of a random start: without the prior the
    problem is convex in exp(w) and b, so the start does not matter.
    """
    weight, bias = np.eye(outputs.exits), np.zeros((outputs.exits, outputs.classes))
    for k in range(outputs.exits - 1):
        head = _fit_head(outputs, k + 1, steps)
        weight[k, : k + 1], bias[k] = head.weight, head.bias
    return weight, bias


def _fit_head(outputs: Outputs, members: int, steps: int) -> ZtwHead:
    # float32 holds the log-probabilities, float64 the sums: half the memory to read at every step, and no gradient lost.
    exit_outputs = np.empty((members, outputs.examples, outputs.classes), np.float32)
    for some, logits in chunks(outputs, slice(0, members)):
        exit_outputs[:, some] = np.maximum(log_softmax(logits, axis=-1), LEAST)

    # A class that the fit examples hardly show would learn from its absence alone that it never is the answer.
    shrink = max(1.0, ROWS_PER_CLASS * outputs.classes / outputs.examples)
    precision = np.concatenate([np.ones(members), np.full(outputs.classes, shrink)])

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        head = ZtwHead(parameters[:members], parameters[members:])
        value, slope = cross_entropy(head, exit_outputs, outputs.labels)
        pull = precision * parameters
        return value + 0.5 * float(pull @ parameters), slope + pull

    start = np.zeros(members + outputs.classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps, "ftol": 1e-9})
    return ZtwHead(found.x[:members], found.x[members:])


def cross_entropy(head: ZtwHead, exit_outputs: NDArray[np.float32], labels: NDArray[np.integer]) -> tuple[float, NDArray[np.float64]]:
    """Summed cross-entropy of the ensemble and its gradient, (members + classes,)."""
    value, by_weight, by_bias = 0.0, np.zeros(len(exit_outputs)), np.zeros(exit_outputs.shape[2])
    for start in range(0, len(labels), CHUNK):
        part, label = exit_outputs[:, start : start + CHUNK], labels[start : start + CHUNK]
        combined = combine(head.weight.astype(np.float32), part) + head.bias.astype(np.float32)
        row = np.arange(len(label))
        total = logsumexp(combined, axis=-1, keepdims=True)
        value += float((total[:, 0] - combined[row, label]).sum(dtype=np.float64))
        residual = np.exp(combined - total)
        residual[row, label] -= 1
        by_bias += residual.sum(axis=0, dtype=np.float64)
        by_weight += [float(np.vdot(residual, member)) for member in part]
    return value, np.concatenate([by_weight * head.weight, by_bias])


class _Ensemble(Policy):
    """Base of the policies below: subclasses weigh the members."""

    knob = "rho, the ratio between the quotas of neighbouring exits"
    needs = frozenset({Need.PROBABILITIES})

    def weigh(self, fit: Tuning) -> EnsembleScorer:
        raise NotImplementedError

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> PlannedFit:
        check_tuning(fit, calibration)
        return PlannedFit(GeometricPlan(calibration.cascade_cost(unit)), self.weigh(fit), calibration, unit)


@register
class ZeroTimeWaste(_Ensemble):
    """The ensemble half of Zero Time Waste. Its other half, heads that read the previous head's output, means training the network anew."""

    name = "ztw"
    title = "Zero Time Waste ensemble"
    source = "Wojcik et al. 2021, 2023: learned geometric ensembles, form read in the code; thresholds by geometric quotas: our choice."
    summary = "Nobody's opinion is thrown away: each exit votes together with all before it, with weights learned from examples."

    def weigh(self, fit: Tuning) -> EnsembleScorer:
        return EnsembleScorer(*fit_ztw(fit))


@register
class Committee(_Ensemble):
    """The mean of the logits of all exits so far, the last one's included; nothing is learned."""

    name = "committee"
    title = "Committee"
    source = (
        "After Wang et al. 2022 (Wisdom of Committees: average all outputs so far). Averaging logits, which is the geometric mean of the"
        " probabilities, and setting thresholds by geometric quotas: our choice."
    )
    summary = "Each exit's answer is the average of everything said so far: two who disagree are less sure than two who agree."

    def weigh(self, fit: Tuning) -> EnsembleScorer:
        return EnsembleScorer(committee_weights(fit.exits), np.zeros((fit.exits, fit.classes)))
