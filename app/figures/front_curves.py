"""What the front shows in every drawing of it: its curves, and the range and titles of its axes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.figures.label_places import Box
from app.shown import Shown
from app.store import MIX
from app.store import ORACLE as ORACLE_POLICY
from app.theme import NEUTRAL, ORACLE, POLICY
from app.wording import spent
from engine.front import concave_hull

ACCURACY_TITLE = "Test accuracy"


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
        Curve("oracle", "Oracle (knows the labels)", ORACLE, oracle.cost, oracle.accuracy),
        Curve("hull", "Hull of the static exits", NEUTRAL, sweep.static_cost[hull], sweep.static_accuracy[hull]),
        Curve("mix", "Random mix", NEUTRAL, mix.cost, mix.accuracy),
        Curve("calibration", "On calibration", POLICY, sweep.calibration_cost, sweep.calibration_accuracy),
        Curve("policy", shown.title, POLICY, sweep.cost, sweep.accuracy),
    ]
    itself = {ORACLE_POLICY: "oracle", MIX: "mix"}.get(shown.policy)  # would be the same curve twice
    return [curve for curve in drawn if curve.kind != itself]


def axes(shown: Shown) -> Box:
    """The range of cost and accuracy that holds every curve, exit and real run, with room around them; at least 100% of the cost."""
    runs = [run for entry in shown.measured for run in entry.runs]
    drawn = curves(shown)
    costs = np.concatenate([shown.sweep.static_cost, *(curve.cost for curve in drawn), [run.time for run in runs]])
    accuracies = np.concatenate([shown.sweep.static_accuracy, *(curve.accuracy for curve in drawn), [run.accuracy for run in runs]])
    low, high = float(accuracies.min()), float(accuracies.max())
    room = max(0.08 * (high - low), 0.005)  # a flat front is a line in the middle, not noise over the whole height
    return Box(0, low - room, 1.04 * max(1.0, float(costs.max())), high + room)


def cost_title(shown: Shown) -> str:
    return f"Mean cost, share of the full network’s {spent(shown.sweep.unit)}"
