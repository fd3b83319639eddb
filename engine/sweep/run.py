"""A sweep: one policy over many budgets, with its knob set on calibration and results reported on test."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from engine.balance import effective_exits
from engine.errors import UserError
from engine.exit_values import Quality, at_exits, is_binary
from engine.outputs import Outputs
from engine.policies.core.base import Policy, Rule
from engine.policies.methods.planned import NEGLIGIBLE
from engine.policies.methods.single import NOTEWORTHY
from engine.policies.methods.static import RandomMixFit, random_mix
from engine.progress import Progress, no_progress
from engine.route import Route, distinct_paths
from engine.route_changes import Changes
from engine.splits import Split
from engine.sweep.budgets import as_budgets, check_budgets, default_budgets
from engine.sweep.following import Followed, Follower

#: Parts of a sweep, each with a step for every budget: learning, solving, routing the calibration examples, routing the reported ones.
_PARTS = 4

Value = TypeVar("Value")
#: As JSON can write it.
Number = float | str | None


@dataclass(frozen=True)
class Full:
    """The full network on the reported split: its mean cost, of which costs are shares, and its mean quality."""

    cost: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class Sweep:
    """One policy over many budgets. Every cost is a share of the full network's mean cost on the same examples.

    Accuracy is the mean quality: where quality is correct or not, the share of correct examples.

    budgets, planned_cost:                  (points,) given budgets; planned costs of the rules
    calibration_cost, calibration_accuracy: (points,) on the examples the knob was set on
    calibration_shares:                     (points, exits) share of those examples leaving at each exit
    cost, accuracy:                         (points,) on the reported split
    shares:                                 (points, exits) share of the reported examples leaving at each exit
    correct:                                (points, exits) share of them leaving there with a correct prediction, or, where quality is
                                            graded, their quality, so that the sum over exits is the accuracy
    leaving_cost:                           (points, exits) mean cost of those leaving there, NaN where none does
    routes:                                 the tables exit, quality, path and, where exits predict classes, answer, stored as changes
                                            from one budget to the next
    paths:                                  (paths, exits) bool, the distinct sets of stages that ran
    path_cost:                              (paths,) cost of each of them, or (paths, examples) where it depends on the example
    before_half:                            (points,) share of the reported examples that cost at most half of the full network
    exit_cost:                              (exits,) mean cost of leaving at each exit if every stage before it ran
    static_cost, static_accuracy:           (exits,) mean cost and accuracy of each exit if all examples leave there
    notes:                                  (points,) one sentence to show beside the numbers of each point, or empty
    rules:                                  (points,) the policy with its knob set
    reported:                               number of examples that all figures are about, if `routes` are of a sample of them, see
                                            `engine.analysis.whole_sweep`; else None
    """

    policy: str
    unit: str
    split: Split
    full: Full
    budgets: NDArray[np.float64]
    planned_cost: NDArray[np.float64]
    calibration_cost: NDArray[np.float64]
    calibration_accuracy: NDArray[np.float64]
    calibration_shares: NDArray[np.float64]
    cost: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    shares: NDArray[np.float64]
    correct: NDArray[np.float64]
    leaving_cost: NDArray[np.float64]
    routes: Changes
    paths: NDArray[np.bool_]
    path_cost: NDArray[np.float64]
    before_half: NDArray[np.float64]
    exit_cost: NDArray[np.float64]
    static_cost: NDArray[np.float64]
    static_accuracy: NDArray[np.float64]
    notes: Sequence[str]
    rules: Sequence[Rule]
    reported: int | None = None

    def __repr__(self) -> str:
        return f"Sweep({self.policy!r}, {len(self.budgets)} budgets in {self.unit}, {self.examples:,} {self.split} examples)"

    @property
    def examples(self) -> int:
        """Number of examples that are reported on."""
        return self.routed if self.reported is None else self.reported

    @property
    def routed(self) -> int:
        """Number of examples whose routes are known."""
        return len(self.routes.first["exit"])

    @property
    def exit(self) -> NDArray[np.uint8]:
        """The exit each example leaves at, (points, examples)."""
        return self.routes.table("exit")

    @property
    def answer(self) -> NDArray[np.int32]:
        """The prediction each example leaves with, (points, examples). Raises ValueError if the exits predict no classes."""
        if "answer" not in self.routes.first:
            raise ValueError("the exits of this sweep predict no classes")
        return self.routes.table("answer")

    @property
    def quality(self) -> Quality:
        """What each example is worth where it leaves, (points, examples): bool, correct or not, or float32 in [0, 1]."""
        return self.routes.table("quality")

    @property
    def is_graded(self) -> bool:
        """Whether quality is a number in [0, 1] instead of correct or incorrect."""
        return not is_binary(self.routes.first["quality"])

    @property
    def is_correct(self) -> NDArray[np.bool_]:
        """Whether each example leaves correctly, (points, examples). Raises ValueError where quality is graded."""
        if self.is_graded:
            raise ValueError("the outputs of this sweep are graded, not correct or incorrect; read its quality")
        return cast(NDArray[np.bool_], self.quality)

    def cost_at(self, point: int) -> NDArray[np.float64]:
        """The cost of each example at one budget, (examples,)."""
        return at_exits(self.path_cost, self.routes.at(point)["path"])

    @property
    def path(self) -> NDArray[np.unsignedinteger]:
        """Which of `paths` each example took, (points, examples)."""
        return self.routes.table("path")

    @property
    def nbytes(self) -> int:
        """Memory taken by the arrays, without the rules."""
        arrays = (value for value in vars(self).values() if isinstance(value, np.ndarray))
        return self.routes.nbytes + sum(array.nbytes for array in arrays)

    @property
    def incorrect(self) -> NDArray[np.float64]:
        """Share of the reported examples leaving at each exit with an incorrect prediction, (points, exits): shares minus `correct`."""
        return self.shares - self.correct

    def as_json(self, bundle: str) -> dict:
        """The document of `sweep --json`: plain numbers only."""
        points = [
            {
                "budget": float(self.budgets[i]),
                "planned_cost": float(self.planned_cost[i]),
                "calibration_cost": float(self.calibration_cost[i]),
                "calibration_accuracy": float(self.calibration_accuracy[i]),
                "calibration_shares": self.calibration_shares[i].tolist(),
                "cost": float(self.cost[i]),
                "accuracy": float(self.accuracy[i]),
                "shares": self.shares[i].tolist(),
                "right_shares": self.correct[i].tolist(),
                "effective_exits": float(effective_exits(self.shares[i])),
                "knob": _json_knob(rule),
                "note": self.notes[i],
            }
            for i, rule in enumerate(self.rules)
        ]
        full = {"cost": self.full.cost, "accuracy": self.full.accuracy}
        head = {"bundle": bundle, "policy": self.policy, "unit": self.unit, "split": str(self.split), "examples": self.examples}
        return {**head, "full": full, "points": points}


def run_sweep(
    policy: Policy,
    outputs: Outputs,
    budgets: Sequence[float] | NDArray[np.floating] | int = 21,
    unit: str = "macs",
    split: Split = Split.TEST,
    progress: Progress = no_progress,
    also: Sequence[float] = (),
) -> Sweep:
    """Fit a policy once, solve it for every budget on calibration, and route the reported examples.

    budgets:  shares of the full network's cost, or a number of evenly spaced budgets
    progress: called with the steps done and the steps in all, `_PARTS` for each budget; what it raises ends the sweep
    also:     further budgets, sorted in among evenly spaced ones
    Raises UserError if the policy cannot run on these outputs or a budget is out of reach.
    """
    reason = policy.unavailable_reason(outputs)
    if reason:
        raise UserError(reason)
    if not isinstance(budgets, int):
        budgets = as_budgets(budgets)
        if also:
            raise ValueError("`also` adds to evenly spaced budgets; put all budgets into the list instead")
    points = budgets + len(also) if isinstance(budgets, int) else len(budgets)

    def counted(values: Iterable[Value], part: int) -> Iterator[Value]:
        for done, value in enumerate(values):
            progress(part * points + done, _PARTS * points)
            yield value

    calibration, reported = outputs.tuning(Split.CALIBRATION), outputs.part(split)
    full_cost, reported_cost = calibration.full_cost(unit), reported.full_cost(unit)  # they differ where costs vary by example
    progress(0, _PARTS * points)
    fitted = policy.fit_in_steps(  # the fit examples are not kept: they may take as much memory as all others
        outputs.tuning(Split.FIT) if Split.FIT in outputs.split else calibration,
        calibration,
        unit,
        lambda done, total: progress(points * done // total, _PARTS * points),
    )
    if isinstance(budgets, int):
        # If the cheapest network is not the first, a policy that starts with the first cannot spend as little as the cheapest.
        spaced = np.maximum(default_budgets(calibration, unit, budgets), fitted.cheapest / full_cost)
        budgets = np.sort(np.concatenate([spaced, as_budgets(also)])) if also else as_budgets(spaced)
    check_budgets(policy, budgets, fitted.cheapest / full_cost)
    rules = [fitted.solve(max(budget * full_cost, fitted.cheapest)) for budget in counted(budgets, 1)]
    tuned = [*map(Follower(calibration, unit), counted(rules, 2))]
    mix = random_mix(calibration, unit)
    followed, results, known = Follower(reported, unit), [], {}

    def rows() -> Iterator[dict[str, NDArray]]:
        for rule in counted(rules, 3):
            route = rule.route(reported)
            results.append(followed(rule, route))
            row = {"exit": route.exit.astype(np.uint8), "quality": route.known_quality, "path": _path_index(route, known)}
            yield row if route.prediction is None else row | {"answer": route.prediction}

    routes = Changes.of_rows(rows())
    paths = np.array([np.frombuffer(path, bool) for path in known])
    sweep = Sweep(
        policy=policy.name,
        unit=unit,
        split=split,
        full=Full(reported_cost, float(reported.quality[reported.full].mean(dtype=np.float64))),
        budgets=budgets,
        planned_cost=np.array([rule.planned_cost for rule in rules]) / full_cost,
        calibration_cost=np.array([point.cost for point in tuned]) / full_cost,
        calibration_accuracy=np.array([point.accuracy for point in tuned]),
        calibration_shares=np.array([point.shares for point in tuned]),
        cost=np.array([point.cost for point in results]) / reported_cost,
        accuracy=np.array([point.accuracy for point in results]),
        shares=np.array([point.shares for point in results]),
        correct=np.array([point.correct for point in results]),
        leaving_cost=np.array([point.leaving_cost for point in results]) / reported_cost,
        routes=routes,
        paths=paths,
        path_cost=paths @ reported.cost_in(unit) / reported_cost,
        before_half=np.array([point.before_half for point in results]),
        exit_cost=reported.mean_cascade_cost(unit) / reported_cost,
        static_cost=reported.mean_static_cost(unit) / reported_cost,
        static_accuracy=reported.quality.mean(axis=1, dtype=np.float64),
        notes=[
            _note(policy, point, rule, mix, budget * full_cost, outputs.is_graded)
            for point, rule, budget in zip(tuned, rules, budgets, strict=True)
        ],
        rules=rules,
    )
    progress(_PARTS * points, _PARTS * points)
    return sweep


def _note(policy: Policy, tuned: Followed, rule: Rule, mix: RandomMixFit, budget: float, graded: bool) -> str:
    """The rule's own note, or one sentence if it does worse on calibration than the random mix for the same budget.

    tuned: the rule on the calibration examples; budget: the allowed mean cost, in the unit of the sweep; graded: whether results have a
    quality and are not correct or incorrect
    """
    expected = mix.accuracy_at(budget)
    if rule.note or not policy.deployable or tuned.accuracy >= expected - NEGLIGIBLE:
        return rule.note
    points = 100 * (expected - tuned.accuracy)
    if graded:
        more = f"{points / 100:.3f} better in quality" if points >= 0.05 else "slightly better in quality"
    else:
        more = f"{points:.1f} points more accurate" if points >= 0.05 else "slightly more accurate"
    spent = tuned.cost / budget if budget > 0 else 1.0
    why = f"this policy spends only {spent:.0%} of it" if spent < 1 - NOTEWORTHY else "both spend as much"
    return f"On calibration the random mix is {more} at this budget; {why}."


def _path_index(route: Route, known: dict[bytes, int]) -> NDArray[np.uint16]:
    """The number of each example's path, (examples,), as in `known`, {stages that ran: number}. New paths are added to it."""
    paths, taken = distinct_paths(route.visited)
    return np.array([known.setdefault(path.tobytes(), len(known)) for path in paths], np.uint16)[taken]


def _json_knob(rule: Rule) -> dict[str, Number | list[Number]]:
    """The knob, with infinities as "inf" and "-inf" and NaN as null, because JSON has none of them. Ties are there unless all leave."""

    def number(value: float) -> Number:
        if np.isfinite(value):
            return float(value)
        return None if np.isnan(value) else "inf" if value > 0 else "-inf"

    knob: dict[str, Number | list[Number]] = {name: number(value) for name, value in rule.knob.items()}
    threshold_spec = rule.threshold_spec()
    if threshold_spec is not None:
        knob["thresholds"] = [number(value) for value in threshold_spec.thresholds]
        if threshold_spec.ties is not None:
            knob["ties"] = threshold_spec.ties.tolist()
    return knob
