"""EENet: learned exit scores and a learned assignment of examples to exits under a budget (Ilhan et al., WACV 2024; read in the code).

From the paper: each exit gets a score q_k, the probability that it is correct, computed from its class probabilities, summaries of them and
the scores of the exits before. An assignment r, a distribution over exits for each example, favours exits with high q and keeps the mean
cost at the budget. The mean of r gives the share of examples that should leave at each exit, and thresholds on q are set to match. At test
time only q and the thresholds are used.

Our choices:
- q is a logistic regression with an L2 penalty, fitted until it converges. It reads the largest log-probabilities, entropy, margin, top
  probability, log-odds and the predicted class of the exit, and the log-odds of the exits before. Probabilities, which the original reads,
  saturate at 1. The loss is convex, so nothing depends on a seed, a learning rate or the length of training.
- r_k is proportional to q_k^beta exp(-mu c_k). mu is solved for so that the plan costs exactly the budget; the original has a term in its
  loss instead. For each budget, beta is the value in `BETAS` with the best accuracy on the fit examples; this replaces the original's
  choice among ten restarts by validation accuracy. Geometric quotas are not among the candidates.
- Where there are no logits, q reads every recorded score and feature of the exit and what is known before any stage runs, in place of
  what is computed from its logits. Its target is the quality, also where that is graded.
- Scores are learned on the fit split. Shares and thresholds are set on the calibration split. A plan that does worse there than the random
  mix loses exits, see `planned`.
- One set of scores serves all budgets and all units of cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import log_expit

from engine.exit_values import Quality, at_exits
from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Need, Policy, PolicyGroup, check_tuning
from engine.policies.core.features import Feature
from engine.policies.core.logistic import fit_logistic
from engine.policies.core.logit_summary import summarize
from engine.policies.core.online_rules import ExitOutputs
from engine.policies.core.recorded_features import RecordedFeatures
from engine.policies.core.registry import register_policy
from engine.policies.core.saved_types import Cascade, finite, register_saved
from engine.policies.core.scorer import Scored, Scorer
from engine.policies.methods.letting_out import ByConfidence
from engine.policies.methods.planned import Plan, PlannedFit, Shares, planned_counts
from engine.scores import one_score

#: How many of the largest log-probabilities a score reads.
TOP = 10
#: Log-odds are clipped here: beyond it, more confidence carries no information.
CLIP = 30.0
#: Strength of the L2 penalty on the weights of standardised features, as for the gates of `bolukbasi`.
L2 = 10.0
#: A class gets its own weight if an exit predicts it for at least FREQUENT fit examples; of these, the MAX_CLASSES most frequent.
FREQUENT, MAX_CLASSES = 20, 100
#: Two exits whose costs differ by less than this share of the last exit's are treated as equal.
CLOSEST = 1e-9
#: The log-odds of an exit that failed, minus infinity, count as these in a plan, where they are multiplied by beta, which may be 0.
FAILED = -1e30
#: How strongly the assignment favours exits that are likely to be correct; at 0 all examples get the same assignment.
BETAS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


@register_saved("exit_weights")
@dataclass(frozen=True, eq=False)
class ExitWeights(Feature):
    """The weighted features of one exit: the part of its score that needs no other exit.

    features: (top + 4,) weights of `summaries`, in their own units
    by_class: (classes,) weight of each predicted class
    bias:     a number
    """

    features: NDArray[np.float64]
    by_class: NDArray[np.float64]
    bias: float

    def of(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        xp, there = array_namespace(logits), device(logits)
        weights, by_class = (xp.asarray(array, device=there) for array in (self.features, self.by_class))
        # Row by row: in a matrix product an example's last digit may depend on its neighbours, and thresholds are sensitive to it.
        weighted = xp.sum(summaries(logits) * weights, axis=1)
        return weighted + xp.take(by_class, xp.argmax(logits, axis=1), axis=0) + self.bias

    def fits(self, cascade: Cascade) -> bool:
        features = min(TOP, cascade.classes) + 4
        return finite(self.features, features) and finite(self.by_class, cascade.classes) and bool(np.isfinite(self.bias))


def summaries(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """The inputs of an exit's score besides its predicted class: its `summarize` and the log-odds of its top probability.

    logits (examples, classes) -> (examples, min(TOP, classes) + 4)
    """
    xp = array_namespace(logits)
    log_odds = xp.clip(xp.astype(one_score("maxprob", logits), xp.float64), -CLIP, CLIP)
    return xp.concat([summarize(logits, TOP), log_odds[:, None]], axis=1)


@register_saved("eenet_scores")
@dataclass(frozen=True, eq=False)
class EENetScorer(Scorer):
    """The probability that each exit is correct, as log-odds.

    exits:   (exits,) the weights of each exit's own features
    history: (exits, exits) strictly lower triangular, weights of the log-odds of the exits before
    """

    exits: Sequence[ExitWeights]
    history: NDArray[np.float64]

    def _of(self, outputs: Outputs) -> Scored:
        own = np.stack([weights.of(logits) for weights, logits in zip(self.exits, outputs.known_logits, strict=True)])
        return Scored.by_exit(with_history(own, self.history).astype(np.float32), outputs)

    def score_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float32]:
        own = np.stack([exit_outputs.read(k, self.exits[k]) for k in range(exit + 1)])
        return with_history(own, self.history)[exit].astype(np.float32)

    def fits(self, cascade: Cascade) -> bool:
        return len(self.exits) == cascade.exits and finite(self.history, cascade.exits, cascade.exits)


@register_saved("recorded_eenet_scores")
@dataclass(frozen=True, eq=False)
class RecordedEENetScorer(Scorer):
    """The same from what is recorded of the exits, where there are no logits.

    weight:  (exits, columns) of the recorded columns, bias: (exits,)
    history: as in `EENetScorer`
    """

    recorded: RecordedFeatures
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    history: NDArray[np.float64]

    @property
    def known_while_running(self) -> bool:
        return self.recorded.known_while_running

    def _of(self, outputs: Outputs) -> Scored:
        own = np.stack([self._own(k, self.recorded.at(k, outputs)) for k in range(outputs.exits)])
        score = with_history(own, self.history).astype(np.float32)
        score[np.stack([self.recorded.failed(k, outputs) for k in range(outputs.exits)])] = -np.inf
        return Scored.by_exit(score, outputs)

    def score_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float32]:
        own = np.stack([self._own(k, self.recorded.while_running(k, exit_outputs)) for k in range(exit + 1)])
        return with_history(own, self.history)[exit].astype(np.float32)

    def fits(self, cascade: Cascade) -> bool:
        weights = finite(self.weight, cascade.exits, self.recorded.columns) and finite(self.bias, cascade.exits)
        return weights and finite(self.history, cascade.exits, cascade.exits)

    def _own(self, exit: int, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        # Row by row: in a matrix product an example's last digit may depend on its neighbours.
        return (columns * self.weight[exit]).sum(axis=1) + self.bias[exit]


def with_history(own: NDArray[np.float64], history: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weighted features of the first exits, (first exits, examples) -> log-odds that each of them is correct, same shape."""
    log_odds = own.copy()
    for k in range(len(own)):
        for j in range(k):
            log_odds[k] += history[k, j] * log_odds[j].clip(-CLIP, CLIP)
    return log_odds


