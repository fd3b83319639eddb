"""Risk control: the cheapest shared threshold that keeps a promise about errors.

The promise is "at most epsilon more errors than the full network". Its risk, as in Fast yet Safe (Jazbec, Timans et al. 2024; form read in
the code metodj/RC-EENN), is the gap: the error rate of the rule minus that of the full network, over new examples. Thresholds are tried
from strict to loose, in an order fixed before any calibration example is looked at, and the last one before the first failure is kept.
There are three ways to test a threshold:

ucb   The gap itself, by betting (after Waudby-Smith and Ramdas): money is bet, example by example, on the gap being below epsilon. If it is
      not, the capital grows 1/delta-fold with probability at most delta. The size of the bets is our choice.
ltt   Learn then test: only harm counts, that is errors the full network would not have made, so the risk is at least the gap. The harm is a
      count of 0/1 losses, so its binomial tail is an exact p-value. Correct early exits where the full network is incorrect do not count.
      Where quality is graded, the p-value is the bound of Hoeffding and Bentkus.
crc   Conformal risk control: the promise holds on average over calibration sets, not with a confidence. It needs a loss that never falls as
      the threshold does, so harm done at a stricter threshold counts for all looser ones; this is our choice.

For ucb and ltt this is a fixed-sequence test: the first threshold that breaks the promise passes with probability at most delta, and no
threshold beyond it is reached unless it passes. So the promise holds with confidence 1 - delta, and the risk need not be monotone. It holds
for examples like the calibration examples. For a budget instead of a promise, the policy is one threshold for all exits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, rel_entr

from engine.errors import UserError
from engine.exit_values import at_exits, is_binary
from engine.hashing import hash_uniform
from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Policy, PolicyGroup, check_tuning, lacks_score, score_named
from engine.policies.core.registry import register_policy
from engine.policies.core.scorer import RecordedScore
from engine.policies.core.thresholds import ThresholdRule, first_sure_exit
from engine.policies.methods.single import SingleThresholdFit, exact_curve

Method = Literal["ucb", "ltt", "crc"]
#: The loss of each example, in [-1, 1]: whole numbers where quality is correct or not.
Gap = NDArray[np.int8 | np.float64]

#: How many thresholds are tried, and the strictest of them in log-odds: a top probability within 1e-7 of 1.
LEVELS, STRICTEST = 100, 16.0


@dataclass(frozen=True)
class Promise:
    """At most `epsilon` more errors per example than the full network, with this confidence (on average, for crc)."""

    epsilon: float
    confidence: float = 0.9
    method: Method = "ucb"

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < 1:
            raise UserError(f"The share of additional errors must be between 0 and 1, and {self.epsilon:g} is not; give for example 0.01.")
        if not 0 < self.confidence < 1:
            raise UserError(f"A confidence must be between 0 and 1, and {self.confidence:g} is not; give for example 0.9.")
        if self.method not in get_args(Method):
            raise UserError(f"There is no risk control method {self.method!r}; choose one of: {', '.join(get_args(Method))}.")

    @property
    def delta(self) -> float:
        return 1 - self.confidence

    def passes(self, gap: Gap) -> bool:
        """Whether one threshold's losses, (examples,), in an order that does not depend on them, are enough evidence."""
        if self.method == "ucb":
            return betting_p_value(gap, self.epsilon, self.delta) <= self.delta
        harm = np.maximum(gap, 0).sum(dtype=np.float64)
        if self.method == "ltt":
            return _harm_p_value(harm, len(gap), self.epsilon, whole=gap.dtype.kind == "i") <= self.delta
        return bool((harm + 1) / (len(gap) + 1) <= self.epsilon)


def _harm_p_value(harm: float, examples: int, epsilon: float, whole: bool) -> float:
    """P-value of the hypothesis that the mean harm is above epsilon: the exact binomial tail for losses of 0 or 1.

    For graded losses in [0, 1] it is the bound of Hoeffding and Bentkus, which needs no more than that they are bounded.
    """
    if whole:
        return float(bdtr(harm, examples, epsilon))
    mean = min(harm / examples, epsilon)
    divergence = float(rel_entr(mean, epsilon) + rel_entr(1 - mean, 1 - epsilon))
    return float(min(np.exp(-examples * divergence), np.e * bdtr(np.ceil(harm), examples, epsilon)))


