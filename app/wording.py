"""Numbers of the engine as short sentences."""

import re
from collections.abc import Sequence

from engine.analysis.verdict import MARGIN, LostSpeed, Outcome, Verdict
from engine.bundle.measurements import Measured, MeasuredRun
from engine.cost_units import cost_unit
from engine.sweep import Sweep

#: Shown where the data folder is empty.
NO_BUNDLE = "There is no bundle yet; make one with `python -m engine compute doodles`."
_SMALL = 0.0005


def literal(text: str) -> str:
    """Other people's text, escaped for Streamlit's Markdown: it is shown as it is, so that no file can put an image on the page."""
    return re.sub(r"([\\`*_{}\[\]()<>#+.!|~$:@&-])", r"\\\1", text)


def spent(unit: str) -> str:
    return cost_unit(unit).noun


def unit_title(unit: str, measured: Sequence[Measured] = ()) -> str:
    """The name of a unit; of a measured one with its batch size, and with its device if `measured` holds it."""
    device = next((f", {entry.device}" for entry in measured if unit in entry.units.values()), "")
    return f"{cost_unit(unit).title}{device}"


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}%"


def budget_sentence(sweep: Sweep, step: int) -> str:
    """What one budget buys, in a sentence that a stakeholder can repeat."""
    cost, accuracy = float(sweep.cost[step]), float(sweep.accuracy[step])
    bought = f"{percent(accuracy)} accuracy at {percent(cost, 0)} of the {spent(sweep.unit)}"
    return f"{bought} ({_against_full(accuracy - sweep.full.accuracy)}); {_early(sweep, step)}."


def _against_full(difference: float) -> str:
    if abs(difference) < _SMALL:
        return "as accurate as the full network"
    return f"{abs(100 * difference):.1f} points {'above' if difference > 0 else 'below'} the full network"


def _early(sweep: Sweep, step: int) -> str:
    tenths = round(10 * float(sweep.before_half[step]))
    if tenths == 0:
        return "almost no image leaves before half the cost"
    if tenths == 10:
        return "almost every image leaves before half the cost"
    return f"{tenths} of 10 images {'leaves' if tenths == 1 else 'leave'} before half the cost"


def run_lines(entry: Measured, run: MeasuredRun) -> list[str]:
    """One real run, a fact on each line."""
    return [
        f"Measured at batch {entry.batch_size}, {percent(run.budget, 0)} budget",
        f"{speed(run.speed_up)}: {percent(run.time, 0)} of the full network’s time",
        _expected(run),
        f"{percent(run.accuracy)} accuracy on {entry.tested:,} test images, full network {percent(entry.alone[-1].accuracy)}",
        f"timed on {entry.examples:,} of them: {entry.device}, {entry.date}",
    ]


def speed(speed_up: float) -> str:
    """Compared with the full network."""
    if speed_up >= MARGIN:
        return f"{_factor(speed_up)} faster"
    return f"{_factor(1 / speed_up)} slower" if speed_up * MARGIN < 1 else "no faster"


def _factor(number: float) -> str:
    return f"{number:.1f}x" if number >= 1.095 else f"{number:.2f}x"


def speedup_sentence(entry: Measured, verdicts: Sequence[Verdict], exit_names: Sequence[str]) -> str:
    """For one device and batch size: at which budgets early exit is faster, at which not, why not, and what would be."""
    start = f"Batch {entry.batch_size} on {entry.device}"
    if not verdicts:
        return f"{start}: no budget was run."
    parts: list[str] = []
    loss = None
    pays = [verdict.run for verdict in verdicts if verdict.outcome is Outcome.PAYS]
    if pays:
        parts.append(f"early exit is {_and([f'{speed(run.speed_up)} at a {percent(run.budget, 0)} budget' for run in pays])}")
    for verdict in verdicts:
        if verdict.outcome is Outcome.PAYS:
            continue
        budget, how = f"at a {percent(verdict.run.budget, 0)} budget", speed(verdict.run.speed_up)
        part = f"{budget} it is {how}" if parts else f"early exit is {how} {budget}"
        instead = _instead(entry, verdict, exit_names)
        if verdict.outcome is Outcome.SLOWER:
            part += " for the same reason" if verdict.loss is loss else f" because {_because(entry, verdict)}"
            part += f", while {instead}" if instead else ""
            loss = verdict.loss
        else:
            part += f" but {instead}"
        parts.append(part)
    return f"{start}, {entry.examples:,} test images timed: {'; '.join(parts)}."


def _because(entry: Measured, verdict: Verdict) -> str:
    images = "one image" if entry.batch_size == 1 else f"{entry.batch_size} images"
    reasons = {
        LostSpeed.PLAN: "the exits along the way cost what leaving early saves",
        LostSpeed.SMALL_BATCH: f"every stage takes a fixed time, however little it computes for {images}",
        LostSpeed.STAGES: "the stages that all images run take more time per MAC than the later ones",
        LostSpeed.RUNNING: "deciding, gathering the images that continue and forming new batches use up the gain",
    }
    return f"{reasons[verdict.loss]} ({_expected(verdict.run)})"


def _expected(run: MeasuredRun) -> str:
    return f"expected {run.ideal_by_macs:.2f}x from MACs, {run.ideal_by_times:.2f}x from stage times"


def _instead(entry: Measured, verdict: Verdict, exit_names: Sequence[str]) -> str:
    """The exit that would do better alone, if there is one."""
    if verdict.instead is None:
        return ""
    exit = entry.alone[verdict.instead]
    accuracy = f"{percent(exit.accuracy)} accuracy (early exit: {percent(verdict.run.accuracy)})"
    return f"{exit_names[verdict.instead]} alone is {speed(exit.speed_up)} with {accuracy}"


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
