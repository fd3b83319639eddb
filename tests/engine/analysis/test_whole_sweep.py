"""Sweeps of large bundles: what is streamed shard by shard equals what the whole at once gives."""

from dataclasses import fields, replace

import numpy as np
import pytest

from engine.analysis.sweep_intervals import sweep_intervals
from engine.analysis.whole_sweep import over_all_examples
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.splits import Split
from engine.sweep import run_sweep
from tests.large import large_bundle, rows_of_sample
from tests.synthetic import outputs

BY_EXAMPLE = [name for name in POLICIES if name != "oracle"]  # which spends one budget on all examples


def varying(made: Outputs) -> Outputs:
    """With costs that depend on the example."""
    random = np.random.default_rng(3)
    own = made.stage_cost["macs"][:, None] * random.uniform(0.5, 1.5, made.quality.shape)
    return replace(made, stage_cost={"macs": own})


def graded(made: Outputs) -> Outputs:
    """With a quality in place of classes."""
    random = np.random.default_rng(4)
    judged = np.clip(0.6 * made.quality + 0.4 * random.random(made.quality.shape), 0, 1).astype(np.float32)
    return replace(made, judged=judged, prediction=None, labels=None, classes=0, logits=None, recorded="confidence")


MADE = {
    "chain": outputs(examples=1500, seed=50, shuffled=True),
    "family": outputs(examples=1500, exits=3, seed=51, kind="family", shuffled=True, recorded="confidence", features=True),
    "costs of their own": varying(outputs(examples=1500, seed=52, shuffled=True, recorded="confidence")),
    "graded": varying(graded(outputs(examples=1500, seed=53, shuffled=True))),
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Each of `MADE` as a large bundle, and beside it what a sweep of the same knobs reports on: all test examples."""
    made = {}
    for name, whole in MADE.items():
        bundle = large_bundle(whole, tmp_path_factory.mktemp("large") / "large")
        kept = rows_of_sample(whole, bundle)
        tuning = kept[whole.split[kept] != Split.TEST]
        made[name] = bundle, whole.take(np.concatenate([tuning, np.flatnonzero(whole.split == Split.TEST)]))
    return made


def streamed_sweep(policy, bundle, points, split=Split.TEST):
    sweep = run_sweep(POLICIES[policy], bundle.outputs, points, split=split)
    return over_all_examples(POLICIES[policy], sweep, bundle.whole)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", MADE)
def test_a_streamed_sweep_equals_one_of_the_whole(opened, name, policy):
    bundle, at_once = opened[name]
    if POLICIES[policy].unavailable_reason(bundle.outputs):
        assert POLICIES[policy].unavailable_reason(at_once)
        return
    streamed = streamed_sweep(policy, bundle, 7)
    expected = run_sweep(POLICIES[policy], at_once, 7)
    assert streamed.examples == expected.examples > streamed.routed == bundle.outputs.test().examples
    for field in fields(expected):
        value = getattr(expected, field.name)
        if isinstance(value, np.ndarray) and field.name not in ("paths", "path_cost"):
            np.testing.assert_allclose(getattr(streamed, field.name), value, rtol=1e-12, atol=1e-13, err_msg=field.name)
    assert [streamed.full.cost, streamed.full.accuracy] == pytest.approx([expected.full.cost, expected.full.accuracy], rel=1e-12)
    of_parts, of_all = sweep_intervals(streamed, bundle.outputs.test()), sweep_intervals(expected, at_once.test())
    for part, whole in zip(
        (of_parts.full, *of_parts.accuracy, *of_parts.difference), (of_all.full, *of_all.accuracy, *of_all.difference), strict=True
    ):
        assert [part.estimate, *part.ends] == pytest.approx([whole.estimate, *whole.ends], abs=1e-12)


def test_counts_are_whole_numbers(opened):
    bundle, _ = opened["chain"]
    streamed = streamed_sweep("maxprob", bundle, 5)
    for shares in (streamed.shares, streamed.correct):
        counts = shares * bundle.whole.examples[Split.TEST]
        np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    np.testing.assert_allclose(streamed.shares.sum(axis=1), 1, rtol=1e-15)


@pytest.mark.parametrize("split", [Split.FIT, Split.CALIBRATION])
def test_every_example_of_a_split_is_reported(opened, split):
    bundle, _ = opened["chain"]
    streamed = streamed_sweep("single_threshold", bundle, 3, split)
    assert streamed.examples == bundle.whole.examples[split] > bundle.outputs.part(split).examples


@pytest.mark.parametrize("budget", [0.25, 0.4, 0.6, 0.8, 1.0])
@pytest.mark.parametrize("name", MADE)
def test_the_oracle_spends_its_budget_on_all_examples(opened, name, budget):
    """It serves the same examples, although it sees them in parts, and costs and prices are often the same."""
    _, at_once = opened[name]
    (rule,) = run_sweep(POLICIES["oracle"], at_once, [budget]).rules
    test = at_once.test()
    parts = [test.take(slice(start, start + 97)) for start in range(0, test.examples, 97)]
    (served,) = POLICIES["oracle"].by_parts([rule], lambda: iter(parts))
    assert np.array_equal(np.concatenate([served.route(part).exit for part in parts]), rule.route(test).exit)


def test_every_other_policy_decides_by_example(opened):
    """Routes of parts are parts of routes, which is what streaming relies on."""
    _, at_once = opened["costs of their own"]
    for policy in BY_EXAMPLE:
        if POLICIES[policy].unavailable_reason(at_once):
            continue
        rules = run_sweep(POLICIES[policy], at_once, 3).rules
        test = at_once.test()
        for rule in rules:
            fixed = rule.over(test.full_cost("macs"))
            parts = [fixed.route(test.take(slice(start, start + 97))).exit for start in range(0, test.examples, 97)]
            assert np.array_equal(np.concatenate(parts), rule.route(test).exit), policy
