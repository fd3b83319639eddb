"""What every policy guarantees, however it works: these tests run over all registered policies.

A new policy is tested here without any code of its own. Each is fitted once on each kind of outputs and solved for some budgets.
"""

import ast
import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import engine.policies
from engine.errors import UserError
from engine.outputs import Outputs
from engine.policies import POLICIES, Fitted, InfeasibleBudget, Need, Rule, policy
from engine.policies.core.base import PolicyGroup
from engine.policies.core.logit_store import LogitStore
from engine.policies.core.online_rules import ExitOutputs
from engine.route import Route
from engine.scores import SURENESS
from engine.splits import BUNDLE_SPLITS, Split
from engine.sweep import run_sweep
from tests.engine.policies import reference
from tests.sentences import assert_one_sentence
from tests.synthetic import corner_cases, outputs
from tests.thorough import variants

KINDS = {
    "chain": outputs(examples=300, seed=20),
    "family": outputs(examples=240, exits=3, seed=21, kind="family"),
    "probabilities": outputs(examples=150, exits=3, seed=22, recorded="probabilities"),
    "confidence": outputs(examples=150, exits=3, seed=23, recorded="confidence"),
    "before": outputs(examples=240, exits=3, seed=24, kind="family", features=True),
}
CASES = {**KINDS, **corner_cases()}

#: Policies fitted by iterative optimisation of floating-point sums over the examples. The order of examples or classes changes the last
#: digits of such a sum, so their results may differ slightly. They are required to be nearly the same, all others exactly the same.
CLIMBING = {"bolukbasi", "myopic", "jei", "eenet", "router", "ztw", "single_threshold_calibrated"}

#: Policies that take a second or more to fit. They are fitted once on every case like the rest, and fitted again on the chain only.
SLOW = {"bolukbasi", "myopic", "jei", "eenet", "ztw"}


def allowed(*names: str) -> list[tuple[str, str]]:
    """Every policy with each of the named cases that it can run on. The case "before" is for those that need more than logits."""
    pairs = [(name, case) for case in names or CASES for name in POLICIES if case != "before" or Need.BEFORE in POLICIES[name].needs]
    return [(name, case) for name, case in pairs if POLICIES[name].unavailable_reason(CASES[case]) is None]


def to_fit_again(*more: str) -> list[tuple[str, str]]:
    """Every policy on every kind of outputs and on more cases, for tests that fit it again."""
    return [(name, case) for name, case in allowed(*KINDS, *more) if case == "chain" or name not in SLOW]


def deployable(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, case) for name, case in pairs if POLICIES[name].deployable]


def some() -> list[tuple[str, str]]:
    """Every policy on every kind of outputs, and on every second of the other cases, so that each of these is tested with half of them.

    `myopic` and `jei` learn gates as `bolukbasi` does.
    """
    every = [(name, case) for name, case in allowed() if name not in ("myopic", "jei") or case in KINDS]
    in_turn = {pair for k, case in enumerate(CASES) for pair in [(name, case) for name in POLICIES][k % 2 :: 2]}
    return [(name, case) for name, case in every if case in KINDS or (name, case) in in_turn]


every_case = pytest.mark.parametrize(("name", "case"), variants(allowed(), *some()))
every_kind_again = pytest.mark.parametrize(("name", "case"), to_fit_again())
every_policy = pytest.mark.parametrize("name", POLICIES)


def fit(name: str, made: Outputs, unit: str = "macs") -> Fitted:
    return POLICIES[name].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), unit)


@cache
def fitted(name: str, case: str) -> Fitted:
    return fit(name, CASES[case])


def max_cost(made: Outputs, unit: str = "macs") -> float:
    """The mean cost if all examples run every stage."""
    return float(made.cascade_cost(unit)[-1])


def budgets_for(ready: Fitted, made: Outputs) -> list[float]:
    """The smallest and the largest budget and two between: one so small that an oracle cannot serve all examples, and a medium one."""
    return [ready.cheapest + share * (max_cost(made) - ready.cheapest) for share in (0.0, 0.05, 0.4, 1.0)]


@cache
def solved(name: str, case: str) -> list[tuple[float, Rule, Route]]:
    """Budgets, their rules, and the routes of the test examples."""
    ready, made = fitted(name, case), CASES[case]
    rules = [(budget, ready.solve(budget)) for budget in budgets_for(ready, made)]
    return [(budget, rule, rule.route(made.test())) for budget, rule in rules]


def same_route(a: Route, b: Route) -> bool:
    return all(np.array_equal(getattr(a, part), getattr(b, part)) for part in ("exit", "visited", "prediction"))


def rearranged(route: Route, order: np.ndarray) -> Route:
    return Route(route.exit[order], route.visited[:, order], route.prediction[order])


# Routes


