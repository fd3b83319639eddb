"""Three ways to ask for a rule, one kind of answer: by what it may cost, by how often it must be right, by what it must promise.

Whichever way, the rule is chosen on calibration, and the answer says what it was planned to do, does there, and does on test.
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
from engine.sweep import Full, follow, sweep

#: How many budgets are tried for an accuracy, and how often: each time between the first that is enough and the last that is not.
BUDGETS, ROUNDS = 17, 3


@dataclass(frozen=True, eq=False)
class TargetPoint:
    """What a rule does on some examples. cost: a share of the full network's; shares: (exits,) of the examples leaving at each exit."""

    cost: float
    accuracy: float
    shares: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TargetResult:
    """A rule, and how it does.

    asked:        what was asked for, as a sentence that also says what is promised
    full:         the full network, its accuracy on test
    planned_cost: what the rule was set for, a share of the full network's cost
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
    rule = sweep(policy, outputs, [budget], unit).rules[0]
    return _target_result(policy, outputs, unit, rule, f"Spend {budget:.1%} of the full network's cost at most.")


def by_accuracy_floor(policy: Policy, outputs: Outputs, floor: float, unit: str = "macs") -> TargetResult:
    """The rule for the least budget at which the calibration accuracy is at least `floor`, in [0, 1]. On test it may fall short.

    More budget may buy less accuracy, so budgets are tried from the least upwards, then more and more finely below the first that is
    enough. Raises UserError if none is.
    """
    calibration, fitted = outputs.tuning(Split.CALIBRATION), _fit(policy, outputs, unit)
    # A family's cascade may cost more than its full network.
    low, high = fitted.cheapest, max(outputs.full_cost(unit), float(outputs.cascade_cost(unit)[-1]))
    found = None
    for _ in range(ROUNDS):
        tried = []
        for budget in np.linspace(low, high, BUDGETS):
            rule = fitted.solve(budget)
            tried.append(follow(rule, calibration, unit).accuracy)
            if tried[-1] >= floor:
                found = rule
                break
            low = budget
        if found is None:
            raise UserError(f"{policy.title} reaches an accuracy of {max(tried):.3f} at most, not {floor:g}; ask for no more than that.")
        high = budget
    target = f"Be right on at least {floor:.1%} of the calibration examples, for as little as possible."
    return _target_result(policy, outputs, unit, found, target)


def by_guarantee(outputs: Outputs, promise: Promise, unit: str = "macs") -> TargetResult:
    """The cheapest shared threshold that keeps a promise about errors, see `engine.policies.methods.risk_control`."""
    policy = policy_named("risk_control")
    fitted = _fit(policy, outputs, unit)
    assert isinstance(fitted, RiskControlFit)
    rule = fitted.keep(promise)
    threshold_spec = rule.threshold_spec()
    how = "on average" if promise.method == "crc" else f"with {promise.confidence:.0%} confidence"
    target = f"Make at most {promise.epsilon:.1%} more errors than the full network, {how}."
    if threshold_spec is not None and np.isposinf(threshold_spec.thresholds).all():
        target += f" The {fitted.calibration.examples:,} calibration examples do not prove that of any threshold, so nobody leaves early."
    return _target_result(policy, outputs, unit, rule, target)


def _fit(policy: Policy, outputs: Outputs, unit: str) -> Fitted:
    reason = policy.unavailable_reason(outputs)
    if reason:
        raise UserError(reason)
    calibration = outputs.tuning(Split.CALIBRATION)
    return policy.fit(outputs.tuning(Split.FIT) if Split.FIT in outputs.split else calibration, calibration, unit)


def _target_result(policy: Policy, outputs: Outputs, unit: str, rule: Rule, target: str) -> TargetResult:
    full_cost, test = outputs.full_cost(unit), outputs.test()

    def measured(part: Outputs) -> TargetPoint:
        found = follow(rule, part, unit)
        return TargetPoint(found.cost / full_cost, found.accuracy, found.shares)

    return TargetResult(
        policy=policy.name,
        unit=unit,
        target=target,
        rule=rule,
        full=Full(full_cost, float(test.correct[test.full].mean())),
        planned_cost=rule.planned_cost / full_cost,
        calibration=measured(outputs.tuning(Split.CALIBRATION)),
        test=measured(test),
    )
