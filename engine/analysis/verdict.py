"""Payoff: whether stopping early paid on a device, and if not, where the gain went that arithmetic promised.

It pays where it is faster than the full network and no exit alone is as fast and as often right: the exits alone are the smaller networks,
unable to adapt, that one would otherwise take.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.bundle.measurements import Measured, MeasuredRun

#: Speeds closer than this are the same: on a shared machine a clock says no more.
MARGIN = 1.05


class Outcome(StrEnum):
    PAYS = "pays"
    MATCHED = "matched"  # faster than the full network, and an exit alone is as fast and as often right
    SLOWER = "slower"  # no faster than the full network


class LostSpeed(StrEnum):
    """What cost the most between the speed-up that MACs promise and the real one."""

    PLAN = "plan"  # nothing was promised: the heads on the way cost what stopping saves
    SMALL_BATCH = "small batch"  # a stage takes a while however few its pictures: at a larger batch its times promise more
    STAGES = "stages"  # the stages that everybody runs take more time for a MAC than the others
    RUNNING = "running"  # deciding, gathering the survivors and cutting them into batches again


@dataclass(frozen=True)
class Verdict:
    """One real run, judged. instead: the exit before the last that is right most often among those alone no slower, or None."""

    run: MeasuredRun
    outcome: Outcome
    loss: LostSpeed
    instead: int | None


def judged(here: Measured, all_measured: Sequence[Measured]) -> list[Verdict]:
    """Judge every run of one measuring, cheapest first. all_measured: the bundle's, in which other batch sizes of the device are found."""
    larger = [other for other in all_measured if other.device == here.device and other.batch_size > here.batch_size]
    found = []
    for run in sorted(here.runs, key=lambda run: run.budget):
        instead = _instead(here, run)
        if run.speed_up < MARGIN:
            outcome = Outcome.SLOWER
        elif instead is not None and here.alone[instead].accuracy >= run.accuracy:
            outcome = Outcome.MATCHED
        else:
            outcome = Outcome.PAYS
        found.append(Verdict(run, outcome, _loss(run, larger), instead))
    return found


def _instead(here: Measured, run: MeasuredRun) -> int | None:
    smaller = here.alone[:-1]
    no_slower = [k for k, exit in enumerate(smaller) if exit.speed_up >= run.speed_up]
    return max(no_slower, key=lambda k: (smaller[k].accuracy, smaller[k].speed_up), default=None)


def _loss(run: MeasuredRun, larger: Sequence[Measured]) -> LostSpeed:
    if run.ideal_by_macs < MARGIN:
        return LostSpeed.PLAN
    by_stages, by_running = run.ideal_by_macs / run.ideal_by_times, run.ideal_by_times / run.speed_up
    if by_running >= by_stages:
        return LostSpeed.RUNNING
    ideals = [other.ideal_by_times for entry in larger for other in entry.runs if other.budget == run.budget]
    return LostSpeed.SMALL_BATCH if max(ideals, default=0.0) > 1.1 * run.ideal_by_times else LostSpeed.STAGES
