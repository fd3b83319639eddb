from itertools import product

import numpy as np
import pytest

from engine.outputs import Outputs
from engine.policies import policy
from engine.policies.core.gates import GateFeatures
from engine.policies.core.mixing import MixedRule
from engine.policies.core.selection import ChoiceRule, at_stake, fit_choice
from engine.policies.methods import bolukbasi as module
from engine.policies.methods.bolukbasi import Bolukbasi, backward, excess, price_ladder
from engine.policies.methods.myopic import Myopic
from engine.route import Route
from engine.splits import Split
from engine.sweep import run_sweep
from tests.synthetic import confidence_only, corner_cases, outputs, split_names
from tests.thorough import variants

PRICES = (0.0, 0.5, 1.0, 3.0, 10.0)
TOPOLOGIES = ("chain", "family")


def cheapest(k, prices):
    """A gate that never errs: the pseudo-label itself."""
    return prices.argmin(axis=0)


def told_to_gates(stop, stage_cost, topology, look_ahead=True):
    """The prices from which every gate learns, {exit: (actions, examples)}, if no gate errs."""
    told = {}
    backward(stop, stage_cost, topology, lambda k, prices: cheapest(k, told.setdefault(k, prices)), look_ahead)
    return told


def ways(exits, topology):
    """Every path through the stages from the first one."""
    if topology == "chain":
        return [range(k + 1) for k in range(exits)]
    return [(0, *(k + 1 for k, runs in enumerate(some) if runs)) for some in product((False, True), repeat=exits - 1)]


@pytest.mark.parametrize("credit", [False, True])
def test_excess_is_the_loss_in_excess_of_the_full_networks(credit):
    made = outputs(examples=60, exits=3)
    losses = excess(made, credit)
    for k, i in product(range(3), range(60)):
        beyond = int(made.prediction[k, i] != made.labels[i]) - int(made.prediction[2, i] != made.labels[i])
        assert losses[k, i] == (beyond if credit else max(0, beyond))
    assert (losses.min() < 0) == credit


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("price", PRICES)
def test_with_perfect_gates_the_recursion_equals_brute_force(price, topology):
    rng = np.random.default_rng(0)
    stage_cost = rng.uniform(0.1, 1.0, 4)
    harm = np.concatenate([rng.integers(0, 2, (3, 2000)), np.zeros((1, 2000))])
    paid = stage_cost[0] + backward(price * harm, stage_cost, topology, cheapest)[0]
    brute = np.min([stage_cost[list(way)].sum() + price * harm[way[-1]] for way in ways(4, topology)], axis=0)
    np.testing.assert_allclose(paid, brute, rtol=1e-12)


def test_gates_are_learned_last_to_first_once_each():
    order = []
    backward(np.ones((5, 7)), np.ones(5), "chain", lambda k, prices: order.append(k) or prices.argmin(axis=0))
    assert order == [3, 2, 1, 0]


def test_earlier_gates_learn_from_what_later_gates_do_not_what_they_should_do():
    harm = np.array([[1.0], [1.0], [0.0]])
    told = {}

    def stubborn(k, prices):
        told[k] = prices[:, 0].tolist()
        return np.array([0])  # leaves, though going on would be cheaper

    backward(10 * harm, np.ones(3), "chain", stubborn)
    assert told == {1: [10, 1], 0: [10, 1 + 10]}


def test_weights_scale_with_the_price_where_leaving_costs_more():
    harm, stage_cost = excess(outputs(exits=3)), np.array([0.2, 0.3, 0.5])
    harmed = harm[1] == 1
    for price in (50.0, 100.0):
        prices = told_to_gates(price * harm, stage_cost, "chain")[1]
        _, weight = at_stake(*prices)
        np.testing.assert_allclose(weight[harmed], price - 0.5)
        np.testing.assert_allclose(weight[~harmed], 0.5)


def test_a_cost_added_to_both_actions_changes_nothing():
    rng = np.random.default_rng(1)
    leave, go = rng.integers(0, 5, (2, 100)).astype(float)
    for before, after in zip(at_stake(leave, go), at_stake(leave + 8, go + 8), strict=True):
        np.testing.assert_array_equal(before, after)
    assert not at_stake(leave, leave)[0].any()  # a tie leaves: the cheaper action


