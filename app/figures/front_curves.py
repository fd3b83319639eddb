"""What the front shows in every drawing of it: its curves, and the range and titles of its axes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.dominated_models import dominated_models
from app.figures.label_places import Box
from app.shown import Shown
from app.store import MIX
from app.theme import NEUTRAL, ORACLE, POLICY
from app.wording import spent
from engine.bundle.measurements import Measured
from engine.exit_values import mean_over_examples
from engine.front import concave_hull

#: Share of the examples whose costs are on the axis, however hard they are for a policy.
TYPICAL = 0.9


@dataclass(frozen=True, eq=False)
class Curve:
    """cost, accuracy: (points,) shares of 1;  kind: "oracle", "hull", "mix", "calibration" or "policy" """

    kind: str
    name: str
    colour: str
    cost: NDArray[np.floating]
    accuracy: NDArray[np.floating]


def curves(shown: Shown) -> list[Curve]:
    """In the order in which they are drawn: the policy comes last, on top of the others."""
    sweep, oracle, mix = shown.sweep, shown.oracle, shown.mix
    hull = concave_hull(sweep.static_cost, sweep.static_accuracy)
    drawn = [
        Curve("oracle", f"Oracle (knows the {shown.words.truth})", ORACLE, oracle.cost, oracle.accuracy),
        Curve("hull", shown.words.adapted("Hull of the static exits"), NEUTRAL, sweep.static_cost[hull], sweep.static_accuracy[hull]),
        Curve("mix", "Random mix", NEUTRAL, mix.cost, mix.accuracy),
        Curve("calibration", "On calibration", POLICY, sweep.calibration_cost, sweep.calibration_accuracy),
        Curve("policy", shown.title, POLICY, sweep.cost, sweep.accuracy),
    ]
    itself = {oracle.policy: "oracle", MIX: "mix"}.get(shown.policy)  # would be the same curve twice
    return [curve for curve in drawn if curve.kind != itself]


def axes(shown: Shown, measured: Sequence[Measured] = (), room_behind: bool = True) -> Box:
    """The range of cost and accuracy that holds every curve, exit, ramp and real run, with room around them; at least 100% of the cost.

    Where hard examples cost more, those who leave late do so at more than the mean cost of their path, and of the few who leave there at
    the least budgets that can be many times as much. The axis ends at what all stages cost together on nine of ten examples, so that it
    is as long under every policy; a ramp beyond it stands at its end.

    measured: whose real runs are drawn;  room_behind: else the costs end at the costliest path or ramp
    """
    runs = [run for entry in measured for run in entry.runs]
    drawn = curves(shown)
    costs = np.concatenate([shown.sweep.static_cost, *(curve.cost for curve in drawn), [run.time for run in runs]])
    others = [run.accuracy for run in runs] + [model.quality for model in dominated_models(shown.bundle, shown.sweep.unit)]
    accuracies = np.concatenate([shown.sweep.static_accuracy, *(curve.accuracy for curve in drawn), others])
    low, high = float(accuracies.min()), float(accuracies.max())
    room = max(0.08 * (high - low), 0.005)  # a flat front is a line in the middle, not noise over the whole height
    end = max(1.0, float(costs.max()), float(mean_over_examples(shown.sweep.path_cost).max()))
    end = max(end, _of_all_stages(shown))
    return Box(0, low - room, 1.04 * end if room_behind else end, high + room)


def _of_all_stages(shown: Shown) -> float:
    """What all stages cost together on nine of ten test examples, as a share of the full network's mean cost; 0 if all cost the same."""
    unit, test = shown.sweep.unit, shown.bundle.outputs.test()
    return test.most_cost(unit, TYPICAL) / test.full_cost(unit) if test.costs_vary(unit) else 0.0


def cost_title(shown: Shown) -> str:
    return f"Mean cost, share of the {shown.words.reference}’s {spent(shown.sweep.unit)}"


def accuracy_title(shown: Shown) -> str:
    return f"Test {shown.words.measure}"
