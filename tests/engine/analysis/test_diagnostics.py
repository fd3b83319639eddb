"""Diagnostics against slow loops."""

import numpy as np
import pytest

from engine.analysis.diagnostics import disagreement, gain_per_exit, loss_against_full, overthinking, share_captured, step_area
from engine.policies import policy
from engine.route import Route
from engine.splits import Split
from engine.sweep import run_sweep
from tests.synthetic import corner_cases, outputs

CASES = {
    "chain": outputs(seed=1),
    "family": outputs(seed=2, kind="family"),
    "confidence only": outputs(seed=3, recorded="confidence"),
    **corner_cases(),
}


@pytest.fixture(params=CASES)
def some(request):
    return CASES[request.param]


def routes(some):
    rng = np.random.default_rng(9)
    yield Route.through(some, rng.integers(some.exits, size=some.examples))
    yield Route.straight(some, np.full(some.examples, some.exits - 1))


def test_gain_per_exit(some):
    for route in routes(some):
        gains = gain_per_exit(route, some, "latency_ms")
        cost = some.stage_cost["latency_ms"]
        full_cost = cost[-1] if some.kind == "family" else sum(cost)
        for k in range(some.exits):
            there = [i for i in range(some.examples) if route.exit[i] == k]
            assert gains.leaving[k] == len(there)
            if not there:
                assert np.isnan([gains.accuracy[k], gains.full[k], gains.gain[k], gains.saved[k]]).all()
                continue
            here = np.mean([route.prediction[i] == some.labels[i] for i in there])
            full = np.mean([some.prediction[-1][i] == some.labels[i] for i in there])
            spent = np.mean([sum(c for s, c in enumerate(cost) if route.visited[s, i]) for i in there])
            measured = [gains.accuracy[k], gains.full[k], gains.gain[k], gains.saved[k]]
            np.testing.assert_allclose(measured, [here, full, here - full, 1 - spent / full_cost], atol=1e-12)


def test_loss_against_the_full_network(some):
    for route in routes(some):
        excess = gap = 0
        for i in range(some.examples):
            here, full = int(route.prediction[i] != some.labels[i]), int(some.prediction[-1][i] != some.labels[i])
            excess += max(0, here - full)
            gap += here - full
        loss = loss_against_full(route, some)
        assert loss.excess == pytest.approx(excess / some.examples, abs=1e-12)
        assert loss.gap == pytest.approx(gap / some.examples, abs=1e-12)
    assert loss_against_full(route, some).excess == 0, "the full network has no loss against itself"


def test_overthinking(some):
    measures = overthinking(some, "macs")
    cost = some.stage_cost["macs"]
    reach = list(cost) if some.kind == "family" else [sum(cost[: k + 1]) for k in range(some.exits)]
    first_correct, never, wasteful, destructive, errors, spent = [0] * some.exits, 0, 0, 0, 0, 0.0
    for i in range(some.examples):
        correct = [k for k in range(some.exits) if some.prediction[k][i] == some.labels[i]]
        if correct:
            first_correct[correct[0]] += 1
        else:
            never += 1
        wasteful += bool(correct) and correct[0] < some.exits - 1
        incorrect_last = some.exits - 1 not in correct
        errors += incorrect_last
        destructive += bool(correct) and incorrect_last
        spent += reach[correct[0] if correct else -1]
    assert measures.first_correct.tolist() == first_correct and measures.never == never
    assert measures.wasteful == pytest.approx(wasteful / some.examples) and measures.destructive == pytest.approx(
        destructive / some.examples
    )
    np.testing.assert_allclose(measures.share_of_errors, destructive / errors if errors else np.nan)
    assert measures.stopping_in_time == pytest.approx(spent / some.examples / reach[-1])


def test_disagreement(some):
    shares = disagreement(some)
    for j in range(some.exits):
        for k in range(some.exits):
            assert shares[j, k] == pytest.approx(np.mean([some.prediction[j][i] != some.prediction[k][i] for i in range(some.examples)]))


def test_step_area_equals_the_mean_over_many_budgets():
    rng = np.random.default_rng(0)
    for points in (1, 2, 7, 30):
        cost, accuracy, calibration = np.round(rng.uniform(0, 1.2, points), 1), rng.uniform(size=points), rng.uniform(size=points)
        for chosen_by in (None, calibration):
            by = accuracy if chosen_by is None else chosen_by

            def height(budget, cost=cost, accuracy=accuracy, by=by):
                settings = [i for i in range(len(cost)) if cost[i] <= budget]
                return accuracy[max(settings, key=lambda i: (by[i], -cost[i]))] if settings else 0.05

            # Every cost is a multiple of 0.1, so a budget in the middle of each tenth meets every step.
            middles = np.arange(0.2, 1.0, 0.1) + 0.05
            expected = np.mean([height(budget) for budget in middles])
            assert step_area(cost, accuracy, 0.2, 1.0, chosen_by, below=0.05) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["chain", "family"])
def test_share_captured_is_0_for_the_random_mix_and_1_for_the_oracle(kind):
    some = outputs(examples=6000, seed=4, kind=kind)
    swept = {name: run_sweep(policy(name), some, 201, "macs") for name in ("random_mix", "oracle", "static", "maxprob")}
    captured = {name: share_captured(one, swept["oracle"]) for name, one in swept.items()}
    assert captured["oracle"] == pytest.approx(1, abs=1e-12)
    assert abs(captured["random_mix"]) < 0.03, "mixing reaches the hull, except for chance and for steps instead of lines"
    assert captured["static"] < 0
    if kind == "chain":
        assert 0.05 < captured["maxprob"] < 1


def test_share_captured_needs_the_same_outputs_split_and_unit():
    some = outputs(seed=5)
    one, other = run_sweep(policy("maxprob"), some, 5, "macs"), run_sweep(policy("oracle"), some, 5, "latency_ms")
    with pytest.raises(ValueError, match="same outputs, split and unit"):
        share_captured(one, other)
    with pytest.raises(ValueError, match="same outputs, split and unit"):
        share_captured(one, run_sweep(policy("oracle"), some, 5, "macs", Split.CALIBRATION))


def test_share_captured_is_nan_if_there_is_nothing_to_gain():
    some = CASES["always correct"]
    assert np.isnan(share_captured(run_sweep(policy("static"), some, 5), run_sweep(policy("oracle"), some, 5)))
    alone = CASES["one exit"]
    assert np.isnan(share_captured(run_sweep(policy("static"), alone, 1), run_sweep(policy("oracle"), alone, 1)))