def betting_p_value(gap: Gap, epsilon: float, delta: float) -> float:
    """P-value of the hypothesis that the mean gap is above epsilon, in [0, 1]. gap (examples,) in [-1, 1].

    The bets are set for a test at level `delta`; the p-value is valid at any level.
    """
    seen = np.arange(1, len(gap) + 1)
    loss, mean_loss = (1 + gap.astype(np.float64)) / 2, (1 + epsilon) / 2
    mean = (0.5 + np.cumsum(loss)) / (1 + seen)
    variance = (0.25 + np.cumsum((loss - mean) ** 2)) / (1 + seen)
    # A bet may depend on the past alone, so each uses the variance before it. One bet can lose three quarters of the capital, never all.
    before = np.concatenate(([0.25], variance[:-1]))
    bet = np.minimum(np.sqrt(2 * np.log(1 / delta) / (len(gap) * before)), 0.75 / (1 - mean_loss))
    log_capital = np.cumsum(np.log1p(bet * (mean_loss - loss)))
    return float(np.exp(-max(0.0, log_capital.max())))


def levels_to_try(classes: int) -> NDArray[np.float64]:
    """Thresholds on the log-odds of the top probability, (LEVELS,), from strict to "all examples leave". They depend on no example.

    classes: their number, by which a top probability is at least 1 / classes; 0 if the confidence is not that of a class
    """
    loosest = -np.log(classes - 1) if classes else -STRICTEST
    return np.linspace(STRICTEST, loosest, LEVELS)


@dataclass(frozen=True, eq=False)
class RiskControlFit(SingleThresholdFit):
    """One threshold for all exits, by budget (see `SingleThresholdFit`) or by promise."""

    calibration: Tuning
    unit: str

    def keep(self, promise: Promise) -> ThresholdRule:
        """The loosest threshold for which the promise can be made, or plus infinity, the full network itself, if there is none."""
        loosest = np.inf
        gaps = self._gaps()
        if promise.method == "crc":
            gaps = accumulate(gaps, np.maximum)
        for level, gap in zip(levels_to_try(self.calibration.classes), gaps, strict=True):
            if not promise.passes(gap):
                break
            loosest = float(level)
        thresholds = np.full(self.exits - 1, loosest)
        exit_cost = self.calibration.cascade_cost(self.unit)
        planned = at_exits(exit_cost, first_sure_exit(self.calibration.scores[self.score], thresholds)).mean()
        shown = float(score_named(self.score).shown(np.asarray(loosest)))
        return ThresholdRule(RecordedScore(self.score), thresholds, {"threshold": shown}, float(planned))

    def _gaps(self) -> Iterator[Gap]:
        """For each level: the full network's quality minus that of leaving early, (examples,).

        Where quality is correct or not: 1 if an example would leave incorrect and the full network is correct, -1 if the reverse, else 0.
        """
        # Betting depends on the order of the examples. A file may be sorted by class; the hashed ids give an order independent of the data.
        order = np.argsort(hash_uniform(self.calibration.ids), kind="stable")
        scores = self.calibration.scores[self.score][:, order]
        quality = self.calibration.quality[:, order]
        quality = quality.astype(np.int8 if is_binary(quality) else np.float64)
        for level in levels_to_try(self.calibration.classes):
            exit = first_sure_exit(scores, np.full(self.exits - 1, level))
            yield quality[self.calibration.full] - at_exits(quality, exit)


@register_policy
class RiskControl(Policy):
    name = "risk_control"
    title = "Risk control"
    source = "Jazbec, Timans et al. 2024 (Fast yet Safe): risks read in the code metodj/RC-EENN. Testing in a fixed sequence: our choice."
    knob = "the threshold, or the promise it is chosen for"
    summary = "One threshold for all exits, lowered only while calibration supports the promise of few more errors than the full network."
    group = PolicyGroup.GUARANTEES
    formula = (
        "leave at the first exit k with max p_k ≥ t; the smallest t for which calibration supports: extra errors ≤ ε with confidence 1 − δ"
    )
    use_when = "A limit on extra errors must hold, and a higher cost is accepted for it."
    score = "maxprob"

    def unavailable_reason(self, outputs: Outputs) -> str | None:
        return super().unavailable_reason(outputs) or lacks_score(self, self.score, outputs)

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> RiskControlFit:
        check_tuning(fit, calibration)
        levels, cost = exact_curve(calibration.scores[self.score], calibration.cascade_cost(unit))
        return RiskControlFit(self.score, levels, cost, calibration.exits, calibration, unit)
