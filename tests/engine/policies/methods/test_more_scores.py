"""Quotas over the other scores, against loops over one example at a time."""

import numpy as np
import pytest

from engine.policies import POLICIES
from engine.policies.methods.planned import planned_counts
from engine.splits import Split
from tests.engine.policies import reference
from tests.synthetic import outputs


@pytest.mark.parametrize("name", ["margin", "energy", "maxlogit"])
def test_rules_are_quotas_over_the_score_of_that_name(name):
    made = outputs(examples=240, seed=3)
    calibration, test = made.tuning(Split.CALIBRATION), made.test()
    fitted = POLICIES[name].fit(made.tuning(Split.FIT), calibration, "macs")
    exit_cost = made.cascade_cost("macs")
    for budget in np.linspace(exit_cost[0], exit_cost[-1], 7)[1:-1]:
        rule = fitted.solve(budget)
        quotas = reference.geometric_quotas(np.exp(rule.knob["log rho"]), made.exits)
        counts = planned_counts(np.array(quotas), calibration.examples, exit_cost)
        scores, ids = reference.floats(calibration.scores[name]), calibration.ids.tolist()
        assert rule.route(calibration).exit.tolist() == reference.planned_exits(counts, scores, ids)
        assert rule.route(test).exit.tolist() == reference.threshold_cascade(reference.floats(test.scores[name]), rule.thresholds)
        assert rule.threshold_spec().score == name


def test_the_scores_give_different_routes():
    made = outputs(examples=240, seed=3)
    ways = []
    for name in ("maxprob", "margin", "energy", "maxlogit"):
        rule = POLICIES[name].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs").solve(made.full_cost("macs") / 2)
        ways.append(rule.route(made.test()).exit.tolist())
    assert len({tuple(way) for way in ways}) == 4
