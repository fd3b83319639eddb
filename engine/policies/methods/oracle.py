"""The oracle: what a rule could do if it knew the labels. A bound to plot, never a policy to deploy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import Quality, at_exits, by_example
from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Fitted, Need, Policy, PolicyGroup, Rule, check_tuning
from engine.policies.core.registry import register_policy
from engine.policies.core.scorer import Reader
from engine.route import Route


def cheapest_best(quality: Quality, cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """The cheapest of the best exits of every example, (examples,): of the correct ones, or of all exits if none is correct.

    quality: (exits, examples);  cost: (exits,) or (exits, examples)
    """
    cost = np.broadcast_to(by_example(cost), quality.shape)
    # Of equal costs the first: argmin returns it.
    return np.where(quality == quality.max(axis=0), cost, np.inf).argmin(axis=0)


@dataclass(frozen=True, eq=False)
class Choice:
    """What the oracle chooses between for each example, (examples,) each.

    best, cheapest: the cheapest of the best exits, and the cheapest exit
    least, extra:   the cost of the latter, and what the former costs more
    price:          that by what is gained in quality; those with the least price are served first
    """

    best: NDArray[np.int64]
    cheapest: NDArray[np.int64]
    least: NDArray[np.float64]
    extra: NDArray[np.float64]
    price: NDArray[np.float64]

    @classmethod
    def of(cls, outputs: Outputs, unit: str) -> Self:
        cost, quality = outputs.static_cost(unit), outputs.quality
        best, cheapest = cheapest_best(quality, cost), np.broadcast_to(cost.argmin(axis=0), outputs.examples)
        least = at_exits(cost, cheapest)
        extra = at_exits(cost, best) - least
        gained = at_exits(quality, best).astype(np.float64) - at_exits(quality, cheapest)
        return cls(best, cheapest, least, extra, np.divide(extra, gained, out=np.zeros(len(extra)), where=gained > 0))


@dataclass(frozen=True, eq=False)
class Choices(Reader[Choice]):
    """The choice for some examples, made once for the rules of all budgets."""

    unit: str

    def _of(self, outputs: Outputs) -> Choice:
        return Choice.of(outputs, self.unit)


@dataclass(frozen=True, eq=False)
class Queue:
    """The examples in the order in which they are served, (examples,) each.

    order: their positions;  best: their best exits;  spent: what serving them and all before them costs. It never falls
    """

    order: NDArray[np.int64]
    best: NDArray[np.int64]
    spent: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Queues(Reader[Queue]):
    choices: Choices

    def _of(self, outputs: Outputs) -> Queue:
        choice = self.choices.of(outputs)
        order = np.lexsort((outputs.ids, choice.price))
        return Queue(order, choice.best[order], np.cumsum(choice.extra[order]))


@dataclass(frozen=True, eq=False)
class OracleRule(Rule):
    """Examples leave at their cheapest correct exit, least extra cost first, until the budget is spent; the rest at the cheapest exit.

    Every example served is one more correct prediction, whatever it costs, so serving the cheapest first is optimal: this is the exact
    solution of the knapsack, not a relaxation. Where quality is graded, an example leaves at the cheapest of its best exits, and those that
    gain most for their extra cost come first, which is no longer the optimum.
    """

    budget: float
    queues: Queues
    planned_cost: float

    @property
    def knob(self) -> Mapping[str, float]:
        return {"budget": self.budget}

    @property
    def choices(self) -> Choices:
        return self.queues.choices

    def route(self, outputs: Outputs) -> Route:
        choice, queue = self.choices.of(outputs), self.queues.of(outputs)
        allowed = allowed_extra(self.budget, choice.least.mean(), outputs.examples)
        served = int(np.searchsorted(queue.spent, allowed, side="right"))
        exit = choice.cheapest.copy()
        exit[queue.order[:served]] = queue.best[:served]
        return Route.straight(outputs, exit)


def allowed_extra(budget: float, least: float, examples: int) -> float:
    """What may be spent on all examples beyond their cheapest exits, with room for rounding. least: the mean cost of these"""
    return (budget - least) * examples * (1 + 1e-9)


@dataclass(frozen=True, eq=False)
class ServedRule(Rule):
    """An `OracleRule` whose budget has been spent on all examples, of which some are routed: those below a place in the order are served.

    end: the first place that is not served, (price, id) as whole numbers, see `_places`; None if all are
    """

    rule: OracleRule
    end: tuple[int, int] | None

    @property
    def knob(self) -> Mapping[str, float]:
        return self.rule.knob

    @property
    def planned_cost(self) -> float:
        return self.rule.planned_cost

    def route(self, outputs: Outputs) -> Route:
        choice = self.rule.choices.of(outputs)
        if self.end is None:
            return Route.straight(outputs, choice.best)
        (price, id), (last_price, last_id) = _places(choice.price, outputs.ids), map(np.uint64, self.end)
        served = (price < last_price) | ((price == last_price) & (id < last_id))
        return Route.straight(outputs, np.where(served, choice.best, choice.cheapest))


def _places(price: NDArray[np.float64], ids: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Whole numbers in the order of the prices, none of which is negative, and of the ids."""
    return np.abs(price).view(np.uint64), ids.view(np.uint64) ^ np.uint64(1 << 63)


