"""Run one policy over many budgets. Knobs are set on the calibration split and results are reported on the test split."""

import argparse
from typing import Any

from engine.commands.arguments import numbers, positive
from engine.commands.progress import progress_bar
from engine.display_text import counted
from engine.errors import UserError

MAX_POINTS = 10_000
QUICK = 3.0  # seconds; a sweep that ends within them shows no progress


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", help="id or path of a bundle")
    command.add_argument("--policy", required=True, metavar="NAME", help="name of a policy, see `list`")
    command.add_argument(
        "--calibrated", action="store_true", help="first scale the logits of every exit by a temperature, learned on the fit split"
    )
    which = command.add_mutually_exclusive_group()
    which.add_argument("--budgets", type=numbers, metavar="A,B,...", help="budgets as shares of the full network's cost, such as 0.3,0.5")
    which.add_argument("--points", type=positive, default=21, metavar="N", help="number of evenly spaced budgets (default: 21)")
    command.add_argument("--quality", metavar="NAME", help="which quality judges the exits, if the bundle has several, such as mean_iou")
    command.add_argument("--unit", help="unit of cost (default: macs, or the first unit of the bundle)")
    command.add_argument(
        "--split", default="test", choices=("fit", "calibration", "test"), help="split on which results are reported (default: test)"
    )


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.analysis.sweep_intervals import sweep_intervals
    from engine.bundle.library import open_bundle
    from engine.policies import policy
    from engine.splits import Split
    from engine.sweep import run_sweep

    swept = policy(given.policy)
    if given.calibrated:
        from engine.policies.methods.temperature import Calibrated

        swept = Calibrated(swept)
    bundle = open_bundle(given.bundle)
    outputs = bundle.outputs if given.quality is None else bundle.outputs.with_quality(given.quality)
    unit = given.unit or outputs.default_unit
    if given.points > MAX_POINTS:
        raise UserError(f"--points is {given.points:,}, which is too many budgets; give at most {MAX_POINTS:,}.")
    result = run_sweep(swept, outputs, given.budgets or given.points, unit, Split(given.split), progress_bar("steps", after=QUICK))
    document = result.as_json(bundle.id)
    intervals = sweep_intervals(result, outputs.part(result.split))
    intervals.add_to(document)
    if not given.json:
        full = document["full"]
        print(f"{swept.title} on {bundle.title}, {result.split} split, {counted(document['examples'], 'example')}.")
        quality = "mean quality" if result.is_graded else "accuracy"
        print(f"Full network: {full['accuracy']:.2%} {quality} at {full['cost']:.4g} {result.unit}. Costs are shares of its cost.")
        print("Difference from the full network in points, on the same examples. 95% intervals in brackets.")
        head = f"  budget  planned  calibration     cost {quality.removeprefix('mean '):>9} {'':14} difference {'':12}"
        print(f"{head} share of examples leaving at each exit")
        for point, difference in zip(document["points"], intervals.difference, strict=True):
            shares = " ".join(f"{share:6.1%}" for share in point["shares"])
            planned = f"{point['budget']:8.3f} {point['planned_cost']:8.3f} {point['calibration_cost']:12.3f}"
            low, high = (f"{100 * end:.1f}" for end in point["interval"])
            accuracy = f"{point['accuracy']:9.2%} {f'[{low}, {high}]':14}"
            gained, least, most = (f"{100 * points:+.1f}" for points in (difference.estimate, difference.low, difference.high))
            print(f"{planned} {point['cost']:8.3f} {accuracy} {gained:>7} {f'[{least}, {most}]':16} {shares}")
        for note in dict.fromkeys(filter(None, result.notes)):
            budgets = ", ".join(f"{budget:.3f}" for budget, other in zip(result.budgets, result.notes, strict=True) if other == note)
            print(f"Budget {budgets}: {note}")
    return document