@every_case
def test_routes_are_valid(name, case):
    made = CASES[case]
    test = made.test()
    for _, rule, route in solved(name, case):
        shares = route.shares(test.exits)
        assert shares.shape == (test.exits,) and (shares >= 0).all() and shares.sum() == pytest.approx(1, abs=1e-12)
        assert route.exit.shape == route.prediction.shape == (test.examples,) and route.visited.shape == (test.exits, test.examples)
        assert (route.exit.dtype, route.visited.dtype, route.prediction.dtype) == (np.int64, np.bool_, np.int32)
        assert route.exit.min() >= 0 and route.exit.max() < test.exits
        assert route.prediction.min() >= 0 and route.prediction.max() < test.classes
        assert route.visited[route.exit, np.arange(test.examples)].all(), "an example left at an exit whose stage never ran"
        up_to_exit = np.arange(test.exits)[:, None] <= route.exit
        if test.kind == "chain":
            assert np.array_equal(route.visited, up_to_exit), "a chain runs every stage up to the exit and none after it"
        cheapest, most = test.static_cost("macs").min(), max_cost(test)
        assert cheapest * (1 - 1e-9) <= route.mean_cost(test, "macs") <= most * (1 + 1e-9)
        threshold_spec = rule.threshold_spec()
        if threshold_spec is not None:
            assert threshold_spec.score in (*test.scores, SURENESS.name)
            assert threshold_spec.thresholds.shape == (test.exits - 1,) and not np.isnan(threshold_spec.thresholds).any()
            # The thresholds that are plotted are the ones that decide.
            ties = np.ones(test.exits - 1) if threshold_spec.ties is None else threshold_spec.ties
            first = np.array(
                reference.tied_cascade(reference.floats(rule.decision_scores(test)), threshold_spec.thresholds, ties, test.ids.tolist())
            )
            assert np.mean(first != route.exit) <= 0.01, "they may differ by rounding at most"


@pytest.mark.parametrize(("name", "case"), allowed("one exit"))
def test_all_examples_leave_at_the_only_exit(name, case):
    for _, _, route in solved(name, case):
        assert (route.exit == 0).all() and np.array_equal(route.prediction, CASES[case].test().prediction[0])


# While the network runs


def walked(rule: Rule, test: Outputs) -> Route:
    """The slow way: one example at a time and one exit at a time, with only the outputs of exits that have run."""
    online_rule, last = rule.online_rule(test.kind), test.exits - 1
    ends = []
    for i in range(test.examples):
        id, logits, before = test.ids[i : i + 1], {}, {name: values[i : i + 1] for name, values in test.before.items()}
        ran, next_exit, at = np.zeros(test.exits, bool), int(online_rule.start(id, before)[0]), -1
        while next_exit != at:
            assert next_exit > at, "exits run in order"
            at = next_exit
            ran[at if test.kind == "family" else slice(at + 1)] = True
            logits[at] = LogitStore(test.logits[at, i : i + 1])
            exit_outputs = ExitOutputs(logits, np.zeros(1, np.int64), before)
            next_exit = at if at == last else int(online_rule.after(at, id, exit_outputs)[0])
        ends.append((at, ran, int(online_rule.answer(at, id, exit_outputs)[0])))
    exit, visited, prediction = zip(*ends, strict=True)
    return Route(np.array(exit), np.array(visited).T, np.array(prediction))


@pytest.mark.parametrize(("name", "case"), deployable([pair for pair in variants(allowed(), *some()) if CASES[pair[1]].logits is not None]))
def test_online_rules_give_the_same_routes(name, case):
    made = CASES[case]
    some = made.test().take(slice(0, 25))
    for _, rule, route in solved(name, case)[1:3]:
        assert rule.online_rule(made.kind) is not None, "a deployable policy must be able to stop a running network"
        assert same_route(walked(rule, some), rearranged(route, np.arange(made.test().examples)[:25]))


@pytest.mark.parametrize("name", [name for name in POLICIES if not POLICIES[name].deployable])
def test_oracles_have_no_online_rule(name):
    for _, rule, _ in solved(name, "chain") + solved(name, "family"):
        assert rule.online_rule("chain") is None and rule.online_rule("family") is None


# Budgets


@every_case
def test_the_plan_is_within_the_budget(name, case):
    made = CASES[case]
    cheapest = fitted(name, case).cheapest
    assert made.static_cost("macs").min() * (1 - 1e-9) <= cheapest <= max_cost(made) * (1 + 1e-9)
    for budget, rule, _ in solved(name, case):
        assert isinstance(rule.planned_cost, float) and cheapest * (1 - 1e-6) <= rule.planned_cost <= budget * (1 + 1e-6)
        assert all(isinstance(key, str) and not math.isnan(value) for key, value in rule.knob.items())
    if case in KINDS:
        planned = [rule.planned_cost for _, rule, _ in solved(name, case)]
        assert (np.diff(planned) >= -1e-6 * max_cost(made)).all(), "a larger budget plans less"