def test_the_myopic_gate_compares_leaving_with_going_on_without_later_gates():
    harm, stage_cost = excess(outputs(exits=4)), np.array([0.1, 0.2, 0.3, 0.4])
    told = told_to_gates(3 * harm, stage_cost, "chain", look_ahead=False)
    for k, to_the_end in enumerate([0.9, 0.7, 0.4]):
        np.testing.assert_allclose(told[k], [3 * harm[k], np.full(900, to_the_end)])
    told = told_to_gates(3 * harm, stage_cost, "family", look_ahead=False)
    np.testing.assert_allclose(told[0], [3 * harm[0], 0.2 + 3 * harm[1], 0.3 + 3 * harm[2], 0.4 + 3 * harm[3]])
    np.testing.assert_allclose(told[2], [3 * harm[2], 0.4 + 3 * harm[3]])


def sure(answers, gap, classes=10, seed=0):
    """Logits with these predictions and gaps to the runner-up: (examples,), (examples,) -> (examples, classes)."""
    logits = np.random.default_rng(seed).uniform(-0.2, 0, (len(answers), classes))
    logits[np.arange(len(answers)), answers] = gap
    return logits


def test_looking_ahead_uses_a_cheap_exit_that_the_myopic_gate_misses():
    """Exit 2 corrects the errors of exit 1 at little cost; only the last exit is costly."""
    rng = np.random.default_rng(2)
    labels = rng.integers(10, size=600)
    easy = np.arange(600) % 2 == 0
    first = sure(np.where(easy, labels, (labels + 1) % 10), np.where(easy, 6, 2))
    made = Outputs.from_logits(
        np.stack([first, sure(labels, 6, seed=1), sure(labels, 6, seed=2)]), labels, split_names(200), {"macs": np.array([1.0, 1.0, 98.0])}
    )
    fit = made.tuning(Split.FIT)

    def routed(kind):
        features = GateFeatures.scaled_on(fit, kind.top, kind.history)
        choices = kind.learn(fit, features, made.cost_in("macs") / made.full_cost("macs"), price=0.1)
        return ChoiceRule(features, choices, {}, 0.0).route(made)

    np.testing.assert_array_equal(routed(Bolukbasi()).exit, np.where(easy, 0, 1))
    assert (routed(Myopic()).exit == 0).all()


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("kind", [Bolukbasi, Myopic])
def test_where_errors_are_free_all_leave_at_the_first_exit(kind, topology):
    made = outputs(kind=topology, exits=3)
    fitted = kind().fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    assert fitted.rules[0].knob == {"lambda": 0}
    assert fitted.cheapest == made.cost_in("macs")[0]
    route = fitted.solve(fitted.cheapest).route(made)
    assert (route.exit == 0).all() and route.visited[0].all() and not route.visited[1:].any()


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("kind", [Bolukbasi, Myopic])
def test_a_feasible_budget_is_met(kind, topology):
    made = outputs(examples=4500, exits=3, kind=topology)
    calibration = made.tuning(Split.CALIBRATION)
    fitted = kind().fit(made.tuning(Split.FIT), calibration, "latency_ms")

    def spent(rule):
        return rule.route(calibration).cost(made.cost_in("latency_ms"))

    costs = [rule.planned_cost for rule in fitted.rules]
    accuracy = [rule.route(calibration).accuracy for rule in fitted.rules]
    assert (np.diff(costs) > 0).all() and (np.diff(accuracy) > 0).all()
    for budget in np.linspace(costs[0], costs[-1], 21):
        rule = fitted.solve(budget)
        assert rule.planned_cost == pytest.approx(budget, rel=5e-3)
        # The plan is met on calibration: exactly at an operating point, up to the chance of the draw between two.
        between = spent(rule.costly) - spent(rule.cheap) if isinstance(rule, MixedRule) else np.zeros(1)
        luck = 4 * np.sqrt((between**2).mean() / 4 / calibration.examples)
        assert spent(rule).mean() == pytest.approx(rule.planned_cost, rel=1e-9, abs=luck)
    assert fitted.solve(100 * costs[-1]) is fitted.rules[-1]


def test_gates_are_fitted_once_and_not_per_budget(monkeypatch):
    made, fits = outputs(exits=5), []
    monkeypatch.setattr(module, "fit_choice", lambda *given: fits.append(1) or fit_choice(*given))
    fitted = Bolukbasi().fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    learned = len(fits)
    assert learned % 4 == 0 and learned <= 4 * module.MOST_PRICES
    for budget in np.linspace(fitted.cheapest, made.full_cost("macs"), 21):
        fitted.solve(budget).route(made)
    assert len(fits) == learned


