"""Where stopping early pays off, and what is to blame where it does not."""

from dataclasses import replace

import pytest

from engine.analysis.verdict import LostSpeed, Outcome, judged
from engine.bundle.measurements import MeasuredRun, StaticExit
from tests.measured import fresh

RUN = MeasuredRun(budget=0.5, cost=0.5, speed_up=1.5, ideal_by_macs=2.0, ideal_by_times=1.8, accuracy=0.9)
#: Three single exits: half the time, three quarters of it, and the full network.
ALONE = (StaticExit(2.0, 0.7), StaticExit(4 / 3, 0.85), StaticExit(1.0, 0.92))


def verdict(run, alone=ALONE, others=()):
    here = replace(fresh(32, 3).measured, alone=alone, runs=(run,))
    (result,) = judged(here, (here, *others))
    return result


def test_it_pays_where_it_is_faster_and_no_single_exit_does_as_well():
    assert verdict(RUN).outcome is Outcome.PAYS
    assert verdict(replace(RUN, speed_up=1.06), alone=ALONE[-1:]).outcome is Outcome.PAYS


@pytest.mark.parametrize("speed_up", [1.04, 1.0, 0.9])
def test_it_does_not_pay_where_it_is_no_faster(speed_up):
    assert verdict(replace(RUN, speed_up=speed_up)).outcome is Outcome.SLOWER


def test_a_single_exit_that_is_as_fast_and_as_accurate_matches_it():
    matched = verdict(replace(RUN, accuracy=0.7))
    assert (matched.outcome, matched.instead) == (Outcome.MATCHED, 0)
    assert verdict(replace(RUN, accuracy=0.71)).outcome is Outcome.PAYS


def test_the_exit_to_use_instead_is_the_most_accurate_that_is_as_fast():
    assert verdict(RUN).instead == 0
    assert verdict(replace(RUN, speed_up=1.1)).instead == 1
    assert verdict(replace(RUN, speed_up=0.8)).instead == 1, "the full network itself is not a smaller one"
    assert verdict(replace(RUN, speed_up=2.5)).instead is None
    assert verdict(RUN, alone=ALONE[-1:]).instead is None


def test_the_larger_loss_is_to_blame():
    assert verdict(RUN).loss is LostSpeed.RUNNING
    assert verdict(replace(RUN, ideal_by_times=1.6)).loss is LostSpeed.STAGES
    assert verdict(replace(RUN, ideal_by_macs=1.01)).loss is LostSpeed.PLAN


def test_a_small_batch_is_to_blame_only_where_a_larger_one_promises_more():
    slow = replace(RUN, ideal_by_times=1.5, speed_up=1.4)

    def larger(**changes):
        other = fresh(256, 3).measured
        return replace(other, runs=(replace(RUN, ideal_by_times=1.9),), **changes)

    assert verdict(slow, others=(larger(),)).loss is LostSpeed.SMALL_BATCH
    assert verdict(slow, others=(larger(device="another"),)).loss is LostSpeed.STAGES
    assert verdict(slow, others=(larger(batch_size=4),)).loss is LostSpeed.STAGES
    assert verdict(replace(slow, budget=0.4), others=(larger(),)).loss is LostSpeed.STAGES


def test_every_run_is_judged_in_the_order_of_budgets():
    here = fresh(32).measured
    shuffled = replace(here, runs=here.runs[::-1])
    assert [result.run for result in judged(shuffled, (shuffled,))] == list(here.runs)
    assert judged(replace(here, runs=()), (here,)) == []
