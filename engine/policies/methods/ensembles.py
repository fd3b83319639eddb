"""Ensembles of the exits passed so far: their outputs have been paid for, so they may as well be used.

Both policies predict with a geometric ensemble, whose log-score is a weighted mean of the log-probabilities so far, and leave when its top
probability reaches thresholds set by geometric quotas. The prediction is the ensemble's, which may differ from that of every member.

A constant added to all logits of one exit and example cancels in the softmax. So the mean of logits, the mean of log-probabilities and the
normalised geometric mean of probabilities are the same ensemble, and recorded probabilities work as well as logits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp

from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Need, Policy, PolicyGroup, check_tuning
from engine.policies.core.logit_store import combine
from engine.policies.core.online_rules import ExitOutputs
from engine.policies.core.registry import register_policy
from engine.policies.core.saved_types import Cascade, finite, register_saved
from engine.policies.core.scorer import CHUNK, Scored, Scorer, chunks
from engine.policies.methods.planned import PlannedFit
from engine.policies.methods.quotas import GeometricPlan
from engine.scores import one_score

#: Log-probabilities are clipped here: no ensemble predicts such a class, and float32 could not hold all of them.
LEAST = -1e4
#: Fit examples per class from which class biases get the same prior as weights; with fewer they are shrunk towards 0.
ROWS_PER_CLASS = 30


@register_saved("ensemble")
@dataclass(frozen=True, eq=False)
class EnsembleScorer(Scorer):
    """The top probability, as log-odds, and the top class of sum_j weight[k, j] z_j + bias[k].

    weight: (exits, exits), row k holds the weights at exit k; lower triangular, because later exits have not run
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
        return Scored(score, answer, answer == outputs.known_labels)

    def score_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float32]:
        return self._ensemble(exit, exit_outputs).score(exit, "maxprob")

    def answer_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.int32]:
        return self._ensemble(exit, exit_outputs).top_class(exit)

    def fits(self, cascade: Cascade) -> bool:
        return finite(self.weight, cascade.exits, cascade.exits) and finite(self.bias, cascade.exits, cascade.classes)

    def _ensemble(self, exit: int, exit_outputs: ExitOutputs) -> ExitOutputs:
        return exit_outputs.combined(exit, self.weight[exit, : exit + 1], self.bias[exit])


def committee_weights(exits: int) -> NDArray[np.float64]:
    """Equal weights for all exits so far, (exits, exits)."""
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

    At exit k: log-score = mean over j <= k of exp(w_j) log p_j, plus b per class, fitted by cross-entropy (form read in the authors' code).
    As in the original, the last exit, the network's own head, is not part of an ensemble and predicts alone.
    Ours: a standard normal prior on w and b, which keeps them finite where a few examples could be fitted perfectly, narrower on b with
    fewer than ROWS_PER_CLASS examples per class; and L-BFGS from w = b = 0 instead of a random start. Without the prior the problem is
    convex in exp(w) and b, so the start does not matter.
    """
    weight, bias = np.eye(outputs.exits), np.zeros((outputs.exits, outputs.classes))
    for k in range(outputs.exits - 1):
        head = _fit_head(outputs, k + 1, steps)
        weight[k, : k + 1], bias[k] = head.weight, head.bias
    return weight, bias


def _fit_head(outputs: Outputs, members: int, steps: int) -> ZtwHead:
    # float32 for the log-probabilities, float64 for the sums: half the memory to read at every step, and no loss in the gradient.
    log_p = np.empty((members, outputs.examples, outputs.classes), np.float32)
    for some, logits in chunks(outputs, slice(0, members)):
        log_p[:, some] = np.maximum(log_softmax(logits, axis=-1), LEAST)

    # The bias of a class that is rare among the fit examples would learn from its absence alone that it is never correct.
    shrink = max(1.0, ROWS_PER_CLASS * outputs.classes / outputs.examples)
    precision = np.concatenate([np.ones(members), np.full(outputs.classes, shrink)])

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        head = ZtwHead(parameters[:members], parameters[members:])
        value, slope = cross_entropy(head, log_p, outputs.known_labels)
        pull = precision * parameters
        return value + 0.5 * float(pull @ parameters), slope + pull

    start = np.zeros(members + outputs.classes)
    optimum = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps, "ftol": 1e-9}).x
    return ZtwHead(optimum[:members], optimum[members:])


def cross_entropy(head: ZtwHead, log_p: NDArray[np.float32], labels: NDArray[np.integer]) -> tuple[float, NDArray[np.float64]]:
    """Summed cross-entropy of the ensemble and its gradient, (members + classes,). log_p: (members, examples, classes)"""
    value, by_weight, by_bias = 0.0, np.zeros(len(log_p)), np.zeros(log_p.shape[2])
    for start in range(0, len(labels), CHUNK):
        part, label = log_p[:, start : start + CHUNK], labels[start : start + CHUNK]
        combined = combine(head.weight.astype(np.float32), part) + head.bias.astype(np.float32)
        row = np.arange(len(label))
        total = np.asarray(logsumexp(combined, axis=-1, keepdims=True))
        value += float((total[:, 0] - combined[row, label]).sum(dtype=np.float64))
        residual = np.exp(combined - total)
        residual[row, label] -= 1
        by_bias += residual.sum(axis=0, dtype=np.float64)
        by_weight += [float(np.vdot(residual, member)) for member in part]
    return value, np.concatenate([by_weight * head.weight, by_bias])


class _Ensemble(Policy):
    """Base of the policies below: subclasses define the weights of the members."""

    knob = "rho, the ratio between the quotas of neighbouring exits"
    needs = frozenset({Need.PROBABILITIES, Need.CLASSES})

    def weigh(self, fit: Tuning) -> EnsembleScorer:
        raise NotImplementedError

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> PlannedFit:
        check_tuning(fit, calibration)
        return PlannedFit(GeometricPlan(calibration.mean_cascade_cost(unit)), self.weigh(fit), calibration, unit)


@register_policy
class ZeroTimeWaste(_Ensemble):
    """The ensemble half of Zero Time Waste. Its other half, heads that read the previous head's output, requires retraining the network."""

    name = "ztw"
    title = "Zero Time Waste ensemble"
    source = "Wołczyk et al. 2021: learned geometric ensembles, form read in the code. Thresholds by geometric quotas: our choice."
    summary = "Each exit but the last predicts together with all exits before it, with learned weights, so that no output is wasted."
    group = PolicyGroup.LEARNED
    formula = "leave at the first exit k with max p̃_k ≥ t_k; p̃_k ∝ Π p_j^{w_jk} over the exits j ≤ k"
    use_when = "Early exits make different mistakes, so that an ensemble of them is better than the last of them."

    def weigh(self, fit: Tuning) -> EnsembleScorer:
        return EnsembleScorer(*fit_ztw(fit))


@register_policy
class Committee(_Ensemble):
    """The mean of the logits of all exits so far, including the last; nothing is learned."""

    name = "committee"
    title = "Committee"
    source = (
        "After Wang et al. 2022 (Wisdom of Committees: average all outputs so far). Averaging logits, which is the geometric mean of the"
        " probabilities, and thresholds by geometric quotas: our choice."
    )
    summary = "Each exit predicts with the average of all exits so far, which is more confident when they agree."
    formula = "leave at the first exit k with max p̄_k ≥ t_k; p̄_k = mean of p_1 … p_k"
    use_when = "Early exits make different mistakes, and nothing should be learned."

    def weigh(self, fit: Tuning) -> EnsembleScorer:
        return EnsembleScorer(committee_weights(fit.exits), np.zeros((fit.exits, fit.classes)))
