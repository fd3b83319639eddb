"""What the command `sweep` says of one policy on one bundle. A request can be sent to another process, and its report can come back."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.analysis.sweep_intervals import SweepIntervals, sweep_intervals
from engine.analysis.whole_sweep import over_all_examples
from engine.bundle.bundle import Bundle
from engine.bundle.library import find_bundle, open_bundle
from engine.bundle.manifest import read_manifest
from engine.display_text import counted
from engine.outputs import Outputs
from engine.policies import policy
from engine.progress import Progress, in_halves, no_progress
from engine.qualities import mean_title, measure_title
from engine.splits import Split
from engine.sweep import Sweep, run_sweep


@dataclass(frozen=True)
class SweepRequest:
    """One policy on one bundle, as a user asks for it.

    bundle:     id or path
    calibrated: whether logits are first scaled by a temperature
    budgets:    shares of the full network's cost, or a number of evenly spaced budgets
    quality, unit: None: those of the bundle
    """

    bundle: str
    policy: str
    calibrated: bool = False
    budgets: tuple[float, ...] | int = 21
    quality: str | None = None
    unit: str | None = None
    split: str = "test"

    def name(self) -> str:
        """A name for a file of the results, which changes with the contents of the bundle and with every option."""
        entry = find_bundle(self.bundle)
        about = {**asdict(self), "bundle": read_manifest(entry.folder)["sha256"]}
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        return f"{entry.folder.name}-{self.policy}-{digest[:12]}"


@dataclass(frozen=True)
class SweepReport:
    """document: of `--json`;  lines: the same as text"""

    document: dict[str, Any]
    lines: tuple[str, ...]


def sweep_report(request: SweepRequest, progress: Progress = no_progress) -> SweepReport:
    """Run the sweep. Raises UserError if the policy cannot run on the bundle."""
    swept = policy(request.policy)
    if request.calibrated:
        from engine.policies.methods.temperature import Calibrated

        swept = Calibrated(swept)
    bundle = open_bundle(request.bundle)
    outputs = bundle.outputs if request.quality is None else bundle.outputs.with_quality(request.quality)
    budgets = request.budgets if isinstance(request.budgets, int) else list(request.budgets)
    unit = request.unit or outputs.default_unit
    first, second = (progress, progress) if bundle.whole is None else in_halves(progress)
    result = run_sweep(swept, outputs, budgets, unit, Split(request.split), first)
    if bundle.whole is not None:
        result = over_all_examples(swept, result, replace(bundle.whole, quality=request.quality), progress=second)
    document = result.as_json(bundle.id)
    intervals = sweep_intervals(result, outputs.part(result.split))
    intervals.add_to(document)
    if outputs.quality_name:
        document["quality"] = outputs.quality_name
    if bundle.whole is not None:
        document["tuning"] = bundle.whole.tuning_counts(outputs)
    return SweepReport(document, tuple(_lines(swept.title, bundle, outputs, result, document, intervals)))


def _lines(title: str, bundle: Bundle, outputs: Outputs, result: Sweep, document: dict[str, Any], intervals: SweepIntervals) -> list[str]:
    full = document["full"]
    quality, short = mean_title(outputs), measure_title(outputs)
    lines = [f"{title} on {bundle.title}, {result.split} split, {counted(document['examples'], 'example')}."]
    if bundle.whole is not None:
        reported = f"Results are those of all {document['examples']:,} {result.split} examples."
        lines.append(f"{bundle.whole.tuning_note(bundle.outputs)} {reported}")
    lines += [
        f"Full network: {full['accuracy']:.2%} {quality} at {full['cost']:.4g} {result.unit}. Costs are shares of its cost.",
        "Difference from the full network in points, on the same examples. 95% intervals in brackets.",
        f"  budget  planned  calibration     cost {short if len(short) <= 9 else 'quality':>9} {'':14} difference {'':12}"
        " share of examples leaving at each exit",
    ]
    for point, difference in zip(document["points"], intervals.difference, strict=True):
        shares = " ".join(f"{share:6.1%}" for share in point["shares"])
        planned = f"{point['budget']:8.3f} {point['planned_cost']:8.3f} {point['calibration_cost']:12.3f}"
        low, high = (f"{100 * end:.1f}" for end in point["interval"])
        accuracy = f"{point['accuracy']:9.2%} {f'[{low}, {high}]':14}"
        # That of the two printed numbers, so that a reader who subtracts gets the same.
        points = round(float(f"{100 * point['accuracy']:.2f}") - float(f"{100 * full['accuracy']:.2f}"), 2) + 0.0
        gained, least, most = f"{points:+.2f}", *(f"{100 * end:+.1f}" for end in (difference.low, difference.high))
        lines.append(f"{planned} {point['cost']:8.3f} {accuracy} {gained:>7} {f'[{least}, {most}]':16} {shares}")
    for note in dict.fromkeys(filter(None, result.notes)):
        budgets = ", ".join(f"{budget:.3f}" for budget, other in zip(result.budgets, result.notes, strict=True) if other == note)
        lines.append(f"Budget {budgets}: {note}")
    return lines
