"""Plain sentences about numbers the engine found."""

import re
from collections.abc import Sequence

from engine.analysis.verdict import MARGIN, LostSpeed, Outcome, Verdict
from engine.bundle.measurements import JOULES, MS, UNIT, Measured, MeasuredRun
from engine.sweep import Sweep

#: What is spent, in the words of each unit.
SPENT = {"macs": "compute", "latency_ms": "time", "energy_mj": "energy"}
UNIT_TITLES = {"macs": "Compute (MACs)", "latency_ms": "Time (ms)", "energy_mj": "Energy (mJ)"}
#: The same for what was measured on a device, at some batch size.
MEASURED_SPENT = {MS: "time", JOULES: "energy"}
MEASURED_TITLES = {MS: "Milliseconds per image", JOULES: "Joules per image, measured"}
_SMALL = 0.0005


def literal(text: str) -> str:
    """Text that is not ours, for where Streamlit reads Markdown: shown as it is, so that no file can put a picture on the page."""
    return re.sub(r"([\\`*_{}\[\]()<>#+.!|~$:@&-])", r"\\\1", text)


def spent(unit: str) -> str:
    match = UNIT.fullmatch(unit)
    return f"{MEASURED_SPENT[match[1]]} at batch {match[2]}" if match else SPENT.get(unit, unit)


def unit_title(unit: str, measured: Sequence[Measured] = ()) -> str:
    """What a unit is called; one that was measured by its batch size, and by its device where `measured` knows it."""
    match = UNIT.fullmatch(unit)
    if match is None:
        return UNIT_TITLES.get(unit, unit)
    device = next((f", {entry.device}" for entry in measured if unit in entry.units.values()), "")
    return f"{MEASURED_TITLES[match[1]]}, batch {match[2]}{device}"


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}%"


def budget_sentence(sweep: Sweep, step: int) -> str:
    """What one budget buys, in one sentence a stakeholder can repeat."""
    cost, accuracy = float(sweep.cost[step]), float(sweep.accuracy[step])
    spends = f"Spends {percent(cost, 0)} of the full network’s {spent(sweep.unit)}, gets {percent(accuracy)} right"
    return f"{spends}: {_against_full(accuracy - sweep.full.accuracy)}; {_early(sweep, step)}."


def _against_full(difference: float) -> str:
    if abs(difference) < _SMALL:
        return "as many as running everything"
    points = f"{abs(100 * difference):.1f} points"
    return f"{points} {'more' if difference > 0 else 'less'} than running everything"


def _early(sweep: Sweep, step: int) -> str:
    tenths = round(10 * float(sweep.before_half[step]))
    if tenths == 0:
        return "next to no image leaves before half-way"
    if tenths == 10:
        return "nearly every image leaves before half-way"
    return f"{tenths} of 10 images {'leaves' if tenths == 1 else 'leave'} before half-way"


def run_lines(entry: Measured, run: MeasuredRun) -> list[str]:
    """One real run, a fact a line."""
    return [
        f"Measured: batch {entry.batch_size}, budget {percent(run.budget, 0)} of the compute",
        f"{times(run.speed_up)}: {percent(run.time, 0)} of the full network’s time",
        f"promised {run.ideal_by_macs:.2f} by MACs, {run.ideal_by_times:.2f} by stage times",
        f"{percent(run.accuracy)} right on {entry.tested:,} test images, the full network {percent(entry.alone[-1].accuracy)}",
        f"timed on {entry.examples:,} of them: {entry.device}, {entry.date}",
    ]


def times(speed_up: float) -> str:
    if speed_up >= MARGIN:
        return f"{_factor(speed_up)} times as fast as the full network"
    return f"{_factor(1 / speed_up)} times slower than the full network" if speed_up * MARGIN < 1 else "no faster than the full network"


def _factor(number: float) -> str:
    return f"{number:.1f}" if number >= 1.095 else f"{number:.2f}"


def speedup_sentence(entry: Measured, verdicts: Sequence[Verdict], exit_names: Sequence[str]) -> str:
    """For one device and batch size: at which budgets stopping early pays in time, at which not, and then why and what else would do."""
    pays = [verdict.run for verdict in verdicts if verdict.outcome is Outcome.PAYS]
    parts, told = [], None
    if pays:
        than = (" as fast as the full network", *[""] * len(pays))
        listed = [f"{percent(run.budget, 0)} ({_factor(run.speed_up)} times{what})" for run, what in zip(pays, than, strict=False)]
        parts.append(f"stopping early pays at a budget of {_and(listed)}")
    for verdict in verdicts:
        if verdict.outcome is Outcome.PAYS:
            continue
        budget = f"at a budget of {percent(verdict.run.budget, 0)}"
        begin = f"{budget} it" if parts else f"stopping early {budget}"
        reason = "for the same reason" if verdict.loss is told else f"because {_because(entry, verdict)}"
        if verdict.outcome is Outcome.SLOWER:
            parts.append(f"{begin} does not pay, being {times(verdict.run.speed_up)}, {reason}{_instead(entry, verdict, exit_names)}")
            told = verdict.loss
        else:
            parts.append(f"{begin} is {times(verdict.run.speed_up)} and still does not pay{_instead(entry, verdict, exit_names)}")
    if not parts:
        return f"Batch {entry.batch_size} on {entry.device}: no budget was run."
    return f"Batch {entry.batch_size} on {entry.device}, {entry.examples:,} test images timed: {'; '.join(parts)}."


def _because(entry: Measured, verdict: Verdict) -> str:
    run = verdict.run
    promised = f"{run.ideal_by_macs:.2f} times as fast was promised by MACs, {run.ideal_by_times:.2f} by stage times"
    pictures = "one image" if entry.batch_size == 1 else f"{entry.batch_size} images"
    reasons = {
        LostSpeed.PLAN: "the exits passed on the way cost what stopping saves",
        LostSpeed.SMALL_BATCH: f"with {pictures} a batch every stage takes its fixed time, however little it computes",
        LostSpeed.STAGES: "the stages that every image runs take more time for a multiplication than the ones it is spared",
        LostSpeed.RUNNING: "deciding, gathering who goes on and cutting new batches eats up the gain",
    }
    return f"{reasons[verdict.loss]} ({promised})"


def _instead(entry: Measured, verdict: Verdict, exit_names: Sequence[str]) -> str:
    if verdict.instead is None:
        return ""
    exit = entry.alone[verdict.instead]
    correct = f"gets {percent(exit.accuracy)} right, the cascade {percent(verdict.run.accuracy)}"
    return f": {exit_names[verdict.instead]} alone is {times(exit.speed_up)} and {correct}"


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