def learn_recorded_scores(fit: Outputs, l2: float = L2) -> RecordedEENetScorer:
    """As `learn_scores`, from recorded scores and features."""
    recorded = RecordedFeatures.learned_on(fit)
    weight, bias = np.zeros((fit.exits, recorded.columns)), np.zeros(fit.exits)
    history = np.zeros((fit.exits, fit.exits))
    earlier = np.empty((fit.examples, 0))
    for k in range(fit.exits):
        columns, learns = recorded.at(k, fit), ~recorded.failed(k, fit)
        if not learns.any():
            learns[:] = True  # as good as nothing: its quality is 0
        learned, bias[k] = fit_logistic(np.concatenate([columns, earlier], axis=1)[learns], fit.quality[k, learns], l2)
        weight[k], history[k, :k] = learned[: recorded.columns], learned[recorded.columns :]
        log_odds = (columns * weight[k]).sum(axis=1) + bias[k] + (earlier * history[k, :k]).sum(axis=1)
        earlier = np.concatenate([earlier, log_odds.clip(-CLIP, CLIP)[:, None]], axis=1)
    return RecordedEENetScorer(recorded, weight, bias, history)


def learn_scores(fit: Outputs, l2: float = L2) -> EENetScorer:
    """Fit the scores exit by exit, each with the scores of the exits before it as inputs."""
    exits: list[ExitWeights] = []
    history = np.zeros((fit.exits, fit.exits))
    earlier: list[NDArray[np.float64]] = []
    for k, logits in enumerate(fit.known_logits):
        predicted = logits.argmax(axis=1)
        own = summaries(logits)
        classes = _frequent(predicted, fit.classes)
        columns = [own, predicted[:, None] == classes, *(log_odds[:, None] for log_odds in earlier)]
        weight, bias = fit_logistic(np.concatenate(columns, axis=1), fit.quality[k], l2)
        by_class = np.zeros(fit.classes)
        own_end, class_end = own.shape[1], own.shape[1] + len(classes)
        by_class[classes] = weight[own_end:class_end]
        history[k, :k] = weight[class_end:]
        exits.append(ExitWeights(weight[:own_end], by_class, bias))
        log_odds = exits[k].of(logits) + sum(w * before for w, before in zip(history[k], earlier, strict=False))
        earlier.append(log_odds.clip(-CLIP, CLIP))
    return EENetScorer(exits, history)


