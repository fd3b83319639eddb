"""Mixing: each example's rule depends on its id alone, and the plan meets the budget exactly."""

import numpy as np
import pytest

from engine.policies.core.mixing import MixedRule, mix_to
from engine.policies.methods.static import StaticRule
from tests.engine.policies import reference
from tests.synthetic import outputs


def rules(costs=(1.0, 2.0, 4.0, 4.5)):
    return [StaticRule(exit, cost) for exit, cost in enumerate(costs)]


def test_mix_to_meets_the_budget_exactly():
    for budget in np.linspace(1.0, 4.5, 101):
        rule = mix_to(budget, rules())
        assert rule.planned_cost == pytest.approx(budget, rel=1e-12)
        if isinstance(rule, MixedRule):
            assert rule.costly.exit == rule.cheap.exit + 1 and 0 < rule.share < 1
            assert rule.cheap.planned_cost < budget < rule.costly.planned_cost


def test_mix_to_returns_a_single_rule_where_one_meets_the_budget():
    for rule in rules():
        mix = mix_to(rule.planned_cost, rules())
        assert isinstance(mix, StaticRule) and mix.exit == rule.exit
    assert mix_to(99.0, rules()).exit == 3
    assert mix_to(0.5, rules()).exit == 0
    assert mix_to(99.0, rules()[:1]).exit == 0


def test_a_mixed_rule_routes_each_example_by_its_own_draw():
    some = outputs(examples=300, exits=3)
    mixed = MixedRule(StaticRule(0, 1.0), StaticRule(2, 3.0), 0.4)
    route = mixed.route(some)
    for i, id in enumerate(some.ids):
        costly = reference.hash_uniform(int(id)) < 0.4
        assert route.exit[i] == (2 if costly else 0)
        assert route.visited[:, i].tolist() == [True, costly, costly]
        assert route.prediction[i] == some.prediction[2 if costly else 0, i]
    assert mixed.planned_cost == pytest.approx(0.6 * 1 + 0.4 * 3)
    assert mixed.knob == {"exit": 1, "exit of the rest": 3, "share of the rest": 0.4}


def test_a_larger_share_only_ever_adds_examples():
    """So raising a slider never moves an example back and forth."""
    some = outputs(examples=600, exits=2)
    before = np.zeros(600, bool)
    for share in np.linspace(0, 1, 21):
        costly = MixedRule(StaticRule(0, 1.0), StaticRule(1, 2.0), share).route(some).exit == 1
        assert (costly | ~before).all()
        before = costly
    assert before.all()
