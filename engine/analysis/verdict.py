"""Whether stopping early paid off on a device, and if not, where the speed-up promised by the MACs was lost.

It pays off if it is faster than the full network and no single exit is as fast and as accurate. The single exits are the smaller static
networks that one would otherwise use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.bundle.measurements import Measured, MeasuredRun

#: Speeds closer than this ratio count as equal: timings on a shared machine are no more precise.
MARGIN = 1.05


class Outcome(StrEnum):
    PAYS = "pays"
    MATCHED = "matched"  # faster than the full network, but a single exit is as fast and as accurate
    SLOWER = "slower"  # no faster than the full network


class LostSpeed(StrEnum):
    """The main loss between the speed-up that the MACs promise and the real one."""

    PLAN = "plan"  # the MACs promise none: the early heads cost what stopping saves
    SMALL_BATCH = "small batch"  # a stage has a fixed cost however few its images: its times promise more at a larger batch
    STAGES = "stages"  # the stages that all examples run take more time per MAC than the others
    RUNNING = "running"  # deciding, gathering the remaining examples and batching them again


@dataclass(frozen=True)
class Verdict:
    """The verdict on one real run. instead: the most accurate single exit before the last that is at least as fast as the run, or None."""

    run: MeasuredRun
    outcome: Outcome
    loss: LostSpeed
    instead: int | None


def judged(here: Measured, all_measured: Sequence[Measured]) -> list[Verdict]:
    """The verdicts on all runs of one measurement, cheapest first. all_measured: the bundle's, with other batch sizes of the device."""
    larger = [other for other in all_measured if other.device == here.device and other.batch_size > here.batch_size]
    verdicts = []
    for run in sorted(here.runs, key=lambda run: run.budget):
        instead = _instead(here, run)
        if run.speed_up < MARGIN:
            outcome = Outcome.SLOWER
        elif instead is not None and here.alone[instead].accuracy >= run.accuracy:
            outcome = Outcome.MATCHED
        else:
            outcome = Outcome.PAYS
        verdicts.append(Verdict(run, outcome, _loss(run, larger), instead))
    return verdicts


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
