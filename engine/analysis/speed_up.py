"""How many times less a policy costs than the full network, if it may lose so much accuracy.

Bolukbasi, Wang, Dekel and Saligrama 2017 (arXiv 1702.07811; abstract and slides read) report their methods in this form: a table of the
slides lists the speed-up of early exits at "@x", a loss of x percent of accuracy, and the abstract gives one at a loss of top-5 accuracy.
Selecting a setting on calibration, reporting it on test, and the intervals are our choices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.analysis.intervals import CONFIDENCE, Interval, mean_interval, paired_interval, ratio_interval
from engine.analysis.sweep_intervals import is_full_network
from engine.errors import UserError
from engine.exit_values import Quality
from engine.outputs import Outputs
from engine.policies.core.base import Policy, Rule
from engine.policies.methods.static import StaticRule
from engine.progress import Progress, no_progress
from engine.splits import Split
from engine.sweep import follow

#: The losses of accuracy that are allowed by default.
LOSSES = (0.005, 0.01, 0.02)
#: Policies that are compared by default: the baseline, the method itself, and two others.
COMPARED = ("random_mix", "maxprob", "bolukbasi", "eenet")
#: How many budgets are tried; from a twentieth of the full network's cost, each is 2% above the one before.
BUDGETS = 151
#: The smallest budget above that of the cheapest setting, as a share of the full network's cost. Some exits cost nothing.
_LEAST_BUDGET = 1e-3
#: A calibration loss that exceeds the allowed one by less is a rounding error.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Candidate:
    """A policy set for one budget, and its results on calibration.

    budget, cost: shares of the full network's cost: the mean cost that was allowed, and the one that was spent
    loss:         accuracy of the full network minus that of the rule; below 0 where the rule is better
    """

    budget: float
    rule: Rule
    cost: float
    loss: float


@dataclass(frozen=True, eq=False)
class SpeedUp:
    """The cheapest candidate within a loss on calibration, and its results on test.

    allowed:  the loss of accuracy that calibration had to keep to
    speed_up: mean cost of the full network divided by that of the rule, on the same examples
    loss:     accuracy of the full network minus that of the rule, paired by example
    """

    allowed: float
    selected: Candidate
    speed_up: Interval
    loss: Interval

    def as_json(self) -> dict[str, Any]:
        """Numbers only; a speed-up is null where the rule costs nothing."""
        speed_up, *ends = (value if np.isfinite(value) else None for value in (self.speed_up.estimate, *self.speed_up.ends))
        return {
            "allowed_loss": self.allowed,
            "budget": self.selected.budget,
            "calibration_cost": self.selected.cost,
            "calibration_loss": self.selected.loss,
            "speed_up": speed_up,
            "speed_up_interval": ends,
            "loss": self.loss.estimate,
            "loss_interval": self.loss.ends,
        }


def speed_ups(
    policy: Policy,
    outputs: Outputs,
    losses: Sequence[float] = LOSSES,
    unit: str = "macs",
    budgets: int = BUDGETS,
    progress: Progress = no_progress,
) -> list[SpeedUp]:
    """The speed-up of a policy at every allowed loss of accuracy, a share such as 0.01 for one point.

    Gates learn on fit, candidates are compared on calibration, and speed-up and loss are those on test. What is lost is quality: top-1
    accuracy where exits predict classes, and top-5 accuracy for `outputs.top(5)`.
    Raises UserError if the policy cannot run on these outputs, or if a loss is not from 0 to below 1.
    """
    for loss in losses:
        if not 0 <= loss < 1:
            raise UserError(f"An allowed loss of {100 * loss:g} points of accuracy is not from 0 to below 100; give for example 0.5.")
    test = outputs.test()
    tried = candidates(policy, outputs, unit, budgets, progress)
    return [on_test(loss, cheapest_within(tried, loss), test, unit) for loss in losses]


def candidates(
    policy: Policy, outputs: Outputs, unit: str = "macs", budgets: int = BUDGETS, progress: Progress = no_progress
) -> list[Candidate]:
    """The full network itself, which loses nothing, and a policy at many budgets, each with its results on calibration.

    budgets: how many, from the policy's cheapest cost to the full network's, each the same factor above the one before
    """
    reason = policy.unavailable_reason(outputs)
    if reason:
        raise UserError(reason)
    calibration = outputs.tuning(Split.CALIBRATION)
    fit = outputs.tuning(Split.FIT) if Split.FIT in outputs.split else calibration
    full_cost, accuracy = calibration.full_cost(unit), float(calibration.quality[calibration.full].mean(dtype=np.float64))

    def candidate(budget: float, rule: Rule) -> Candidate:
        result = follow(rule, calibration, unit)
        return Candidate(budget, rule, result.cost / full_cost, accuracy - result.accuracy)

    fitted = policy.fit_in_steps(fit, calibration, unit, lambda done, total: progress(budgets * done // total, 2 * budgets))
    cheapest = fitted.cheapest / full_cost
    spaced = [cheapest, *np.geomspace(max(cheapest, _LEAST_BUDGET), max(cheapest, 1.0), budgets)[1:].tolist()]
    tried = [candidate(1.0, StaticRule(calibration.full, full_cost))]
    for i, budget in enumerate(spaced, start=1):
        tried.append(candidate(budget, fitted.solve(max(budget * full_cost, fitted.cheapest))))
        progress(budgets + i, 2 * budgets)
    return tried


def cheapest_within(tried: Sequence[Candidate], loss: float) -> Candidate:
    """The one that costs least on calibration among those that lose no more there; of equally cheap ones, the first that loses least."""
    return min((one for one in tried if one.loss <= loss + _ROUNDING), key=lambda one: (one.cost, one.loss))


def judged_again(tried: Sequence[Candidate], calibration: Outputs) -> list[Candidate]:
    """The same candidates with the loss that they have where outputs are judged otherwise than those that they were fitted on.

    calibration: the same examples, judged otherwise
    """
    accuracy = float(calibration.quality[calibration.full].mean(dtype=np.float64))
    unit = calibration.default_unit  # of the cost, which stays as it is
    return [replace(one, loss=accuracy - follow(one.rule, calibration, unit).accuracy) for one in tried]


def full_accuracy(outputs: Outputs) -> Interval:
    """The accuracy of the full network on test, which losses refer to."""
    test = outputs.test()
    return mean_interval(test.quality[test.full])


def on_test(allowed: float, selected: Candidate, test: Outputs, unit: str = "macs") -> SpeedUp:
    """The results of the candidate that was selected for an allowed loss. test: the examples to report on"""
    quality, cost = _by_example(selected.rule, test, unit)
    full_cost = np.broadcast_to(test.static_cost(unit)[test.full], cost.shape)
    # A rule that is the full network loses nothing on any examples; one that only agrees with it on these may do so on others.
    same = is_full_network(selected.rule, test)
    loss = Interval(0.0, 0.0, 0.0) if same else paired_interval(test.quality[test.full], quality, CONFIDENCE)
    return SpeedUp(allowed, selected, ratio_interval(full_cost, cost, CONFIDENCE), loss)


def _by_example(rule: Rule, outputs: Outputs, unit: str) -> tuple[Quality | NDArray[np.float64], NDArray[np.float64]]:
    """Quality and cost of each example, both (examples,). For a rule that decides by chance they are the expectation over its parts."""
    parts = [(weight, part.route(outputs)) for weight, part in rule.parts() if weight > 0]
    cost = np.sum([weight * route.cost(outputs.cost_in(unit)) for weight, route in parts], axis=0)
    if len(parts) == 1:
        return parts[0][1].known_quality, cost
    return np.sum([weight * route.known_quality.astype(np.float64) for weight, route in parts], axis=0), cost
