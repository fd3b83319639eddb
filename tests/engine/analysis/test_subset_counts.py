from typing import Any

import numpy as np
import pytest

from engine.analysis.subset_counts import OUTSIDE, Partition, SubsetCounter, subset_counts
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.route import Route
from engine.sweep import Sweep, run_sweep
from tests import synthetic

CASES = [("maxprob", "chain"), ("bolukbasi", "family"), ("random_mix", "chain"), ("random_mix", "family"), ("oracle", "family")]


def slowly(sweep: Sweep, test: Outputs, members: list[int]) -> tuple[list[Any], list[Any], list[Any]]:
    """left, correct and spent, (steps, exits) each, example by example."""
    cost = test.cost_in(sweep.unit)
    left, correct, spent = np.zeros((3, len(sweep.rules), test.exits))
    for step, rule in enumerate(sweep.rules):
        for weight, part in rule.parts():
            route = part.route(test)
            for example in members:
                exit = route.exit[example]
                left[step, exit] += weight
                correct[step, exit] += weight * (route.prediction[example] == test.labels[example])
                spent[step, exit] += weight * sum(cost[k] for k in range(test.exits) if route.visited[k, example]) / sweep.full.cost
    return left.tolist(), correct.tolist(), spent.tolist()


@pytest.mark.parametrize(("policy", "kind"), CASES)
def test_it_equals_a_loop_over_examples(policy: str, kind: Any) -> None:
    outputs = synthetic.outputs(examples=240, exits=3, classes=4, kind=kind, seed=5)
    sweep, test = run_sweep(POLICIES[policy], outputs, 7), outputs.test()
    third = np.random.default_rng(1).integers(OUTSIDE, 2, test.examples)
    counts = subset_counts(sweep, test, [Partition(test.labels, 4), Partition(third, 2)])
    subsets = [np.flatnonzero(test.labels == label) for label in range(4)] + [np.flatnonzero(third == part) for part in range(2)]
    assert counts.examples.tolist() == [len(members) for members in subsets]
    assert counts.full_correct.tolist() == [int(test.correct[test.full][members].sum()) for members in subsets]
    tables = counts.by_exit(counts.left), counts.by_exit(counts.correct), counts.spent
    for subset, members in enumerate(subsets):
        for table, expected in zip(tables, slowly(sweep, test, members.tolist()), strict=True):
            np.testing.assert_allclose(table[subset], expected, atol=1e-9)


@pytest.mark.parametrize(("policy", "kind"), CASES)
def test_the_classes_add_up_to_the_sweep(policy: str, kind: Any) -> None:
    outputs = synthetic.outputs(examples=600, exits=4, kind=kind)
    sweep, test = run_sweep(POLICIES[policy], outputs, 15), outputs.test()
    counts = subset_counts(sweep, test, [Partition(test.labels, test.classes)])
    whole = test.examples
    np.testing.assert_allclose(counts.by_exit(counts.left).sum(axis=0) / whole, sweep.shares, atol=1e-12)
    np.testing.assert_allclose(counts.by_exit(counts.correct).sum(axis=0) / whole, sweep.correct, atol=1e-12)
    np.testing.assert_allclose(counts.spent.sum(axis=(0, 2)) / whole, sweep.cost, atol=1e-12)
    assert counts.full_correct.sum() / whole == pytest.approx(sweep.full.accuracy)


def test_without_partitions_there_are_no_subsets() -> None:
    outputs = synthetic.outputs(examples=90, exits=3)
    counts = subset_counts(run_sweep(POLICIES["maxprob"], outputs, 3), outputs.test(), [])
    assert counts.left.shape[0] == counts.examples.size == 0


@pytest.mark.parametrize(("policy", "kind"), CASES)
def test_counts_in_parts_are_those_of_all_at_once(policy: str, kind: Any) -> None:
    outputs = synthetic.outputs(examples=600, exits=4, kind=kind, seed=6)
    sweep, test = run_sweep(POLICIES[policy], outputs, 9), outputs.test()
    whole = subset_counts(sweep, test, [Partition(test.labels, test.classes)])
    counter = SubsetCounter(9, [test.classes])
    for rows in (slice(0, 7), slice(7, 90), slice(90, test.examples)):
        part = test.take(rows)
        some = counter.over(part, [Partition(part.labels, part.classes)], part.cost_in("macs") / sweep.full.cost)
        for point, rule in enumerate(sweep.rules):
            for weight, each in rule.parts():
                route = each.route(test)  # over all: the oracle spends its budget on the examples that it routes
                some.add(point, weight, some.followed(Route(route.exit[rows], route.visited[:, rows], None, route.quality[rows])))
    counts = counter.counts()
    assert counts.examples.tolist() == whole.examples.tolist() and counts.full_correct.tolist() == whole.full_correct.tolist()
    for name in ("left", "correct"):
        np.testing.assert_allclose(counts.by_exit(getattr(counts, name)), whole.by_exit(getattr(whole, name)), atol=1e-9)
    np.testing.assert_allclose(counts.spent, whole.spent, atol=1e-9)
