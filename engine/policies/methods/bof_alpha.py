"""The alpha rule: leave when at least alpha times as sure as a typical right answer of this exit.

After Passalis, Raitoharju, Tefas and Gabbouj (MMSP 2020), who ask for one interpretable knob from faster to more accurate and for balanced
exits; what they measure at each exit was not read. Our choice of statistic: mu_k, the mean top probability of the fit examples that exit k
gets right. An example leaves at the first exit with max-prob >= alpha * mu_k. At alpha = 1 it must be as sure as a typical right answer at
that depth; smaller is faster, larger is stricter. Because each exit is measured by its own habits, a modest early exit is not shut out,
which is what spreads the leavers over the exits.

An exit whose alpha * mu_k exceeds 1 is closed. So is one that got no fit example right, for every alpha above 0; alpha = 0 asks nothing of
anyone, and everybody leaves at the first exit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.base import Fitted, Policy, Rule, ThresholdSpec, check_tuning, lacks_score
from engine.policies.core.online_rules import ExitOutputs, SequentialOnlineRule
from engine.policies.core.registry import register
from engine.policies.core.thresholds import first_sure_exit
from engine.policies.methods.single import exact_curve, tied_note
from engine.route import Route


def mean_correct_confidence(outputs: Outputs) -> NDArray[np.float64]:
    """mu_k: mean top probability of the examples each exit gets right, (exits,); infinite where there is none."""
    sure = expit(outputs.scores["maxprob"].astype(np.float64))
    count = outputs.correct.sum(axis=1)
    mean = (sure * outputs.correct).sum(axis=1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.inf)


def relative_sureness(outputs: Outputs, mean_confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """How sure each exit is, as a multiple of what is typical for it, (exits, examples). 0 at an exit without a right answer."""
    return _relative(outputs.scores["maxprob"], mean_confidence[:, None])


def _relative(score: NDArray[np.float32], mean_confidence: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    # float64 tells top probabilities apart up to log-odds of 36; the float32 softmax would stop at 17.
    return expit(score.astype(np.float64)) / mean_confidence


@dataclass(frozen=True, eq=False)
class AlphaRule(Rule):
    """typical: (exits,), mu_k."""

    alpha: float
    mean_confidence: NDArray[np.float64]
    planned_cost: float
    note: str = ""

    @property
    def knob(self) -> Mapping[str, float]:
        return {"alpha": self.alpha}

    def threshold_spec(self) -> ThresholdSpec:
        wanted = self.alpha * self.mean_confidence[:-1] if self.alpha > 0 else np.zeros(len(self.mean_confidence) - 1)
        return ThresholdSpec("maxprob", np.where(wanted > 1, np.inf, logit(np.minimum(wanted, 1))))

    def route(self, outputs: Outputs) -> Route:
        sure = relative_sureness(outputs, self.mean_confidence)
        return Route.through(outputs, first_sure_exit(sure, np.full(outputs.exits - 1, self.alpha)))

    def online_rule(self, kind: CascadeKind) -> SequentialOnlineRule:
        return SequentialOnlineRule(self._leaves)

    def _leaves(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.bool_]:
        return _relative(exit_outputs.score(exit, "maxprob"), self.mean_confidence[exit]) >= self.alpha


@dataclass(frozen=True, eq=False)
class AlphaFit(Fitted):
    """The exact curve of cost against alpha. levels, cost: (steps,) increasing, see `single.exact_curve`; typical: (exits,)."""

    levels: NDArray[np.float64]
    cost: NDArray[np.float64]
    mean_confidence: NDArray[np.float64]

    @property
    def cheapest(self) -> float:
        return float(self.cost[0])

    def _solve(self, budget: float) -> AlphaRule:
        step = int(np.searchsorted(self.cost, budget * (1 + 1e-12), side="right")) - 1
        spent = float(self.cost[step])
        note = tied_note(spent, float(self.cost[step + 1]) if step + 1 < len(self.cost) else None, budget)
        return AlphaRule(float(self.levels[step]), self.mean_confidence, spent, note)


def strictest(mean_confidence: NDArray[np.float64]) -> float:
    """The least alpha that closes every exit but the last: no top probability exceeds 1."""
    return float(np.nextafter(1 / mean_confidence[:-1].min(initial=1.0), np.inf))


@register
class BofAlpha(Policy):
    name = "bof_alpha"
    title = "Alpha rule"
    source = "After Passalis et al. 2020 (bag-of-features early exits, MMSP); the mean top probability of right answers: our statistic."
    knob = "alpha, how sure to be as a multiple of what is typical for a right answer at this exit"
    summary = "Leave when you are at least as sure as this exit usually is when it is right."

    def unavailable_reason(self, outputs: Outputs) -> str | None:
        return super().unavailable_reason(outputs) or lacks_score(self, "maxprob", outputs)

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> AlphaFit:
        check_tuning(fit, calibration)
        mean_confidence = mean_correct_confidence(fit)
        levels, cost = exact_curve(relative_sureness(calibration, mean_confidence), calibration.cascade_cost(unit))
        # On these examples the lowest level lets everybody out, which 0 does on any; the infinite one nobody, which `strictest` does.
        levels[0] = 0.0
        return AlphaFit(np.minimum(levels, strictest(mean_confidence)), cost, mean_confidence)
