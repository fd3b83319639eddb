"""Graded quality and costs that depend on the example: every policy and every sweep equals a slow sum over the rows."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.exit_values import Quality, at_exits
from engine.outputs import CascadeKind, Outputs
from engine.policies import POLICIES
from engine.policies.core.base import InfeasibleBudget, Policy, Rule
from engine.policies.core.mixing import MixedRule
from engine.route import Route
from engine.splits import Split
from engine.sweep import Sweep, run_sweep
from tests import synthetic
from tests.thorough import variants

#: Of each kind of outputs. Costs vary with the difficulty in one unit and are the same for all examples in the other.
EXAMPLES, BUDGETS = 360, [0.35, 0.6, 0.9]
#: Classes and one cost for all examples.
PLAIN = {kind: synthetic.outputs(EXAMPLES, 4, 5, seed=9, kind=kind) for kind in CascadeKind}


def graded(made: Outputs, seed: int = 0) -> Quality:
    """Quality between 0 and 1 that rises with the probability of the label, (exits, examples)."""
    rng = np.random.default_rng(seed)
    rows = np.arange(made.examples)
    of_label = made.known_logits[:, rows, made.known_labels] - made.known_logits.mean(axis=2)
    return np.clip(0.5 + 0.2 * of_label + rng.normal(0, 0.1, of_label.shape), 0, 1).astype(np.float32)


def by_difficulty(made: Outputs) -> dict[str, NDArray[np.float64]]:
    """Difficult examples cost up to three times as much, as long sentences do."""
    factor = 1 + 2 * made.factors["difficulty"].astype(np.float64)
    return {"macs": made.stage_cost["macs"][:, None] * factor, "latency_ms": made.stage_cost["latency_ms"]}


def logs(made: Outputs, quality: Quality) -> dict[str, Any]:
    """What a log of models holds: a quality and a confidence, and neither classes nor logits."""
    scores = {"maxprob": made.scores["maxprob"]}
    given = {"prediction": None, "labels": None, "logits": None, "recorded": "confidence"}
    return {**given, "classes": 0, "scores": scores, "judged": quality}


def with_failures(made: Outputs, share: float = 0.1) -> Outputs:
    """This share of all runs failed: nothing came back, and it had to be paid for."""
    failed = np.random.default_rng(4).uniform(size=(made.exits, made.examples)) < share
    scores = {name: np.where(failed, np.float32(-np.inf), score) for name, score in made.scores.items()}
    return replace(made, judged=made.quality & ~failed, scores=scores)


def cases() -> dict[str, Outputs]:
    chain, family = PLAIN[CascadeKind.CHAIN], PLAIN[CascadeKind.FAMILY]
    return {
        "classes, costs by example": replace(chain, stage_cost=by_difficulty(chain)),
        "graded": replace(chain, judged=graded(chain)),
        "graded family, costs by example": replace(family, judged=graded(family), stage_cost=by_difficulty(family)),
        "log, correct or not": replace(family, **logs(family, family.correct)),
        "log, graded, costs by example": replace(family, **logs(family, graded(family)), stage_cost=by_difficulty(family)),
        "log without confidence": replace(family, **{**logs(family, family.correct), "scores": {}}),
        "chain, one confidence": replace(chain, **logs(chain, chain.correct)),
        "graded, features only": replace(synthetic.with_features(chain), **{**logs(chain, graded(chain)), "scores": {}}),
        "family, features and before": replace(
            synthetic.with_features(family), **logs(family, graded(family)), stage_cost=by_difficulty(family)
        ),
        "log with failures": with_failures(replace(family, **logs(family, family.correct))),
        "free first stage": replace(chain, stage_cost={"macs": np.array([0.0, 6e6, 9e6, 13e6])}),
    }


CASES = cases()
#: Only these may refuse outputs without classes, and those that read one of the scores that are computed from logits.
CLASSES = ("ztw", "committee", "single_threshold_calibrated", "patience")
OTHER_SCORES = ("entropy", "margin", "energy", "maxlogit")
EVERY_PAIR = [(case, name) for case, made in CASES.items() for name in POLICIES if POLICIES[name].unavailable_reason(made) is None]
#: Those that take seconds to fit are fitted on graded quality with features, and where exits failed.
SLOW = ("bolukbasi", "myopic", "jei", "eenet")
SLOW_CASES = ("graded family, costs by example", "log with failures", "family, features and before")
PAIRS = variants(EVERY_PAIR, *((case, name) for case, name in EVERY_PAIR if name not in SLOW or case in SLOW_CASES))


def row_by_row(made: Outputs, unit: str, route: Route) -> tuple[float, float]:
    """Mean quality and mean cost, one example after another."""
    quality = spent = 0.0
    cost = made.stage_cost[unit]
    for i in range(made.examples):
        if made.judged is not None:
            quality += float(made.judged[int(route.exit[i]), i])
        else:
            assert route.prediction is not None and made.labels is not None
            quality += float(route.prediction[i] == made.labels[i])
        spent += sum(float(cost[j] if cost.ndim == 1 else cost[j, i]) for j in range(made.exits) if route.visited[j, i])
    return quality / made.examples, spent / made.examples


@cache
def swept_once(case: str, name: str) -> Sweep:
    return run_sweep(POLICIES[name], CASES[case], BUDGETS, "macs")


@pytest.mark.parametrize(("case", "name"), PAIRS)
def test_a_sweep_equals_the_sum_over_its_rows(case: str, name: str) -> None:
    swept, test = swept_once(case, name), CASES[case].test()
    for point, rule in enumerate(swept.rules):
        parts = [(weight, *row_by_row(test, "macs", part.route(test))) for weight, part in rule.parts()]
        assert swept.accuracy[point] == pytest.approx(sum(weight * quality for weight, quality, _ in parts), abs=1e-6)
        assert swept.cost[point] == pytest.approx(sum(weight * cost for weight, _, cost in parts) / test.full_cost("macs"), abs=1e-9)
        assert swept.correct[point].sum() == pytest.approx(swept.accuracy[point], abs=1e-6)
        assert (swept.shares[point] * np.nan_to_num(swept.leaving_cost[point])).sum() == pytest.approx(swept.cost[point])
        if len(parts) == 1:
            assert swept.cost_at(point).mean() == pytest.approx(swept.cost[point])


def expected_cost(rule: Rule, outputs: Outputs) -> float:
    """Mean cost of a rule, the expectation over the draws of a mix."""
    if isinstance(rule, MixedRule):
        return (1 - rule.share) * expected_cost(rule.cheap, outputs) + rule.share * expected_cost(rule.costly, outputs)
    return rule.route(outputs).mean_cost(outputs, "macs")


@pytest.mark.parametrize(("case", "name"), PAIRS)
def test_calibration_spends_the_budget_by_its_own_costs(case: str, name: str) -> None:
    """Where costs rise with difficulty, a plan by mean costs would spend more than the budget."""
    swept = swept_once(case, name)
    calibration = CASES[case].tuning(Split.CALIBRATION)
    spent = np.array([expected_cost(rule, calibration) for rule in swept.rules]) / calibration.full_cost("macs")
    assert (spent <= np.array(BUDGETS) + 0.02).all()
    assert (swept.calibration_cost <= spent + 0.06).all(), "a mix draws a few more or less"
    assert (swept.planned_cost <= np.array(BUDGETS) + 1e-9).all()


def test_a_plan_by_mean_costs_would_spend_more() -> None:
    """The reason for planning with the examples' own costs: the difference is not small."""
    made = CASES["classes, costs by example"]
    means = replace(made, stage_cost={"macs": made.stage_cost["macs"].mean(axis=1)})
    calibration = made.tuning(Split.CALIBRATION)
    rule = run_sweep(POLICIES["maxprob"], means, [0.3], "macs").rules[0]
    spent = rule.route(calibration).mean_cost(calibration, "macs") / calibration.full_cost("macs")
    own = run_sweep(POLICIES["maxprob"], made, [0.3], "macs").calibration_cost[0]
    assert spent > 0.32 and own == pytest.approx(0.3, abs=0.01)