@every_case
def test_budgets_beyond_both_ends(name, case):
    """Out of reach: refused. Below the cheapest by a rounding error: met. Above the largest cost: changes nothing."""
    ready, made = fitted(name, case), CASES[case]
    for budget in (0.9 * ready.cheapest, 1e-9, 0.0, -1.0):
        with pytest.raises(InfeasibleBudget) as mistake:
            ready.solve(budget)
        assert_one_sentence(str(mistake.value), "give at least")
    assert ready.solve(ready.cheapest * (1 - 1e-12)).planned_cost == pytest.approx(ready.cheapest, rel=1e-6)
    most = ready.solve(1.001 * max_cost(made))
    assert most.planned_cost <= max_cost(made) * (1 + 1e-6)
    for budget in (2 * max_cost(made), 1000 * max_cost(made)):
        rule = ready.solve(budget)
        assert rule.planned_cost == pytest.approx(most.planned_cost, rel=1e-6)
        assert same_route(rule.route(made.test()), most.route(made.test()))


@every_kind_again
def test_budgets_are_met_in_any_unit(name, case):
    made = CASES[case]
    ready = fit(name, made, "latency_ms")
    assert ready.cheapest <= max_cost(made, "latency_ms")
    for budget in np.linspace(ready.cheapest, max_cost(made, "latency_ms"), 3):
        assert ready.solve(budget).planned_cost <= budget * (1 + 1e-6)


# What must not matter


@pytest.mark.parametrize(("name", "case"), to_fit_again("duplicated rows", "constant scores"))
def test_fitting_again_and_solving_in_another_order_gives_the_same(name, case):
    again = fit(name, CASES[case])
    assert again.cheapest == fitted(name, case).cheapest
    for budget, rule, route in reversed(solved(name, case)):
        twin = again.solve(budget)
        assert twin.planned_cost == rule.planned_cost and dict(twin.knob) == dict(rule.knob)
        assert same_route(twin.route(CASES[case].test()), route)


