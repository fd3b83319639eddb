"""Temperature scaling: one number per exit that calibrates its probabilities (Guo et al. 2017).

T_k minimises the negative log-likelihood of softmax(z / T_k) on the fit split. No prediction changes, and so no exit's accuracy does.

When does it change a policy?
- With one threshold shared by all exits: always. Overconfident and underconfident exits become comparable, so 90% means the same at both.
- With a threshold per exit, set by quotas: only if dividing by T reorders the examples of that exit. With two classes it never does
  (max-prob grows with |z1 - z2| / T). With more it can, because the top probability depends on the gaps to all other classes, and T decides
  how much the distant ones count.
- With the largest logit under quotas: never.
"""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import softmax

from engine.errors import UserError
from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Fitted, Need, Policy, Rule, check_tuning
from engine.policies.core.mixing import MixedRule
from engine.policies.core.online_rules import ExitOutputs
from engine.policies.core.registry import register_policy
from engine.policies.core.saved_types import Cascade, finite, register_saved
from engine.policies.core.scorer import Scored, Scorer, chunks
from engine.policies.core.thresholds import ThresholdRule
from engine.policies.methods.single import SingleThreshold
from engine.scores import SCORES, one_score

#: A fit outside this range has too few examples, or only correct ones, to estimate a temperature.
SHARPEST, FLATTEST = 0.05, 20.0


def fit_temperatures(outputs: Outputs) -> NDArray[np.float64]:
    """The maximum-likelihood temperature of every exit, (exits,), kept within [0.05, 20].

    The negative log-likelihood is convex in 1 / T, so its derivative has one root: no step size, no starting point.
    """
    return np.array([_fit_temperature(outputs, k) for k in range(outputs.exits)])


def _fit_temperature(outputs: Outputs, k: int) -> float:
    def slope(log_inverse: float) -> float:
        """Derivative of the summed negative log-likelihood with respect to 1 / T: expected logit minus the logit of the label."""
        inverse, total = np.exp(log_inverse), 0.0
        for some, logits in chunks(outputs, k):
            z = logits - logits.max(axis=-1, keepdims=True)
            expected = (softmax(inverse * z, axis=-1) * z).sum(axis=-1)
            total += float((expected - z[np.arange(len(z)), outputs.known_labels[some]]).sum())
        return total

    low, high = -np.log(FLATTEST), -np.log(SHARPEST)
    if slope(low) >= 0:
        return FLATTEST
    if slope(high) <= 0:
        return SHARPEST
    return float(np.exp(-cast(float, brentq(slope, low, high, xtol=1e-6))))


@register_saved("temperatures")
@dataclass(frozen=True, eq=False)
class TemperatureScorer(Scorer):
    """Any score of `engine.scores`, of logits divided by their exit's temperature. temperature: (exits,)."""

    score: str
    temperature: NDArray[np.float64]

    def _of(self, outputs: Outputs) -> Scored:
        score = np.empty((outputs.exits, outputs.examples), np.float32)
        for some, logits in chunks(outputs):
            score[:, some] = one_score(self.score, self._inverse[:, None, None] * logits)
        return Scored.by_exit(score, outputs)

    def score_at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float32]:
        return exit_outputs.combined(exit, self._inverse[exit : exit + 1]).score(exit, self.score)

    def fits(self, cascade: Cascade) -> bool:
        return self.score in SCORES and finite(self.temperature, cascade.exits) and bool((self.temperature > 0).all())

    @property
    def _inverse(self) -> NDArray[np.float64]:
        return 1 / self.temperature


def fit_calibrated(base: Policy, score: str, fit: Tuning, calibration: Tuning, unit: str) -> "CalibratedFit":
    """A policy over one score, fitted to that score of calibrated logits: temperatures from `fit`, the policy's knob from `calibration`."""
    check_tuning(fit, calibration)
    scorer = TemperatureScorer(score, fit_temperatures(fit))
    fit, calibration = (replace(part, scores={score: scorer.of(part).score}) for part in (fit, calibration))
    return CalibratedFit(scorer, base.fit(fit, calibration, unit))


@dataclass(frozen=True, eq=False)
class CalibratedFit(Fitted):
    """The rules of `by_score`, applied to the scores of `scorer` instead of recorded scores.

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
        return rule  # it uses no score


class Calibrated(Policy):
    """Any policy that uses one score, on calibrated logits. What this can change is described at the top of this file."""

    def __init__(self, base: Policy) -> None:
        score = getattr(base, "score", None)
        if score is None:
            raise UserError(f"{base.title} does not use the score of an exit, so there is nothing to calibrate; leave out --calibrated.")
        self.base, self.score = base, score
        self.name, self.title = f"{base.name}_calibrated", f"{base.title}, calibrated"
        self.source = f"{base.source} Temperatures: Guo et al. 2017, one per exit."
        self.knob, self.summary, self.needs = base.knob, base.summary, base.needs | {Need.PROBABILITIES, Need.CLASSES}
        self.group, self.formula, self.use_when = base.group, base.formula, base.use_when

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> CalibratedFit:
        return fit_calibrated(self.base, self.score, fit, calibration, unit)


@register_policy
class SingleThresholdCalibrated(Policy):
    """`single_threshold` on calibrated top probabilities: the policy that temperatures change most, so it has its own name."""

    name = "single_threshold_calibrated"
    title = "One threshold, calibrated"
    source = "Guo et al. 2017 (temperature scaling), one temperature per exit. Threshold as in Kaya et al. 2019."
    knob = "the threshold, a calibrated probability"
    summary = (
        "One shared threshold, after each exit's probabilities are calibrated so that about 90% of predictions made at 90% are correct."
    )
    formula = "leave at the first exit k with max softmax(z_k / T_k) ≥ t; T_k makes exit k calibrated"
    use_when = "One number must be readable as a probability, and some exits are overconfident."
    needs = frozenset({Need.PROBABILITIES, Need.CLASSES})

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> CalibratedFit:
        return fit_calibrated(SingleThreshold(), SingleThreshold.score, fit, calibration, unit)