#: Bits of a place that a look at all examples tells, and looks that a place takes.
_BITS, _LOOKS = 16, 8


def served_in_parts(rules: Sequence[OracleRule], parts: Callable[[], Iterator[Outputs]]) -> list[ServedRule]:
    """Where the budget of each rule ends, in memory that does not depend on the number of examples.

    A place in the order is 128 bits long. Each look at all examples tells the next 16 bits of the places: it sums up, for each value of
    these bits, what serving the examples there costs.
    """
    choices, examples, least = rules[0].choices, 0, 0.0
    for part in parts():
        choice = choices.of(part)
        examples, least = examples + part.examples, least + float(choice.least.sum())
    allowed = [allowed_extra(rule.budget, least / examples, examples) for rule in rules]
    known: list[int | None] = [0] * len(rules)  # the bits that are known of the first place that is not served; None if all are
    spent = [0.0] * len(rules)  # on the places before these
    for look in range(_LOOKS):
        sums = {bits: np.zeros(1 << _BITS) for bits in known if bits is not None}
        for part in parts():
            choice = choices.of(part)
            price, id = _places(choice.price, part.ids)
            for bits, of_bits in sums.items():
                inside = _begins_with(price, id, bits, look)
                of_bits += np.bincount(_digit(price, id, look)[inside], choice.extra[inside], minlength=1 << _BITS)
        for i, bits in enumerate(known):
            if bits is None:
                continue
            total = spent[i] + np.cumsum(sums[bits])
            beyond = np.flatnonzero(total > allowed[i])
            if len(beyond) == 0:  # only in the first look: later ones are within a place that the budget does not reach
                known[i] = None if look == 0 else (bits << _BITS) + (1 << _BITS) - 1
                continue
            digit = int(beyond[0])
            known[i], spent[i] = (bits << _BITS) + digit, float(total[digit - 1]) if digit else spent[i]
    return [ServedRule(rule, None if bits is None else (bits >> 64, bits % 2**64)) for rule, bits in zip(rules, known, strict=True)]


def _digit(price: NDArray[np.uint64], id: NDArray[np.uint64], look: int) -> NDArray[np.int64]:
    """The bits of each place that a look tells."""
    of, at = (price, look) if look < _LOOKS // 2 else (id, look - _LOOKS // 2)
    return ((of >> np.uint64(64 - _BITS * (at + 1))) & np.uint64((1 << _BITS) - 1)).astype(np.int64)


def _begins_with(price: NDArray[np.uint64], id: NDArray[np.uint64], bits: int, look: int) -> NDArray[np.bool_]:
    """Which places begin with the bits that are known before a look."""
    of_price, of_id = min(_BITS * look, 64), max(_BITS * look - 64, 0)
    inside = np.ones(len(price), bool)
    if of_price:
        inside &= price >> np.uint64(64 - of_price) == np.uint64(bits >> of_id)
    if of_id:
        inside &= id >> np.uint64(64 - of_id) == np.uint64(bits % 2**of_id)
    return inside


@dataclass(frozen=True, eq=False)
class _OracleFit(Fitted):
    calibration: Tuning
    queues: Queues

    @property
    def unit(self) -> str:
        return self.queues.choices.unit

    @property
    def cheapest(self) -> float:
        cost = self.calibration.static_cost(self.unit)
        return float(cost.min(axis=0).mean())

    def _solve(self, budget: float) -> Rule:
        rule = OracleRule(budget, self.queues, budget)
        return replace(rule, planned_cost=rule.route(self.calibration).mean_cost(self.calibration, self.unit))


@register_policy
class Oracle(Policy):
    name = "oracle"
    title = "Oracle: cheapest best exit"
    source = "Bolukbasi et al. 2017 (cheapest correct model; read in the slides). Serving the cheapest examples first: our choice."
    knob = "the budget itself"
    summary = "With the labels known, each example leaves at its cheapest correct exit, as far as the budget allows: a bound, not a policy."
    group = PolicyGroup.BOUNDS
    formula = "leave at the cheapest correct exit, cheapest examples first, as long as the budget lasts"
    use_when = "It shows how far a policy is from leaving at the first correct exit. No bound where quality is graded."
    why = ("the labels say so", "the labels say so")
    needs = frozenset({Need.LABELS})

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> Fitted:
        check_tuning(fit, calibration)
        return _OracleFit(calibration, Queues(Choices(unit)))

    def by_parts(self, rules: Sequence[Rule], parts: Callable[[], Iterator[Outputs]]) -> Sequence[Rule]:
        return served_in_parts([cast(OracleRule, rule) for rule in rules], parts)