@cache
def swept_plain(name: str, kind: CascadeKind = CascadeKind.CHAIN) -> Sweep:
    return run_sweep(POLICIES[name], PLAIN[kind], BUDGETS)


@pytest.mark.parametrize("name", list(POLICIES))
def test_costs_that_do_not_vary_change_nothing(name: str) -> None:
    for kind in (CascadeKind.CHAIN,) if name in ("bolukbasi", "myopic") else CascadeKind:  # these take seconds
        made = PLAIN[kind]
        repeated = {unit: np.repeat(cost[:, None], made.examples, axis=1) for unit, cost in made.stage_cost.items()}
        if POLICIES[name].unavailable_reason(made) is None:
            same(swept_plain(name, kind), run_sweep(POLICIES[name], replace(made, stage_cost=repeated), BUDGETS))


@pytest.mark.parametrize("name", list(POLICIES))
def test_judged_correctness_gives_what_labels_gave(name: str) -> None:
    made = PLAIN[CascadeKind.CHAIN]
    judged = replace(made, judged=made.correct)
    if POLICIES[name].unavailable_reason(judged) is None:
        same(swept_plain(name), run_sweep(POLICIES[name], judged, BUDGETS))


@pytest.mark.parametrize("name", list(POLICIES))
def test_quality_of_0_and_1_gives_the_same_accuracy(name: str) -> None:
    made = PLAIN[CascadeKind.CHAIN]
    numbers = replace(made, judged=made.correct.astype(np.float32))
    if POLICIES[name].unavailable_reason(numbers) is None:
        before, after = swept_plain(name), run_sweep(POLICIES[name], numbers, BUDGETS)
        np.testing.assert_allclose(before.accuracy, after.accuracy, atol=0.02)
        np.testing.assert_allclose(before.static_accuracy, after.static_accuracy)