def test_the_ladder_of_prices_rises_in_small_steps():
    costs = {}

    def cost_at(price):
        costs[price] = float(np.clip(np.log(price / 3) / 4, 0, 1)) if price else 0.0  # all happens between 3 and 3 e^4
        return costs[price]

    ladder = price_ladder(0.1, 1e4, cost_at)
    assert ladder[0] == 0 and ladder[1] == 0.1 and ladder[-1] >= 1e4
    assert np.diff([costs[price] for price in ladder]).max() <= module.FINEST_GAP


def test_a_jump_in_cost_does_not_make_the_ladder_long():
    tried = []
    ladder = price_ladder(0.1, 1e4, lambda price: tried.append(price) or float(price > 7))
    assert len(tried) == len(ladder) < 40
    below, above = max(price for price in ladder if price <= 7), min(price for price in ladder if price > 7)
    assert above / below <= module.CLOSEST_RATIO


def routed_slowly(rule, made):
    """One example at a time, one gate at a time."""
    read = rule.features.of(made)
    exits, visited = [], []
    for i in range(made.examples):
        at, seen = 0, [0]
        while at < made.exits - 1:
            action = int(rule.choices[at](read[at][i : i + 1])[0])
            if action == 0:
                break
            at = at + action
            seen.append(at)
        exits.append(at)
        visited.append(seen)
    return exits, visited


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("kind", [Bolukbasi(), Bolukbasi(history=True, credit_improvements=True), Myopic()])
def test_routes_equal_those_of_one_example_at_a_time(kind, topology):
    made = outputs(kind=topology, exits=3 if topology == "family" else 4)
    fitted = kind.fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    rule, test = fitted.rules[len(fitted.rules) // 2], made.test()
    route = rule.route(test)
    assert len(set(route.exit)) > 1
    exits, visited = routed_slowly(rule, test)
    assert route.exit.tolist() == exits and [np.flatnonzero(ran).tolist() for ran in route.visited.T] == visited
    if topology == "chain":
        np.testing.assert_array_equal(route.visited, Route.through(test, route.exit).visited)
    order = np.random.default_rng(3).permutation(test.examples)
    np.testing.assert_array_equal(rule.route(test.take(order)).exit, route.exit[order])
    mixed = fitted.solve((rule.planned_cost + fitted.rules[len(fitted.rules) // 2 + 1].planned_cost) / 2)
    alone = [mixed.route(test.take(np.array([i]))).exit[0] for i in range(50)]
    assert alone == mixed.route(test).exit[:50].tolist()


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("name", variants(["bolukbasi", "myopic"], "bolukbasi"))
def test_the_labels_of_the_test_examples_never_matter(name, topology):
    made = outputs(kind=topology, exits=3)
    other = np.where(made.split == Split.TEST, (made.labels + 1) % made.classes, made.labels)
    relabelled = Outputs.from_logits(made.logits, other, made.split, made.stage_cost, ids=made.ids, kind=topology)
    np.testing.assert_array_equal(run_sweep(policy(name), made, 7).exit, run_sweep(policy(name), relabelled, 7).exit)


@pytest.mark.parametrize("name", ["bolukbasi", "myopic"])
def test_one_confidence_is_enough(name):
    assert policy(name).unavailable_reason(outputs(recorded="probabilities")) is None
    made = confidence_only(outputs())
    swept = run_sweep(policy(name), made, [0.5])
    assert swept.accuracy[0] > run_sweep(policy("random_mix"), made, [0.5]).accuracy[0]


@pytest.mark.parametrize("case", corner_cases())
@pytest.mark.parametrize("kind", [Bolukbasi(credit_improvements=True, history=True), Myopic()])
def test_corner_cases_are_routed(kind, case):
    made = corner_cases()[case]
    swept = run_sweep(kind, made, 5)
    np.testing.assert_allclose(swept.shares.sum(axis=1), 1)
    assert np.isfinite(swept.planned_cost).all()


def test_if_all_exits_are_correct_or_all_incorrect_no_example_goes_on():
    for case in ("always correct", "always incorrect"):
        assert (run_sweep(Bolukbasi(), corner_cases()[case], 5).exit == 0).all()


def test_it_beats_the_random_mix():
    made = outputs(examples=6000, exits=4, seed=3)
    budgets = [0.4, 0.5, 0.6]
    learned, blind = run_sweep(Bolukbasi(), made, budgets), run_sweep(policy("random_mix"), made, budgets)
    assert (learned.accuracy > blind.accuracy + 0.01).all()
