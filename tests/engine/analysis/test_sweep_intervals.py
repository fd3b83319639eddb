"""The intervals of a sweep are those of its routes, and the expectation over the parts of a rule that decides by chance."""

from dataclasses import replace

import numpy as np
import pytest

from engine.analysis.intervals import Interval, mean_interval, paired_interval, wilson_interval
from engine.analysis.sweep_intervals import sweep_intervals
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.splits import Split
from engine.sweep import run_sweep
from tests import synthetic

CHAIN = synthetic.outputs(examples=300, exits=3, classes=4, seed=2)
GRADED = replace(CHAIN, judged=np.random.default_rng(0).beta(3, 2, (3, 300)).astype(np.float32))


@pytest.mark.parametrize("outputs", [CHAIN, GRADED], ids=["correct or not", "graded"])
@pytest.mark.parametrize("split", [Split.TEST, Split.CALIBRATION])
def test_intervals_are_those_of_the_routes(outputs: Outputs, split: Split) -> None:
    swept = run_sweep(POLICIES["single_threshold"], outputs, [0.5, 0.8], "macs", split)
    reported = outputs.part(split)
    intervals = sweep_intervals(swept, reported)
    for i, rule in enumerate(swept.rules):
        quality = rule.route(reported).known_quality
        assert intervals.accuracy[i] == mean_interval(quality)
        assert intervals.difference[i] == paired_interval(quality, reported.quality[2])
        assert intervals.accuracy[i].estimate == pytest.approx(swept.accuracy[i])
        assert intervals.difference[i].estimate == pytest.approx(swept.accuracy[i] - swept.full.accuracy)


def test_a_coin_toss_is_reported_as_its_expectation() -> None:
    swept = run_sweep(POLICIES["random_mix"], CHAIN, [0.5], "macs")
    test = CHAIN.test()
    interval = sweep_intervals(swept, test).accuracy[0]
    (cheap, _), (costly, _) = swept.rules[0].parts()
    assert 0 < costly < 1 and interval.estimate == pytest.approx(swept.accuracy[0])
    # One coin per example would add its own noise.
    tossed = wilson_interval(round(float(swept.accuracy[0]) * test.examples), test.examples)
    assert interval.half_width < tossed.half_width


@pytest.mark.parametrize("outputs", [CHAIN, GRADED], ids=["correct or not", "graded"])
@pytest.mark.parametrize("policy", ["static", "random_mix"])
def test_the_full_network_does_not_differ_from_itself(outputs: Outputs, policy: str) -> None:
    swept = run_sweep(POLICIES[policy], outputs, [0.9, 1.0 - 1e-15, 1.0], "macs")
    before, *last = sweep_intervals(swept, outputs.test()).difference
    assert before.low < before.high
    assert last == [Interval(0.0, 0.0, 0.0)] * 2


def test_the_document_of_a_sweep_takes_them() -> None:
    swept = run_sweep(POLICIES["maxprob"], CHAIN, [0.5, 1.0], "macs")
    document = swept.as_json("some")
    intervals = sweep_intervals(swept, CHAIN.test())
    intervals.add_to(document)
    low, high = document["full"]["interval"]
    assert low < document["full"]["accuracy"] < high
    for point, interval in zip(document["points"], intervals.difference, strict=True):
        assert point["interval"][0] < point["accuracy"] < point["interval"][1]
        assert point["difference_interval"] == [interval.low, interval.high]
