"""Adaptive early exit and network selection after Bolukbasi, Wang, Dekel and Saligrama 2017 (arXiv 1702.07811).

Read in the paper's abstract and slides: the mean evaluation time is minimised subject to a bound on the increase in error. Starting from
the last exit, the decision there and its cost are derived, then those of the exit before; each is a weighted binary problem. The penalised
form below (cost + lambda * excess error, lambda >= 0), its 0/1 loss, and the search over lambda are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import by_example, mean_over_examples
from engine.front import pareto_front
from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.base import Need, Policy, PolicyGroup, check_tuning
from engine.policies.core.gates import ChoiceFeatures, choice_features
from engine.policies.core.mixing import OperatingPoints
from engine.policies.core.registry import register_policy
from engine.policies.core.selection import ChoiceRule, StageChoice, fit_choice, onward
from engine.progress import Progress, no_progress

#: A gap in calibration cost between two neighbouring lambdas is split while it is wider than this share of the whole range ...
FINEST_GAP = 1 / 32
#: ... the ratio of the two is above the first of these, and there are fewer lambdas than the second.
CLOSEST_RATIO, MOST_PRICES = 1.01, 80
#: Differences of quality below this are noise.
LEAST = 0.01


def excess(outputs: Outputs, credit_improvements: bool = False) -> NDArray[np.float64]:
    """Loss of every exit in excess of the full network's, (exits, examples). The loss is 1 - quality: top-1 0/1 loss of classes.

    In [0, 1]; with `credit_improvements` also below 0 where an exit is better than the full network.
    """
    incorrect = 1.0 - outputs.quality
    beyond = incorrect - incorrect[outputs.full]
    return beyond if credit_improvements else np.maximum(beyond, 0.0)


def backward(
    stop: NDArray[np.float64],
    stage_cost: NDArray[np.float64],
    kind: CascadeKind,
    decide: Callable[[int, NDArray[np.float64]], NDArray[np.integer]],
    look_ahead: bool = True,
) -> NDArray[np.float64]:
    """Make the decisions of all exits from the last gate to the first, each based on how good the later gates really are.

    stop:       (exits, examples) price of leaving at each exit
    stage_cost: (exits,) price of running each stage, or (exits, examples) of running it on each example
    decide:     (exit, prices (actions, examples)) -> the action taken, (examples,). Called once per exit; the first action is to leave, the
                others are the later stages. It may learn a gate from the prices and return that gate's decisions.
    look_ahead: if False, every decision is priced as if no gate came after it, see `without_gates`
    returns     (exits, examples) the remaining price on arriving at each exit, without its own stage
    """
    exits, _ = stop.shape
    ahead = stop.copy() if look_ahead else without_gates(stop, stage_cost, kind)
    paid = stop.copy()
    for k in reversed(range(exits - 1)):
        prices = np.stack([stop[k], *(stage_cost[j] + ahead[j] for j in onward(k, exits, kind))])
        paid[k] = np.take_along_axis(prices, decide(k, prices)[None], axis=0)[0]
        if look_ahead:
            ahead[k] = paid[k]
    return paid


def without_gates(stop: NDArray[np.float64], stage_cost: NDArray[np.float64], kind: CascadeKind) -> NDArray[np.float64]:
    """The remaining price on arriving at each exit if no gate follows: a chain runs to its end, a family stops at the network that ran.

    stop (exits, examples), stage_cost (exits,) or (exits, examples) -> (exits, examples)
    """
    if kind == CascadeKind.FAMILY:
        return stop
    so_far = np.cumsum(stage_cost, axis=0)
    to_come = so_far[-1] - so_far
    return by_example(to_come) + stop[-1]


def least_error(excess: NDArray[np.float64]) -> float:
    """The least excess loss that a price should tell from none: 1 for predictions of classes, and not below LEAST where it is graded."""
    return float(np.clip(np.abs(excess[excess != 0]).min(initial=1.0), LEAST, 1.0))


def price_ladder(lowest: float, highest: float, cost_at: Callable[[float], float]) -> list[float]:
    """Prices of an error, 0 first, close enough together that the cost rises in small steps.

    Doubles from `lowest` to `highest`, then splits the widest step in cost until all are small; see FINEST_GAP.
    """
    doublings = max(0, int(np.ceil(np.log2(highest / lowest))))
    cost = {price: cost_at(price) for price in [0.0, *(lowest * 2.0**n for n in range(doublings + 1))]}
    while len(cost) < MOST_PRICES:
        ladder = sorted(cost)
        step = np.abs(np.diff([cost[price] for price in ladder]))
        step[np.array(ladder[1:]) <= CLOSEST_RATIO * np.array(ladder[:-1])] = 0.0
        widest = int(step.argmax())
        if step[widest] <= FINEST_GAP * (max(cost.values()) - min(cost.values())):
            break
        # The cost does not change between 0 and `lowest`, so the step is never the first and the geometric mean is never 0.
        middle = float(np.sqrt(ladder[widest] * ladder[widest + 1]))
        cost[middle] = cost_at(middle)
    return sorted(cost)


@dataclass(frozen=True, eq=False)
class GatedPolicy(Policy):
    """Learned gates for a price of error, and the price for a budget.

    credit_improvements: whether an exit that beats the full network on an example is credited with the price of one error
    top:                 how many of the top log-probabilities a gate reads, where there are logits
    history:             whether a gate also reads the exits that ran before it
    l2:                  penalty on the weights of a gate, above 0
    """

    credit_improvements: bool = False
    top: int = 10
    history: bool = False
    l2: float = 10.0

    knob = "lambda, the price of one error in runs of the full network"
    needs = frozenset({Need.FEATURES})

    look_ahead: ClassVar[bool]  # whether a gate learns from the decisions of the gates after it

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> OperatingPoints:
        """Learn the gates on `fit` for many prices of an error; keep those on the front of cost and accuracy on `calibration`."""
        return self.fit_in_steps(fit, calibration, unit, no_progress)

    def fit_in_steps(self, fit: Tuning, calibration: Tuning, unit: str, progress: Progress) -> OperatingPoints:
        """A step for each price, of the most prices there may be."""
        check_tuning(fit, calibration)
        features = choice_features(fit, self.top, self.history)
        stage_share = fit.cost_in(unit) / fit.full_cost(unit)
        by_price: dict[float, tuple[ChoiceRule, float]] = {}

        def cost_at(price: float) -> float:
            rule = ChoiceRule(features, self.learn(fit, features, stage_share, price), {"lambda": price}, planned_cost=np.nan)
            route = rule.route(calibration)
            by_price[price] = replace(rule, planned_cost=route.mean_cost(calibration, unit)), route.accuracy
            progress(min(len(by_price), MOST_PRICES), MOST_PRICES)
            return by_price[price][0].planned_cost

        # At the price of the cheapest next stage all examples leave at once; at the highest price the least error that counts outweighs
        # running every stage for all examples.
        highest = mean_over_examples(stage_share).sum() * fit.examples / least_error(excess(fit, self.credit_improvements))
        next_stages = stage_share[onward(0, fit.exits, fit.kind)]
        lowest = next_stages[next_stages > 0].min(initial=highest)
        rules, accuracy = zip(*(by_price[price] for price in price_ladder(lowest, highest, cost_at)), strict=True)
        return OperatingPoints([rules[kept] for kept in pareto_front([rule.planned_cost for rule in rules], accuracy)])

    def learn(self, fit: Tuning, features: ChoiceFeatures, stage_share: NDArray[np.float64], price: float) -> list[StageChoice]:
        """The choices at every exit but the last, first to last, for one price of an error.

        Each learns from all examples, whether or not they would reach it: the weights determine which of them matter.
        """
        inputs = features.of(fit)
        choices: dict[int, StageChoice] = {}

        def decide(k: int, prices: NDArray[np.float64]) -> NDArray[np.integer]:
            failed = features.failed(k, fit)
            choices[k] = fit_choice(inputs[k], prices, self.l2, failed)
            return choices[k](inputs[k], failed)

        backward(price * excess(fit, self.credit_improvements), stage_share, fit.kind, decide, self.look_ahead)
        return [choices[k] for k in range(fit.exits - 1)]


@register_policy
@dataclass(frozen=True, eq=False)
class Bolukbasi(GatedPolicy):
    name = "bolukbasi"
    title = "Bolukbasi: gates that look ahead"
    source = (
        "Bolukbasi et al. 2017 (abstract and slides read): backward recursion of weighted binary problems; on a family, network selection."
        " Features, classifier and search over lambda: our choice."
    )
    summary = "Set the price of an error; each exit then learns whether going on is worth its cost, given what the later exits will do."
    group = PolicyGroup.LEARNED
    formula = "leave at exit k if gate k predicts λ · e_k ≤ d_k + J_{k+1}: the price of an error here is at most the cost to come"
    use_when = "There are enough fit examples to learn gates. In a family it may also skip networks."
    why = ("its gate stays shut", "its gate opens")
    look_ahead: ClassVar[bool] = True
