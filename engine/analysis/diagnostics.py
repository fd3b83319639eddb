"""What early exits gain, lose and waste: measures of a route, of the exits behind it, and of a whole sweep, beyond accuracy and cost.

The full network is the measure throughout: a chain's last exit, a family's largest network run alone. How far an exit's confidence can be
trusted is in `engine.analysis.reliability`, what leaves where in `engine.analysis.factors`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.front import concave_hull
from engine.outputs import Outputs
from engine.route import Route
from engine.sweep import Sweep


@dataclass(frozen=True, eq=False)
class Gain:
    """What leaving at each exit brings, each (exits,); NaN where nobody leaves.

    leaving:  how many examples leave there
    accuracy: how many of them are right
    full:     how many of them the full network would have got right
    saved:    the mean cost they save, as a share of the full network's; below 0 where a family's cascade costs more than that
    """

    leaving: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    full: NDArray[np.float64]
    saved: NDArray[np.float64]

    @property
    def gain(self) -> NDArray[np.float64]:
        """Accuracy of those who leave there, less the full network's on the same, (exits,)."""
        return self.accuracy - self.full


def gain_per_exit(route: Route, outputs: Outputs, unit: str) -> Gain:
    """What each exit brings to those who leave there (Bolukbasi et al. 2017 draw accuracy gained at each layer; read in the slides)."""
    leaving = np.bincount(route.exit, minlength=outputs.exits)

    def mean(values: NDArray) -> NDArray[np.float64]:
        total = np.bincount(route.exit, weights=values, minlength=outputs.exits)
        return np.divide(total, leaving, out=np.full(outputs.exits, np.nan), where=leaving > 0)

    saved = 1 - route.cost(outputs.cost_in(unit)) / outputs.full_cost(unit)
    return Gain(leaving, mean(route.correct(outputs)), mean(outputs.correct[outputs.full]), mean(saved))


@dataclass(frozen=True)
class LossAgainstFull:
    """What a route loses against the full network, as shares of all examples.

    excess: wrong where the full network is right
    gap:    the same, less those that are right where the full network is wrong: the difference of the two error rates
    """

    excess: float
    gap: float


def loss_against_full(route: Route, outputs: Outputs) -> LossAgainstFull:
    """Excess loss, mean max(0, L - L_full), and signed gap, mean (L - L_full), of the 0/1 loss (Bolukbasi et al. 2017)."""
    here, full = route.correct(outputs), outputs.correct[outputs.full]
    return LossAgainstFull(excess=float((full & ~here).mean()), gap=float(full.mean() - here.mean()))


@dataclass(frozen=True, eq=False)
class Overthinking:
    """What going on cost those who had the right answer already (Shallow-Deep Networks, Kaya et al. 2019; definitions read in the code).

    first_correct:      (exits,) how many examples each exit is the first to get right
    never:            how many no exit gets right
    wasteful:         share of the examples that are right before the last exit
    destructive:      share of the examples that are right before the last exit and wrong at it
    share_of_errors:  the destructive among the last exit's errors; NaN if it makes none
    stopping_in_time: mean cost if each example stopped where it is first right, at the last exit if nowhere; a share of the full network's
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
        stopping_in_time=float(outputs.static_cost(unit)[first].mean() / outputs.full_cost(unit)),
    )


def disagreement(outputs: Outputs) -> NDArray[np.float64]:
    """Share of the examples on which two exits give different answers, (exits, exits): symmetric, 0 on the diagonal."""
    answers = outputs.prediction
    return np.array([(answers != one).mean(axis=1) for one in answers])


def step_area(
    cost: NDArray[np.floating],
    accuracy: NDArray[np.floating],
    low: float,
    high: float,
    chosen_by: NDArray[np.floating] | None = None,
    below: float = 0.0,
) -> float:
    """Mean height, over budgets from `low` to `high`, of the accuracy of the best setting that costs no more than the budget.

    cost, accuracy: (points,);  chosen_by: (points,) what "best" goes by, by default the accuracy itself, of equals the cheaper
    below:          the height where no setting is cheap enough

    Steps, no lines: between two settings nothing is reached but the cheaper one.
    """
    order = np.argsort(cost, kind="stable")
    merit = np.asarray(accuracy if chosen_by is None else chosen_by)[order]
    better = merit > np.concatenate(([-np.inf], np.maximum.accumulate(merit)[:-1]))
    best = np.maximum.accumulate(np.where(better, np.arange(len(merit)), 0))
    height = np.concatenate(([below], np.asarray(accuracy)[order][best]))
    edges = np.clip(np.concatenate(([low], np.asarray(cost)[order], [high])), low, high)
    return float(np.diff(edges) @ height / (high - low))


def share_captured(policy: Sweep, oracle: Sweep) -> float:
    """How much of what looking at the input can gain a policy does gain: 0 for mixing static exits at random, 1 for the oracle.

    The area under the policy's curve less that under the hull of the static exits, over the oracle's less the hull's, from the cost of the
    cheapest exit to that of the full network. Our own definition. The policy's settings are chosen by their calibration accuracy and judged
    on the reported split; where none is cheap enough, everyone leaves at the cheapest exit. The hull is exact and the curves are steps,
    which count up to a step's rise too little: sweep some hundred budgets. NaN where there is nothing to gain.
    """
    if (policy.unit, policy.split, policy.examples) != (oracle.unit, oracle.split, oracle.examples):
        raise ValueError("a policy is measured against an oracle of the same outputs, split and unit")
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
