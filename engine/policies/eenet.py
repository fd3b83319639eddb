"""EENet: learned exit scores and a learned assignment of examples to exits under a budget (Ilhan et al., WACV 2024; read in the code).

The method. Each exit gets a score q_k, how likely it is to be right, from its class probabilities, two summaries of them, and the scores
of the exits before. An assignment r_k, a distribution over exits, is drawn towards where q is high and keeps the mean cost at the budget.
The mean of r says how many shall leave at each exit, and thresholds on q let that many out. At test time only q and thresholds are used.

Where ours differs, on purpose:
- Scores are log-odds throughout: in learning, in thresholds, at test time. The original clips them in one place only.
- Assignment logits are free. The original squashes them into (0, 1) before the softmax, which keeps every share far from 0 and from 1.
- The budget is met exactly, by shifting every assignment logit by -mu c_k and solving for the one mu, instead of by a term of the loss.
  That term pushes the shares to the two ends: KL(pi || r) hardly minds if all exits between become rare, and accuracy does.
- So one scheduler serves all budgets. Nothing is learned when a slider moves, scores stay put while thresholds move, and a budget's rule
  does not depend on which budgets were asked before. The original learns ten schedulers a budget and keeps one.
- Learning happens on the fit split; shares and thresholds are set on the calibration split.

What is learned is kept as plain arrays (`Scheduler`) and evaluated here, in numpy; `eenet_training` finds them, with torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, log_softmax, softmax

from engine.outputs import Outputs, Tuning
from engine.policies.base import Fitted, Need, Policy, check_tuning
from engine.policies.quotas import thresholds_for
from engine.policies.reading import Reading
from engine.policies.registry import register
from engine.policies.scorer import Scored, Scorer, ScorerRule, chunks
from engine.policies.stepper import Said


def exit_features(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """What scores are made of: logits (..., classes) -> (..., classes + 2).

    Probabilities, the top one again, and 1 - entropy / log C, which is 1 for a sure exit and 0 for one that knows nothing.
    """
    log_p = log_softmax(logits, axis=-1)
    p = np.exp(log_p)
    # log_p is finite, however small p: no 0 * log 0.
    certainty = 1 + (p * log_p).sum(axis=-1, keepdims=True) / np.log(logits.shape[-1])
    return np.concatenate([p, p.max(axis=-1, keepdims=True), certainty], axis=-1)


@dataclass(frozen=True, eq=False)
class Scheduler:
    """Everything learned, for K exits, F = classes + 2 features and H hidden units.

    center, scale: (K, F), standardise the features
    score:         (K, F), score_history (K, K) strictly lower, score_bias (K,): log-odds that exit k is right
    hidden:        (K, F, H), hidden_history (K, K, H): [exit, earlier exit, unit], zero unless earlier; hidden_bias (K, H)
    assign:        (K, H), assign_bias (K,): assignment logits
    """

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    score: NDArray[np.float64]
    score_history: NDArray[np.float64]
    score_bias: NDArray[np.float64]
    hidden: NDArray[np.float64]
    hidden_history: NDArray[np.float64]
    hidden_bias: NDArray[np.float64]
    assign: NDArray[np.float64]
    assign_bias: NDArray[np.float64]

    def features(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits (K, n, classes) -> standardised features (K, n, F). Of the first exits only, if no more are given; so below."""
        first = slice(len(logits))
        return (exit_features(logits) - self.center[first, None]) / self.scale[first, None]

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardised features (K, n, F) -> log-odds that each exit is right, (K, n)."""
        return self.with_history(np.stack([summed(x, u) for x, u in zip(features, self.score[: len(features)], strict=True)]))

    def with_history(self, own: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the features of each exit weigh, (K, n) -> log-odds that each exit is right, (K, n)."""
        log_odds = own + self.score_bias[: len(own), None]
        for k in range(len(log_odds)):
            for j in range(k):
                log_odds[k] += self.score_history[k, j] * expit(log_odds[j])
        return log_odds

    def assignment(self, features: NDArray[np.float64], log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Features (K, n, F) and scores (K, n) -> assignment logits (K, n), before any budget."""
        history = np.einsum("kjh,jn->knh", self.hidden_history, expit(log_odds))
        active = expit(features @ self.hidden + history + self.hidden_bias[:, None])
        return np.einsum("knh,kh->kn", active, self.assign) + self.assign_bias[:, None]


def summed(features: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, F), (F,) -> (n,), row by row: in a matrix product an example's last digit may depend on its neighbours, and thresholds see it."""
    return (features * weight).sum(axis=-1)


@dataclass(frozen=True, eq=False)
class OwnWeight(Reading):
    """What the features of one exit weigh in its score, (examples,). center, scale, weight: (F,) of a `Scheduler`"""

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    weight: NDArray[np.float64]

    def of(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        return summed((exit_features(logits.astype(np.float64)) - self.center) / self.scale, self.weight)


@dataclass(frozen=True, eq=False)
class EENetScorer(Scorer):
    """How likely each exit is right, as log-odds."""

    scheduler: Scheduler

    def _of(self, outputs: Outputs) -> Scored:
        score = np.empty((outputs.exits, outputs.examples), np.float32)
        for some, logits in chunks(outputs):
            score[:, some] = self.scheduler.scores(self.scheduler.features(logits))
        return Scored(score, outputs.prediction)

    def score_at(self, exit: int, said: Said) -> NDArray[np.float32]:
        own = np.stack([said.read(k, self._own[k]) for k in range(exit + 1)])
        return self.scheduler.with_history(own)[exit].astype(np.float32)

    @cached_property
    def _own(self) -> Sequence[Reading]:
        learned = self.scheduler
        return [OwnWeight(*of_exit) for of_exit in zip(learned.center, learned.scale, learned.score, strict=True)]


def keep_to_budget(assignment: NDArray[np.floating], exit_cost: NDArray[np.float64], budget: float) -> tuple[NDArray[np.floating], float]:
    """r_k = softmax_k(s_k - mu c_k / c_K), (K, n), and the mu at which its mean cost is the budget.

    assignment: s, (K, n); exit_cost: (K,) increasing; budget: in the unit of the costs
    The cost falls from c_K to c_1 as mu rises, so there is one such mu; at the two ends, where it would be infinite, mu is merely large.
    """
    price = exit_cost / exit_cost[-1]

    def shares(mu: float) -> NDArray[np.floating]:
        return softmax(assignment - mu * price[:, None], axis=0)

    def overspent(mu: float) -> float:
        return float(price @ shares(mu).mean(axis=1)) - budget / exit_cost[-1]

    # So large a mu sends all to one end: neighbours are then apart by e^50 and more, whatever the assignment.
    limit = (50 + float(np.ptp(assignment))) / np.diff(price).min(initial=1.0)
    if overspent(limit) >= 0:
        mu = limit
    elif overspent(-limit) <= 0:
        mu = -limit
    else:
        mu = float(brentq(overspent, -limit, limit, xtol=1e-9))
    return shares(mu), mu


@dataclass(frozen=True, eq=False)
class EENetFit(Fitted):
    """A learned scheduler and the calibration examples that plans are made on. exit_cost: (exits,) cumulative."""

    scorer: EENetScorer
    calibration: Tuning
    exit_cost: NDArray[np.float64]

    @property
    def cheapest(self) -> float:
        return float(self.exit_cost[0])

    @cached_property
    def _assignment(self) -> NDArray[np.float64]:
        scheduler, score = self.scorer.scheduler, self.scorer.of(self.calibration).score
        assignment = np.empty(score.shape)
        for some, logits in chunks(self.calibration):
            assignment[:, some] = scheduler.assignment(scheduler.features(logits), score[:, some])
        return assignment

    def plan(self, budget: float) -> tuple[NDArray[np.float64], float]:
        """Shares meant to leave at each exit, (exits,), and the mu that makes them cost the budget."""
        r, mu = keep_to_budget(self._assignment, self.exit_cost, budget)
        return r.mean(axis=1), mu

    def _solve(self, budget: float) -> ScorerRule:
        shares, mu = self.plan(budget)
        thresholds = thresholds_for(shares, self.scorer.of(self.calibration).score)
        return ScorerRule(self.scorer, thresholds, {"mu": mu}, float(shares @ self.exit_cost))


@register
class EENet(Policy):
    """What comes out depends on the data, the seed and the budget asked, and on nothing else: not on which budgets were asked before."""

    name = "eenet"
    title = "EENet"
    source = "Ilhan et al., WACV 2024, read in the code git-disl/EENet, corrected; one scheduler for all budgets, each met exactly: ours."
    knob = "mu, what the cost of the full network takes off the pull of an exit"
    student = "A small network learns how far to trust each exit, and another how many should leave where, so that the budget is kept."
    needs = frozenset({Need.PROBABILITIES})

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> EENetFit:
        check_tuning(fit, calibration)
        from engine.policies.eenet_training import learn  # torch: slow to import, and listing the policies needs none of it

        exit_cost = calibration.cascade_cost(unit)
        return EENetFit(EENetScorer(learn(fit, exit_cost, self.seed)), calibration, exit_cost)
