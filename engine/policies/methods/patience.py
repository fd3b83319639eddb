"""Patience: leave when several exits in a row have made the same prediction (PABEE; Zhou et al. 2020, rule read in the code).

A counter starts at 0. Each exit that agrees with the one before it adds 1, each that disagrees resets it to 0, and an example leaves at the
first exit where the counter equals the patience. So with patience p no example leaves before exit p + 1, and with patience K - 1 none
leaves before the last of K exits. Patience 0 is met at the first exit: this is our reading, which makes the cheapest exit reachable; in the
authors' code 0 means "use all layers". Zero Time Waste's evaluator counts the length of the streak, one more than this counter.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import at_exits
from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.base import Need, Policy, Rule, check_tuning
from engine.policies.core.mixing import OperatingPoints
from engine.policies.core.online_rules import ExitOutputs, SequentialOnlineRule
from engine.policies.core.registry import register_policy
from engine.policies.core.saved_types import Cascade, register_saved
from engine.route import Route


def patient_exit(prediction: NDArray[np.integer], patience: int) -> NDArray[np.int64]:
    """prediction (exits, examples) -> the first exit where the agreement counter equals the patience, or the last exit, (examples,)."""
    exits, examples = prediction.shape
    exit = np.full(examples, exits - 1)
    agreements = np.zeros(examples, np.int64)
    there = np.ones(examples, bool)
    for k in range(exits):
        if k > 0:
            agreements = np.where(prediction[k] == prediction[k - 1], agreements + 1, 0)
        leaves = there & (agreements == patience)
        exit[leaves] = k
        there &= ~leaves
    return exit


@register_saved("patience")
@dataclass(frozen=True, eq=False)
class PatienceRule(Rule):
    """Leave once `patience` exits in a row have agreed with the one before them."""

    patience: int
    planned_cost: float

    @property
    def knob(self) -> Mapping[str, float]:
        return {"patience": self.patience}

    def route(self, outputs: Outputs) -> Route:
        return Route.through(outputs, patient_exit(outputs.known_prediction, self.patience))

    def online_rule(self, kind: CascadeKind) -> SequentialOnlineRule:
        return SequentialOnlineRule(self._leaves)

    def fits(self, cascade: Cascade) -> bool:
        return self.patience >= 0

    def _leaves(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.bool_]:
        """Whether the `patience` exits before this one agree with it: the counter of an example that has not left equals the patience."""
        latest = exit_outputs.top_class(exit)
        agreed = np.full(len(latest), exit >= self.patience)
        for k in range(max(exit - self.patience, 0), exit):
            agreed &= exit_outputs.top_class(k) == latest
        return agreed


@register_policy
class Patience(Policy):
    """Planned costs are mean costs of the calibration examples. Nothing else is learned, and no labels are read."""

    name = "patience"
    title = "Patience"
    source = "Zhou et al. 2020 (PABEE), rule read in the code. Mixing two patience values to meet a budget between them: our choice."
    knob = "the patience, a number of agreements in a row"
    summary = "Examples leave when several exits in a row have made the same prediction, whatever their confidence."
    formula = "leave at the first exit whose prediction equals those of the P exits before it"
    use_when = "Confidences are unreliable or missing, and there are many exits."
    why = ("too few agreements", "enough agreements")
    needs = frozenset({Need.PREDICTIONS})

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> OperatingPoints:
        check_tuning(fit, calibration)
        exit_cost = calibration.cascade_cost(unit)
        exits = [patient_exit(calibration.known_prediction, patience) for patience in range(calibration.exits)]
        rules = [PatienceRule(patience, float(at_exits(exit_cost, exit).mean())) for patience, exit in enumerate(exits)]
        return OperatingPoints(rules)