def _frequent(predicted: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """The classes that are predicted often enough to have a weight of their own, rising."""
    count = np.bincount(predicted, minlength=classes)
    most = np.argsort(-count, kind="stable")[:MAX_CLASSES]
    return np.sort(most[count[most] >= FREQUENT])


@dataclass(frozen=True, eq=False)
class Pull:
    """How strongly each exit attracts each example, for one beta, before cost has a price.

    pull: (exits, examples) q^beta, each example's largest 1
    cost: (exits,) cumulative, as shares of the last
    """

    pull: NDArray[np.float64]
    cost: NDArray[np.float64]

    @classmethod
    def of(cls, log_q: NDArray[np.float64], beta: float, exit_cost: NDArray[np.float64]) -> "Pull":
        """log_q (exits, examples), exit_cost (exits,)"""
        log_pull = beta * (log_q - log_q.max(axis=0))
        return cls(np.exp(np.maximum(log_pull, -300.0)), exit_cost / exit_cost[-1])

    def shares(self, mu: float) -> NDArray[np.float64]:
        """The mean of r_k over examples, (exits,), where r_k is proportional to q_k^beta exp(-mu c_k)."""
        discount = -mu * self.cost
        weight = self.pull * np.exp(discount - discount.max())[:, None]
        return (weight / weight.sum(axis=0)).mean(axis=1)

    def at_budget(self, budget: float) -> tuple[NDArray[np.float64], float]:
        """The shares that cost `budget`, a share of the last exit's cost, and their mu. At both ends of the range mu is just large."""

        def overspent(mu: float) -> float:
            return float(self.cost @ self.shares(mu)) - budget

        # At this mu all examples go to one end: the weights of neighbouring exits differ by a factor of at least e^50, whatever their pull.
        limit = (50 - float(np.log(self.pull.min()))) / max(np.diff(self.cost).min(initial=1.0), CLOSEST)
        if overspent(limit) >= 0:
            mu = limit
        elif overspent(-limit) <= 0:
            mu = -limit
        else:
            reach = 4.0
            while reach < limit and overspent(reach) * overspent(-reach) > 0:
                reach *= 4
            mu = cast(float, brentq(overspent, -min(reach, limit), min(reach, limit), xtol=1e-9))
        return self.shares(mu), mu


@dataclass(frozen=True, eq=False)
class EENetPlan(Plan):
    """Shares from the scores of the calibration examples; how strongly they follow the scores (beta), from the fit examples.

    fit_score, score: (exits, examples) log-odds on fit and on calibration
    fit_ids, fit_quality: (examples,), (exits, examples)
    """

    exit_cost: NDArray[np.float64]
    fit_score: NDArray[np.float32]
    fit_ids: NDArray[np.int64]
    fit_quality: Quality
    score: NDArray[np.float32]
    _beta: dict[float, float] = field(default_factory=dict, init=False, repr=False)
    _pulls: dict[tuple[bool, float], Pull] = field(default_factory=dict, init=False, repr=False)

    def shares(self, budget: float, kept: Sequence[int]) -> Shares:
        if budget not in self._beta:  # chosen once, over all exits, whichever of them are left out later
            self._beta[budget] = max(BETAS, key=lambda beta: self._fit_accuracy(budget, beta))
        leaving, mu = self._leaving(budget, tuple(kept), self._beta[budget], on_fit=False)
        return Shares(leaving, {"beta": self._beta[budget], "mu": mu})

    @cached_property
    def _fit_by_confidence(self) -> ByConfidence:
        return ByConfidence.of(self.fit_score, self.fit_ids)

    def _fit_accuracy(self, budget: float, beta: float) -> float:
        leaving, _ = self._leaving(budget, tuple(range(len(self.exit_cost))), beta, on_fit=True)
        counts = planned_counts(leaving, len(self.fit_ids), self.exit_cost)
        exit = self._fit_by_confidence.let_out(counts).exit
        return float(at_exits(self.fit_quality, exit).mean(dtype=np.float64))

    def _leaving(self, budget: float, kept: tuple[int, ...], beta: float, on_fit: bool) -> tuple[NDArray[np.float64], float]:
        """Planned share of examples leaving at each exit, (exits,), and its mu."""
        which, every = list(kept), len(kept) == len(self.exit_cost)
        pull = self._pulls.get((on_fit, beta)) if every else None
        if pull is None:
            score = (self.fit_score if on_fit else self.score)[which].astype(np.float64)
            log_q = log_expit(np.maximum(score, FAILED))
            pull = Pull.of(log_q, beta, self.exit_cost[which])
        if every:  # over all budgets, thousands of other subsets may be tried: too many to cache
            self._pulls[on_fit, beta] = pull
        leaving = np.zeros(len(self.exit_cost))
        leaving[which], mu = pull.at_budget(budget / self.exit_cost[which[-1]])
        return leaving, mu


@register_policy
class EENet(Policy):
    """The result depends on the data and the budget alone, not on a seed or on the budgets solved before."""

    name = "eenet"
    title = "EENet"
    source = (
        "Ilhan et al., WACV 2024, read in the code git-disl/EENet. Scores by converged logistic regression, shares that meet each budget"
        " exactly, their sharpness chosen on the fit examples: our choice."
    )
    knob = "mu, how strongly cost counts against an exit when the plan assigns examples to exits"
    summary = "Each exit learns how likely it is to be correct; a plan for the budget then sets how many examples leave at each exit."
    group = PolicyGroup.LEARNED
    formula = "leave at the first exit k with q_k ≥ t_k; q_k ≈ P(exit k is correct), t_k from the plan r_k ∝ exp(β log q_k − μ c_k)"
    use_when = "A budget must be met, and correctness can be predicted better than by the top probability."
    needs = frozenset({Need.FEATURES})

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> PlannedFit:
        check_tuning(fit, calibration)
        scorer = learn_recorded_scores(fit) if fit.logits is None else learn_scores(fit)
        exit_cost = calibration.mean_cascade_cost(unit)
        plan = EENetPlan(exit_cost, scorer.of(fit).score, fit.ids, fit.quality, scorer.of(calibration).score)
        return PlannedFit(plan, scorer, calibration, unit)
