"""Temperature scaling: one number an exit that makes its probabilities honest (Guo et al. 2017).

T_k minimises the negative log-likelihood of softmax(z / T_k) on the fit split. No answer changes, and so no accuracy of any exit.

When does it change a policy at all?
- A threshold shared by all exits: yes. An exit that brags and one that is modest become comparable, so "90% sure" means the same at both.
- A threshold of each exit's own, set by quotas: only where dividing by T reorders the examples of that exit. With two classes it never
  does (max-prob grows with |z1 - z2| / T). With more it can, because the top probability weighs all the gaps to the other classes, and
  T decides how much the distant ones count.
- The largest logit under quotas: never.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import softmax

from engine.errors import UserError
from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Fitted, Need, Policy, Rule, check_tuning
from engine.policies.core.mixing import MixedRule
from engine.policies.core.online_rules import ExitOutputs
from engine.policies.core.registry import register
from engine.policies.core.scorer import Scored, Scorer, chunks
from engine.policies.core.thresholds import ThresholdRule
from engine.policies.methods.single import SingleThreshold
from engine.scores import one_score

#: A fit that wants to leave this range has too few examples, or only right ones, to say how sure is sure.
SHARPEST, FLATTEST = 0.05, 20.0


def fit_temperatures(outputs: Outputs) -> NDArray[np.float64]:
    """The temperature of every exit that makes the labels likeliest, (exits,), kept within [0.05, 20].

    The negative log-likelihood is convex in 1 / T, so its derivative has one root; no step size, no starting point.
    """
    return np.array([_fit_temperature(outputs, k) for k in range(outputs.exits)])


def _fit_temperature(outputs: Outputs, k: int) -> float:
    def slope(log_inverse: float) -> float:
        """Derivative of the summed negative log-likelihood by 1 / T: the mean logit expected minus the logit of the label."""
        inverse, total = np.exp(log_inverse), 0.0
        for some, logits in chunks(outputs, k):
            z = logits - logits.max(axis=-1, keepdims=True)
            expected = (softmax(inverse * z, axis=-1) * z).sum(axis=-1)
            total += float((expected - z[np.arange(len(z)), outputs.labels[some]]).sum())
        return total

    low, high = -np.log(FLATTEST), -np.log(SHARPEST)
    if slope(low) >= 0:
        return FLATTEST
    if slope(high) <= 0:
        return SHARPEST
    return float(np.exp(-brentq(slope, low, high, xtol=1e-6)))


@dataclass(frozen=True, eq=False)
class TemperatureScorer(Scorer):
    """Any score of `engine.scores`, of logits divided by their exit's temperature, (exits,)."""

    score: str
    temperature: NDArray[np.float64]

    def _of(self, outputs: Outputs) -> Scored:
        score = np.empty((outputs.exits, outputs.examples), np.float32)
        for some, logits in chunks(outputs):
            score[:, some] = one_score(self.score, self._inverse[:, None, None] * logits)
        return Scored(score, outputs.prediction)

    def score_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float32]:
        return exit_outputs.combined(exit, self._inverse[exit : exit + 1]).score(exit, self.score)

    @property
    def _inverse(self) -> NDArray[np.float64]:
        return 1 / self.temperature


def fit_calibrated(base: Policy, score: str, fit: Tuning, calibration: Tuning, unit: str) -> "CalibratedFit":
    """A policy over one score, fitted to that score of calibrated logits: temperatures from `fit`, its own knobs from `calibration`."""
    check_tuning(fit, calibration)
    scorer = TemperatureScorer(score, fit_temperatures(fit))
    cooled = [replace(part, scores={score: scorer.of(part).score}) for part in (fit, calibration)]
    return CalibratedFit(scorer, base.fit(*cooled, unit))


@dataclass(frozen=True, eq=False)
class CalibratedFit(Fitted):
    """Rules as `by_score` sets them on recorded scores, obeyed on the scores of `scorer`.

    by_score: fitted to the scores of `scorer` as if they had been recorded
    """

    scorer: TemperatureScorer
    by_score: Fitted

    @property
    def cheapest(self) -> float:
        return self.by_score.cheapest

    def _solve(self, budget: float) -> Rule:
        return self._rescored(self.by_score.solve(budget))

    def _rescored(self, rule: Rule) -> Rule:
        if isinstance(rule, ThresholdRule):
            return replace(rule, scorer=self.scorer)
        if isinstance(rule, MixedRule):
            return replace(rule, cheap=self._rescored(rule.cheap), costly=self._rescored(rule.costly))
        return rule  # it goes by no score


class Calibrated(Policy):
    """Any policy that goes by one score, on calibrated logits. What that changes, and what it cannot, is said above."""

    def __init__(self, base: Policy) -> None:
        score = getattr(base, "score", None)
        if score is None:
            raise UserError(f"{base.title} does not go by the score of an exit, so there is nothing to calibrate; leave --calibrated out.")
        self.base, self.score = base, score
        self.name, self.title = f"{base.name}_calibrated", f"{base.title}, calibrated"
        self.source = f"{base.source} Temperatures: Guo et al. 2017, one an exit."
        self.knob, self.summary, self.needs = base.knob, base.summary, base.needs | {Need.PROBABILITIES}

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> CalibratedFit:
        return fit_calibrated(self.base, self.score, fit, calibration, unit)


@register
class SingleThresholdCalibrated(Policy):
    """`single_threshold` on calibrated top probabilities: the one policy that temperatures change most, so it has a name of its own."""

    name = "single_threshold_calibrated"
    title = "One threshold, calibrated"
    source = "Guo et al. 2017 (temperature scaling), one temperature an exit; threshold as Kaya et al. 2019."
    knob = "the threshold, a calibrated probability"
    summary = "One bar for everyone, after teaching each exit to say 90% only when it is right nine times in ten."
    needs = frozenset({Need.PROBABILITIES})

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> CalibratedFit:
        return fit_calibrated(SingleThreshold(), SingleThreshold.score, fit, calibration, unit)