@every_case
def test_permuted_test_examples_take_the_same_routes(name, case):
    """Nor does the route of an example depend on other examples, except with oracles, which spend a budget on all that they are given."""
    test = CASES[case].test()
    order = np.random.default_rng(0).permutation(test.examples)
    for _, rule, route in solved(name, case):
        assert same_route(rule.route(test.take(order)), rearranged(route, order))
    if POLICIES[name].deployable:
        _, rule, route = solved(name, case)[1]
        for some in (slice(0, 1), slice(test.examples // 3, None)):
            assert same_route(rule.route(test.take(some)), rearranged(route, np.arange(test.examples)[some]))


def changed(name: str, case: str, made: Outputs, back: np.ndarray | None = None) -> Iterator[tuple[Route, Route]]:
    """Routes with the original outputs and with changed ones; `back` translates the new predictions."""
    ready = fit(name, made)
    for budget, _, route in solved(name, case):
        after = ready.solve(max(budget, ready.cheapest)).route(made.test())
        yield route, after if back is None else replace(after, prediction=back[after.prediction].astype(np.int32))


def assert_same(name: str, pairs: Iterator[tuple[Route, Route]]) -> None:
    for before, after in pairs:
        if name in CLIMBING:
            assert np.mean(before.exit != after.exit) <= 0.02 and np.mean(before.prediction != after.prediction) <= 0.02
        else:
            assert same_route(before, after)


@every_kind_again
def test_permuted_tuning_examples_give_the_same_rules(name, case):
    """Permuted within each split, so that test examples stay in place."""
    made = CASES[case]
    rng = np.random.default_rng(1)
    parts = [np.flatnonzero(made.split == split) for split in BUNDLE_SPLITS]
    order = np.concatenate([rng.permutation(parts[0]), rng.permutation(parts[1]), parts[2]])
    assert_same(name, changed(name, case, made.take(order)))


def renamed(made: Outputs, new_name: np.ndarray) -> Outputs:
    """Class c is renamed to new_name[c], in labels, predictions and logits."""
    logits = None
    if made.logits is not None:
        logits = np.empty_like(made.logits)
        logits[..., new_name] = made.logits
    labels, prediction = new_name[made.labels].astype(np.int32), new_name[made.prediction].astype(np.int32)
    return replace(made, labels=labels, prediction=prediction, logits=logits)


@every_kind_again
def test_renamed_classes_change_nothing(name, case):
    made = CASES[case]
    new_name = np.random.default_rng(2).permutation(made.classes)
    assert_same(name, changed(name, case, renamed(made, new_name), back=np.argsort(new_name)))


@pytest.mark.parametrize(("name", "case"), deployable(to_fit_again("shuffled splits")))
def test_labels_of_test_examples_are_never_read(name, case):
    made = CASES[case]
    labels = np.where(made.split == Split.TEST, np.random.default_rng(3).permutation(made.labels), made.labels)
    blind = replace(made, labels=labels)
    for before, after in changed(name, case, blind):
        assert same_route(before, after)


@every_policy
def test_only_oracles_are_not_deployable(name):
    assert POLICIES[name].deployable == (not name.startswith("oracle"))


# What may be tuned on


@pytest.mark.parametrize(("name", "case"), allowed("chain", "family"))
def test_nothing_is_fitted_on_test_outputs(name, case):
    made = CASES[case]
    tuning, test = made.tuning(Split.CALIBRATION), made.test()
    for invalid in ((test, tuning), (tuning, test), (test, test), (made, tuning), (tuning, made)):
        with pytest.raises(TypeError, match="a policy is fitted on Tuning outputs"):
            POLICIES[name].fit(*invalid, "macs")


@every_policy
def test_outputs_that_lack_what_a_policy_needs_are_refused(name):
    one = POLICIES[name]
    needs = {
        "probabilities": Need.LOGITS in one.needs,
        "confidence": bool({Need.LOGITS, Need.PROBABILITIES} & one.needs),
        "chain": Need.FAMILY in one.needs,
        "family": Need.BEFORE in one.needs,
    }
    for case, must_refuse in needs.items():
        reason = one.unavailable_reason(CASES[case])
        if must_refuse:
            assert reason is not None
        if reason is not None:
            assert_one_sentence(reason, one.title)
            with pytest.raises(UserError) as mistake:
                run_sweep(one, CASES[case], 3)
            assert str(mistake.value) == reason


@every_policy
def test_a_policy_runs_on_outputs_that_meet_its_needs(name):
    needs = POLICIES[name].needs
    case = "before" if Need.BEFORE in needs else "family" if Need.FAMILY in needs else "chain"
    assert POLICIES[name].unavailable_reason(CASES[case]) is None


# Sweeps


@pytest.mark.parametrize(("name", "case"), to_fit_again("one exit", "one example per split"))
def test_a_sweep_over_the_default_budgets_has_finite_numbers(name, case):
    swept = run_sweep(POLICIES[name], CASES[case], 3)
    document = json.loads(json.dumps(swept.as_json("some"), allow_nan=False))
    for point in document["points"]:
        assert sum(point["shares"]) == pytest.approx(1, abs=1e-9)
        assert sum(point["right_shares"]) == pytest.approx(point["accuracy"], abs=1e-9)
        numbers = [point[key] for key in ("budget", "planned_cost", "calibration_cost", "calibration_accuracy", "cost", "accuracy")]
        assert all(isinstance(number, float) and math.isfinite(number) for number in numbers)
        assert all(value in (None, "inf", "-inf") or isinstance(value, (float, list)) for value in point["knob"].values())
    for part in ("planned_cost", "calibration_cost", "calibration_accuracy", "cost", "accuracy", "shares", "correct"):
        assert np.isfinite(getattr(swept, part)).all()


# Descriptions


@every_policy
def test_a_policy_describes_itself(name):
    one = POLICIES[name]
    assert one.name == name and re.fullmatch(r"[a-z][a-z_]*", name) and policy(name) is one
    assert 0 < len(one.title) <= 40 and not one.title.endswith(".")
    assert one.source.endswith(".") and one.summary.endswith(".") and "\n" not in one.source + one.summary
    assert not one.formula.endswith(".") and "\n" not in one.formula + one.use_when
    if type(one).__module__.startswith("engine."):  # an extension may leave them out
        assert one.formula and one.use_when.endswith(".")
    assert (one.group == PolicyGroup.BOUNDS) == (not one.deployable)
    assert one.knob and one.needs <= set(Need)


def test_titles_are_unique():
    titles = [one.title for one in POLICIES.values()]
    assert len(set(titles)) == len(titles)


def test_an_unknown_policy_is_a_user_error():
    with pytest.raises(UserError, match=r"no policy 'magic'; choose one of: static, .*\.$"):
        policy("magic")


def test_every_file_that_registers_a_policy_is_imported_by_the_package():
    """A policy in a file that is not imported cannot be used."""
    folder = Path(engine.policies.__file__).parent / "methods"
    tree = ast.parse((folder / "__init__.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    registering = {path.stem for path in folder.glob("*.py") if re.search(r"^@register", path.read_text(), re.MULTILINE)}
    assert registering and registering <= imported


def test_exceptions_are_made_for_existing_policies_only():
    assert CLIMBING | SLOW <= set(POLICIES)
