"""Three ways to specify a rule: by a budget, by an accuracy to reach, or by a promise about errors.

In each case the rule is chosen on calibration, and the result holds its plan and its results on calibration and on test.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.outputs import Outputs
from engine.policies.core.base import Fitted, Policy, Rule
from engine.policies.core.registry import policy as policy_named
from engine.policies.methods.risk_control import Promise, RiskControlFit
from engine.splits import Split
from engine.sweep import Full, follow, run_sweep

#: For an accuracy, the number of budgets tried per round and the number of rounds. Each round after the first searches between the first
#: sufficient budget and the one before it.
BUDGETS, ROUNDS = 17, 3


@dataclass(frozen=True, eq=False)
class TargetPoint:
    """Results of a rule on some examples. cost: a share of the full network's; shares: (exits,) share of examples leaving at each exit."""

    cost: float
    accuracy: float
    shares: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TargetResult:
    """A rule and its results.

    target:       the target in one sentence, including the promise
    full:         the full network, with its accuracy on test
    planned_cost: the planned cost of the rule, a share of the full network's cost
    """

    policy: str
    unit: str
    target: str
    rule: Rule
    full: Full
    planned_cost: float
    calibration: TargetPoint
    test: TargetPoint


def by_budget(policy: Policy, outputs: Outputs, budget: float, unit: str = "macs") -> TargetResult:
    """The rule for a budget, a share of the full network's cost. Raises UserError if that is out of reach."""
    rule = run_sweep(policy, outputs, [budget], unit).rules[0]
    return _target_result(policy, outputs, unit, rule, f"Spend at most {budget:.1%} of the full network's cost.")


def by_accuracy_floor(policy: Policy, outputs: Outputs, floor: float, unit: str = "macs") -> TargetResult:
    """The rule for the smallest budget with a calibration accuracy of at least `floor`, in [0, 1]. On test it may fall short.

    A larger budget may give less accuracy, so budgets are tried from the smallest upwards, then more and more finely below the first that
    is sufficient. Raises UserError if none is.
    """
    calibration, fitted = outputs.tuning(Split.CALIBRATION), _fit(policy, outputs, unit)
    # A family's cascade may cost more than its full network.
    low, high = fitted.cheapest, max(calibration.full_cost(unit), float(calibration.mean_cascade_cost(unit)[-1]))
    cheapest = None
    for _ in range(ROUNDS):
        accuracies = []
        for budget in np.linspace(low, high, BUDGETS):
            rule = fitted.solve(budget)
            accuracies.append(follow(rule, calibration, unit).accuracy)
            if accuracies[-1] >= floor:
                cheapest = rule
                break
            low = budget
        if cheapest is None:
            best = max(accuracies)
            what = "a quality" if outputs.is_graded else "an accuracy"
            raise UserError(f"{policy.title} reaches {what} of at most {best:.3f}, not {floor:g}; give no more than that.")
        high = budget
    assert cheapest is not None  # there is at least one round
    reached = f"a quality of {floor:.3f}" if outputs.is_graded else f"{floor:.1%} accuracy"
    target = f"Reach at least {reached} on the calibration examples at the lowest cost."
    return _target_result(policy, outputs, unit, cheapest, target)


def by_guarantee(outputs: Outputs, promise: Promise, unit: str = "macs") -> TargetResult:
    """The cheapest shared threshold that keeps a promise about errors, see `engine.policies.methods.risk_control`."""
    policy = policy_named("risk_control")
    fitted = _fit(policy, outputs, unit)
    assert isinstance(fitted, RiskControlFit)
    rule = fitted.keep(promise)
    threshold_spec = rule.threshold_spec()
    how = "on average" if promise.method == "crc" else f"with {promise.confidence:.0%} confidence"
    lost = f"{promise.epsilon:.3f} in quality" if outputs.is_graded else f"{100 * promise.epsilon:.1f} points of accuracy"
    target = f"Lose at most {lost} against the full network, {how}."
    if threshold_spec is not None and np.isposinf(threshold_spec.thresholds).all():
        examples = fitted.calibration.examples
        target += f" The {examples:,} calibration examples are not enough evidence for any threshold, so no example leaves early."
    return _target_result(policy, outputs, unit, rule, target)


def _fit(policy: Policy, outputs: Outputs, unit: str) -> Fitted:
    reason = policy.unavailable_reason(outputs)
    if reason:
        raise UserError(reason)
    calibration = outputs.tuning(Split.CALIBRATION)
    return policy.fit(outputs.tuning(Split.FIT) if Split.FIT in outputs.split else calibration, calibration, unit)


def _target_result(policy: Policy, outputs: Outputs, unit: str, rule: Rule, target: str) -> TargetResult:
    calibration, test = outputs.tuning(Split.CALIBRATION), outputs.test()

    def measured(part: Outputs) -> TargetPoint:
        result = follow(rule, part, unit)
        return TargetPoint(result.cost / part.full_cost(unit), result.accuracy, result.shares)

    return TargetResult(
        policy=policy.name,
        unit=unit,
        target=target,
        rule=rule,
        full=Full(test.full_cost(unit), float(test.quality[test.full].mean(dtype=np.float64))),
        planned_cost=rule.planned_cost / calibration.full_cost(unit),
        calibration=measured(calibration),
        test=measured(test),
    )