def best_use(quality: NDArray, cost: NDArray, budget: float) -> float:
    """The most quality for a budget, with fractions of examples: increments of each example's concave hull, by slope."""
    steps, total, spent = [], 0.0, 0.0
    for i in range(quality.shape[1]):
        points = sorted(zip(cost[:, i].tolist(), quality[:, i].tolist(), strict=True), key=lambda point: (point[0], -point[1]))
        hull: list[tuple[float, float]] = []
        for c, q in points:
            if hull and q <= hull[-1][1]:
                continue
            while len(hull) >= 2 and (hull[-1][1] - hull[-2][1]) * (c - hull[-1][0]) <= (q - hull[-1][1]) * (hull[-1][0] - hull[-2][0]):
                hull.pop()
            hull.append((c, q))
        total, spent = total + hull[0][1], spent + hull[0][0]
        steps += [(b[1] - a[1], b[0] - a[0]) for a, b in zip(hull, hull[1:], strict=False)]
    left = budget * quality.shape[1] - spent
    for gained, price in sorted(steps, key=lambda step: -step[0] / max(step[1], 1e-300)):
        share = min(1.0, left / price) if price > 0 else 1.0
        total, left = total + share * gained, left - share * price
        if share < 1:
            break
    return total / quality.shape[1]


@pytest.mark.parametrize("case", ["classes, costs by example", "graded", "log, graded, costs by example", "log, correct or not"])
def test_the_budgeted_oracle_is_the_best_use_of_each_examples_own_costs(case: str) -> None:
    made = CASES[case]
    calibration = made.tuning(Split.CALIBRATION)
    quality = np.asarray(calibration.quality, np.float64)
    cost = np.broadcast_to(calibration.static_cost("macs").reshape(made.exits, -1), quality.shape)
    swept = run_sweep(POLICIES["oracle_budgeted"], made, BUDGETS, "macs")
    for budget, accuracy in zip(BUDGETS, swept.calibration_accuracy, strict=True):
        exact = best_use(quality, cost, budget * calibration.full_cost("macs"))
        assert exact - 0.01 < accuracy <= exact + 1e-2  # examples between two prices are drawn by their ids, so a few more or less


