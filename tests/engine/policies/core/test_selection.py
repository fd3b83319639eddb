from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from engine.front import concave_hull
from engine.outputs import Outputs
from engine.policies.core.gates import Gate
from engine.policies.core.selection import StageChoice, at_stake, fit_choice, follow, onward
from engine.policies.methods.bolukbasi import Bolukbasi
from engine.route import Route
from engine.splits import Split
from engine.sweep import run_sweep
from tests.synthetic import outputs, split_names


def test_a_chain_goes_on_to_the_next_and_a_family_to_any_later_network():
    assert [list(onward(k, 4, "chain")) for k in range(4)] == [[1], [2], [3], []]
    assert [list(onward(k, 4, "family")) for k in range(4)] == [[1, 2, 3], [2, 3], [3], []]


def test_a_tie_goes_to_the_first_action():
    should_take_second, weight = at_stake(np.array([1.0, 2.0, 5.0]), np.array([1.0, 3.0, 1.0]))
    assert should_take_second.tolist() == [False, False, True]
    assert weight.tolist() == [0, 1, 4]


def test_two_actions_are_one_gate():
    features = np.random.default_rng(0).normal(size=(200, 4))
    costs = np.stack([features[:, 0] + 0.3 * features[:, 1], np.zeros(200)])
    choice = fit_choice(features, costs, l2=0.1)
    assert list(choice.gates) == [(0, 1)]
    np.testing.assert_array_equal(choice(features), choice.gates[0, 1].opens(features))


def test_the_cheapest_of_several_actions_is_learned():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(3000, 2))
    costs = np.stack([features[:, 0], features[:, 1], 0.2 - features.sum(axis=1)])
    actions_taken = fit_choice(features, costs, l2=0.1)(features)
    regret = np.take_along_axis(costs, actions_taken[None], axis=0)[0] - costs.min(axis=0)
    assert (actions_taken == costs.argmin(axis=0)).mean() > 0.98
    assert regret.mean() < 0.002


def test_a_vote_without_a_winner_goes_to_the_earlier_action():
    shut, open_ = Gate(np.zeros(1), -1.0), Gate(np.zeros(1), 1.0)
    circle = StageChoice(3, {(0, 1): open_, (0, 2): shut, (1, 2): open_})  # 1 beats 0, 0 beats 2, 2 beats 1
    assert circle(np.zeros((2, 1))).tolist() == [0, 0]


@pytest.mark.parametrize("topology", ["chain", "family"])
def test_follow_equals_a_walk_one_example_at_a_time(topology):
    made = outputs(examples=300, exits=5, kind=topology)
    rng = np.random.default_rng(2)
    actions = [rng.integers(0, len(onward(k, 5, topology)) + 1, 300) for k in range(4)]
    route = follow(made, actions)
    for i in range(300):
        way = [0]
        while way[-1] < 4 and actions[way[-1]][i] > 0:
            way.append(way[-1] + int(actions[way[-1]][i]))
        assert route.exit[i] == way[-1]
        assert np.flatnonzero(route.visited[:, i]).tolist() == sorted(way)
        assert route.prediction[i] == made.prediction[way[-1], i]
    assert len(np.unique(route.visited, axis=1).T) == (5 if topology == "chain" else 16)
    if topology == "chain":
        np.testing.assert_array_equal(route.visited, Route.through(made, route.exit).visited)


STAGE_COST = np.array([1.0, 3.0, 5.0])
HELPED_BY = np.array([0, 1, 2])  # the cheapest correct network, for each kind of example
SHARE = (0.5, 0.3, 0.2)


def telling_networks(per_split=400, seed=0):
    """Three networks, where the confidence of the first shows which network an example needs, and the kind of each example, (examples,)."""
    rng = np.random.default_rng(seed)
    kind = np.tile(np.repeat(np.arange(3), (per_split * np.array(SHARE)).astype(int)), 3)
    labels = rng.integers(10, size=len(kind))
    logits = rng.uniform(-0.1, 0.1, (3, len(kind), 10))
    for network in range(3):
        correct = network >= HELPED_BY[kind]
        answer = np.where(correct, labels, (labels + 1) % 10)
        sureness = np.array([8.0, 4.0, 2.0])[kind] + 2 * correct
        logits[network, np.arange(len(kind)), answer] += sureness
    return Outputs.from_logits(logits, labels, split_names(per_split), {"macs": STAGE_COST}, kind="family"), kind


def best_chain(outputs, kind):
    """The concave front of every policy that runs the networks in order, as (costs, accuracies).

    Examples of one kind are alike at every network, so every policy is a mix of the 27 ways to assign an exit to each kind.
    """
    cost, accuracy = [], []
    for exits in product(range(3), repeat=3):
        route = Route.through(outputs, np.array(exits)[kind])
        cost.append(route.mean_cost(outputs, "macs"))
        accuracy.append(route.accuracy)
    front = concave_hull(cost, accuracy)
    return np.array(cost)[front], np.array(accuracy)[front]


def test_the_learned_policy_skips_the_network_that_cannot_help_and_beats_every_chain():
    made, kind = telling_networks()
    fitted = Bolukbasi().fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    test, kind = made.test(), kind[made.split == Split.TEST]
    route = fitted.rules[-1].route(test)
    np.testing.assert_array_equal(route.exit, HELPED_BY[kind])
    np.testing.assert_array_equal(
        route.visited, np.array([[1, 1, 1], [0, 1, 0], [0, 0, 1]])[:, kind]
    )  # examples that skip network 2 never run it
    assert route.accuracy == 1
    cost = route.mean_cost(test, "macs")
    assert cost == pytest.approx(SHARE @ np.array([1, 1 + 3, 1 + 5]))

    chain_cost, chain_accuracy = best_chain(test, kind)
    assert np.interp(cost, chain_cost, chain_accuracy) < 0.93
    assert chain_cost[chain_accuracy == 1].min() == pytest.approx(SHARE @ np.array([1, 1 + 3, 1 + 3 + 5]))

    in_order = replace(made, kind="chain")
    learned = run_sweep(Bolukbasi(), in_order, [cost / in_order.full_cost("macs")])
    assert learned.accuracy[0] <= np.interp(learned.cost[0] * in_order.full_cost("macs"), chain_cost, chain_accuracy) + 1e-9


def test_a_choice_may_skip_in_a_family_of_any_size():
    made = outputs(exits=4, kind="family", seed=4)
    rules = Bolukbasi(credit_improvements=True).fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs").rules
    assert [choice.actions for choice in rules[-1].choices] == [4, 3, 2]
    seen = np.concatenate([rule.route(made).visited for rule in rules], axis=1)
    assert (seen[3] & ~seen.all(axis=0)).any()
    assert seen[0].all()
