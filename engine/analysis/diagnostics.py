"""What early exits gain, lose and waste: measures of a route, its exits and a whole sweep, beyond accuracy and cost.

Everything is compared with the full network: a chain's last exit, or a family's largest network run alone. How reliable an exit's
confidence is: see `engine.analysis.reliability`. Which examples leave where: see `engine.analysis.factors`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import at_exits
from engine.front import concave_hull
from engine.outputs import Outputs
from engine.route import Route
from engine.sweep import Sweep


@dataclass(frozen=True, eq=False)
class Gain:
    """What leaving at each exit gains, each (exits,); NaN at an exit where no example leaves.

    leaving:  number of examples that leave there
    accuracy: the exit's accuracy on them
    full:     the full network's accuracy on them
    saved:    the mean cost they save, as a share of the full network's; negative if a family's cascade costs more than that
    """

    leaving: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    full: NDArray[np.float64]
    saved: NDArray[np.float64]

    @property
    def gain(self) -> NDArray[np.float64]:
        """Accuracy on the examples that leave there minus the full network's on the same examples, (exits,)."""
        return self.accuracy - self.full


def gain_per_exit(route: Route, outputs: Outputs, unit: str) -> Gain:
    """The gain of each exit on the examples that leave there (accuracy gained at each layer: Bolukbasi et al. 2017, read in the slides)."""
    leaving = np.bincount(route.exit, minlength=outputs.exits)

    def mean(values: NDArray) -> NDArray[np.float64]:
        total = np.bincount(route.exit, weights=values, minlength=outputs.exits)
        return np.divide(total, leaving, out=np.full(outputs.exits, np.nan), where=leaving > 0)

    saved = 1 - route.cost(outputs.cost_in(unit)) / outputs.full_cost(unit)
    return Gain(leaving, mean(route.known_quality), mean(outputs.quality[outputs.full]), mean(saved))


@dataclass(frozen=True)
class LossAgainstFull:
    """The loss of a route compared with the full network, as shares of all examples. The loss of an example is 1 - quality.

    excess: incorrect where the full network is correct
    gap:    excess minus the share correct where the full network is incorrect, which is the difference of the two error rates
    """

    excess: float
    gap: float


def loss_against_full(route: Route, outputs: Outputs) -> LossAgainstFull:
    """Excess loss, mean max(0, L - L_full), and signed gap, mean (L - L_full), (Bolukbasi et al. 2017, for the 0/1 loss)."""
    gap = outputs.quality[outputs.full].astype(np.float64) - route.known_quality
    return LossAgainstFull(excess=float(np.maximum(gap, 0).mean()), gap=float(gap.mean()))


@dataclass(frozen=True, eq=False)
class Overthinking:
    """The cost of going on after a correct prediction (Shallow-Deep Networks, Kaya et al. 2019; definitions read in the code).

    first_correct:    (exits,) number of examples for which each exit is the first correct one
    never:            number of examples for which no exit is correct
    wasteful:         share of examples that are correct before the last exit
    destructive:      share of examples that are correct before the last exit and incorrect at it
    share_of_errors:  destructive examples as a share of the last exit's errors; NaN if it makes none
    stopping_in_time: mean cost if each example stopped at its first correct exit, or the last if none; a share of the full network's
    """

    first_correct: NDArray[np.int64]
    never: int
    wasteful: float
    destructive: float
    share_of_errors: float
    stopping_in_time: float


def overthinking(outputs: Outputs, unit: str) -> Overthinking:
    correct, last = outputs.correct, outputs.exits - 1
    ever = correct.any(axis=0)
    first = np.where(ever, correct.argmax(axis=0), last)
    destroyed, errors = (ever & ~correct[last]).mean(), (~correct[last]).mean()
    return Overthinking(
        first_correct=np.bincount(first[ever], minlength=outputs.exits),
        never=int((~ever).sum()),
        wasteful=float((first < last).mean()),
        destructive=float(destroyed),
        share_of_errors=float(destroyed / errors) if errors else float("nan"),
        stopping_in_time=float(at_exits(outputs.static_cost(unit), first).mean() / outputs.full_cost(unit)),
    )


def disagreement(outputs: Outputs) -> NDArray[np.float64]:
    """Share of examples on which two exits make different predictions, (exits, exits): symmetric, 0 on the diagonal."""
    predictions = outputs.known_prediction
    return np.array([(predictions != one).mean(axis=1) for one in predictions])


def step_area(
    cost: NDArray[np.floating],
    accuracy: NDArray[np.floating],
    low: float,
    high: float,
    chosen_by: NDArray[np.floating] | None = None,
    below: float = 0.0,
) -> float:
    """Mean over budgets from `low` to `high` of the accuracy of the best setting that costs at most the budget.

    cost, accuracy: (points,)
    chosen_by:      (points,) the value that defines the best setting, by default the accuracy; ties go to the cheaper one
    below:          the height where no setting is cheap enough

    A step function, not interpolated: between two settings only the cheaper one is available.
    """
    order = np.argsort(cost, kind="stable")
    merit = np.asarray(accuracy if chosen_by is None else chosen_by)[order]
    better = merit > np.concatenate(([-np.inf], np.maximum.accumulate(merit)[:-1]))
    best = np.maximum.accumulate(np.where(better, np.arange(len(merit)), 0))
    height = np.concatenate(([below], np.asarray(accuracy)[order][best]))
    edges = np.clip(np.concatenate(([low], np.asarray(cost)[order], [high])), low, high)
    return float(np.diff(edges) @ height / (high - low))


def share_captured(policy: Sweep, oracle: Sweep) -> float:
    """The share of the attainable gain that a policy captures: 0 for mixing static exits at random, 1 for the oracle.

    The area under the policy's curve minus that under the hull of the static exits, divided by the oracle's minus the hull's, from the cost
    of the cheapest exit to that of the full network. Our own definition. The policy's settings are chosen by calibration accuracy and
    judged on the reported split. Where none is cheap enough, all examples leave at the cheapest exit. The hull is exact, but the curves are
    steps, which underestimate by up to the height of a step: sweep some hundred budgets. NaN if there is nothing to gain.
    """
    if (policy.unit, policy.split, policy.examples) != (oracle.unit, oracle.split, oracle.examples):
        raise ValueError("a policy is compared with an oracle of the same outputs, split and unit")
    cost, accuracy = policy.static_cost, policy.static_accuracy
    low, high, below = float(cost.min()), 1.0, float(accuracy[cost.argmin()])
    if low >= high:
        return float("nan")
    hull = concave_hull(cost, accuracy)
    corners = np.append(cost[hull], high), np.append(accuracy[hull], accuracy[hull[-1]])
    mixing = float(np.trapezoid(corners[1], corners[0])) / (high - low)
    reached = step_area(policy.cost, policy.accuracy, low, high, policy.calibration_accuracy, below)
    reachable = step_area(oracle.cost, oracle.accuracy, low, high, below=below)
    return (reached - mixing) / (reachable - mixing) if reachable > mixing else float("nan")