def same(before: Sweep, after: Sweep) -> None:
    for name in ("exit", "quality"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    for name in ("cost", "accuracy", "planned_cost", "calibration_cost", "shares", "static_cost"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


def test_what_a_policy_lacks_is_said_in_words_of_the_outputs() -> None:
    log, bare = CASES["log, correct or not"], CASES["log without confidence"]

    def reason(policy: Policy, made: Outputs) -> str:
        return policy.unavailable_reason(made) or ""

    assert reason(POLICIES["patience"], log) == ("Patience compares the classes that the exits predict, and these exits predict none.")
    assert "these outputs have no scores" in reason(POLICIES["maxprob"], bare)
    assert reason(POLICIES["jei"], bare) == "JEI gate learns from the logits, a score or a feature of every exit, and none are recorded."
    assert reason(POLICIES["router"], log) == (
        "Router before the first model chooses by what is known of an example before any model runs, and nothing is recorded of that."
    )
    assert {name for name in POLICIES if reason(POLICIES[name], CASES["family, features and before"])} <= {*CLASSES, *OTHER_SCORES}
    assert {name for name in POLICIES if POLICIES[name].unavailable_reason(bare) is None} >= {"static", "random_mix", "oracle_budgeted"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"judged": np.full((4, EXAMPLES), 1.5, np.float32)}, "quality outside"),
        ({"judged": np.full((4, EXAMPLES), np.nan, np.float32)}, "quality outside"),
        ({"prediction": None}, "prediction and labels are needed"),
        ({"stage_cost": {"macs": np.zeros(4)}}, "is 0 for the full network"),
        ({"stage_cost": {"macs": np.array([1.0, -1, 1, 1])}}, "negative"),
        ({"stage_cost": {"macs": np.ones((3, EXAMPLES))}}, "expected"),
    ],
)
def test_invalid_outputs_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        replace(synthetic.outputs(EXAMPLES, 4, 5), **changes)


BY_THRESHOLD = [
    name for case, name in PAIRS if case == "log with failures" and name not in ("static", "random_mix") and POLICIES[name].deployable
]


@pytest.mark.parametrize("name", BY_THRESHOLD)
def test_no_example_leaves_where_an_exit_failed_before_the_last(name: str) -> None:
    made = CASES["log with failures"]
    swept = run_sweep(POLICIES[name], made, [0.26, 0.4, 0.7, 1.2], "macs")
    for part in (made.tuning(Split.CALIBRATION), made.test()):
        failed = np.isneginf(part.scores["maxprob"])
        for rule in swept.rules:
            for _, one in rule.parts():
                exit = one.route(part).exit
                if any(one.knob) and "exit" not in one.knob:  # a fallback to static exits is no threshold
                    assert not failed[exit, np.arange(part.examples)][exit < made.exits - 1].any()
    assert (swept.calibration_cost <= np.array([0.26, 0.4, 0.7, 1.2]) + 0.02).all()


@pytest.mark.parametrize("name", ["maxprob", "eenet", "free_thresholds", "single_threshold"])
@pytest.mark.parametrize("kind", CascadeKind)
def test_where_many_fail_calibration_spends_what_is_planned(name: str, kind: CascadeKind) -> None:
    """Examples that cannot leave at an exit that failed on them cost more than the means of the exits: some budgets are out of reach."""
    classified = PLAIN[kind]
    made = with_failures(replace(classified, **logs(classified, classified.correct)), share=0.3)
    calibration = made.tuning(Split.CALIBRATION)
    ready = POLICIES[name].fit(made.tuning(Split.FIT), calibration, "macs")
    leaves = np.isfinite(calibration.scores["maxprob"])
    leaves[-1] = True
    cost = np.broadcast_to(calibration.cascade_cost("macs")[:, None], leaves.shape)
    assert ready.cheapest == pytest.approx(at_exits(cost, leaves.argmax(axis=0)).mean())
    for budget in np.linspace(ready.cheapest, calibration.full_cost("macs"), 5):
        rule = ready.solve(budget)
        assert expected_cost(rule, calibration) == pytest.approx(rule.planned_cost) and rule.planned_cost <= budget * (1 + 1e-9)
    with pytest.raises(InfeasibleBudget):
        ready.solve(0.99 * ready.cheapest)
