"""What a policy gains over the random mix of equal cost on the test examples, with its paired interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.analysis.intervals import Interval, mean_interval, paired_interval
from engine.analysis.sweep_intervals import expected_quality
from engine.outputs import Outputs
from engine.policies.core.base import Policy
from engine.policies.methods.static import random_mix
from engine.splits import Split
from engine.sweep import run_sweep

#: Budgets between the cheapest model alone and the full network.
BUDGETS = 7


@dataclass(frozen=True, eq=False)
class Gain:
    """At one budget, on test.

    cost:       share of the full network's cost that is spent
    accuracy:   of the policy;  mix: of the random mix of equal cost
    over_mix, over_full: the accuracy minus that of the mix, and of the full network, paired by example
    on_calibration:      the accuracy minus that of the mix on the examples the knob was set on
    """

    cost: float
    accuracy: float
    mix: float
    over_mix: Interval
    over_full: Interval
    on_calibration: float


def gains(policy: Policy, outputs: Outputs) -> list[Gain]:
    """What a policy gains at budgets between the cheapest and the full network, in the first unit."""
    unit = next(iter(outputs.stage_cost))
    swept = run_sweep(policy, outputs, BUDGETS, unit)
    test, calibration = outputs.test(), outputs.tuning(Split.CALIBRATION)
    mix = random_mix(calibration, unit)
    hull = np.array([rule.exit for rule in mix.rules])
    full = test.quality[test.full]
    made = []
    for i, rule in enumerate(swept.rules[1:-1], start=1):
        quality = expected_quality(rule, test)
        mixed = _mixed(test, unit, hull, float(swept.cost[i] * swept.full.cost))
        on_calibration = swept.calibration_accuracy[i] - mix.accuracy_at(float(swept.calibration_cost[i] * calibration.full_cost(unit)))
        made.append(
            Gain(
                cost=float(swept.cost[i]),
                accuracy=mean_interval(quality).estimate,
                mix=float(mixed.mean()),
                over_mix=paired_interval(quality, mixed),
                over_full=paired_interval(quality, full),
                on_calibration=float(on_calibration),
            )
        )
    return made


def _mixed(test: Outputs, unit: str, hull: NDArray[np.int64], cost: float) -> NDArray[np.float64]:
    """What each test example is worth, on average, under the mix of static exits that costs as much there, (examples,).

    hull: exits by increasing cost
    """
    costs = test.mean_static_cost(unit)[hull]
    above = int(np.searchsorted(costs, cost).clip(1, max(len(hull) - 1, 1)))
    cheap, costly = hull[above - 1], hull[min(above, len(hull) - 1)]
    apart = costs[min(above, len(hull) - 1)] - costs[above - 1]
    share = float(np.clip((cost - costs[above - 1]) / apart, 0, 1)) if apart > 0 else 0.0
    return (1 - share) * test.quality[cheap].astype(np.float64) + share * test.quality[costly].astype(np.float64)


def in_points(interval: Interval) -> str:
    """A difference with its interval, for a sentence."""
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * interval.estimate:+.1f} points, 95% interval {low:+.1f} to {high:+.1f}"


def best_on_calibration(at: Sequence[Gain]) -> Gain:
    """Selected there, so that its gain on test is not the largest of many by chance."""
    return max(at, key=lambda gain: gain.on_calibration)
