"""Run one policy over many budgets: knobs chosen on calibration, numbers from test."""

import argparse
from typing import Any

from engine.commands.arguments import numbers, positive
from engine.errors import UserError

MAX_POINTS = 10_000


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", help="an id or a path")
    command.add_argument("--policy", required=True, metavar="NAME", help="see `list`")
    command.add_argument("--calibrated", action="store_true", help="scale every exit's logits by a temperature first, learned on fit")
    which = command.add_mutually_exclusive_group()
    which.add_argument("--budgets", type=numbers, metavar="A,B,...", help="mean cost allowed, as shares of the full network's: 0.3,0.5")
    which.add_argument("--points", type=positive, default=21, metavar="N", help="that many budgets, evenly spread (default: 21)")
    command.add_argument("--unit", help="what cost is counted in (default: macs, or the bundle's first)")
    command.add_argument("--split", default="test", choices=("fit", "calibration", "test"), help="what to report on (default: test)")


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.bundle.library import open_bundle
    from engine.policies import policy
    from engine.splits import Split
    from engine.sweep import sweep

    chosen = policy(given.policy)
    if given.calibrated:
        from engine.policies.methods.temperature import Calibrated

        chosen = Calibrated(chosen)
    bundle = open_bundle(given.bundle)
    units = bundle.outputs.stage_cost
    unit = given.unit or ("macs" if "macs" in units else next(iter(units)))  # an import may know its costs in another unit only
    if given.points > MAX_POINTS:
        raise UserError(f"{given.points:,} budgets are too many to sweep; ask for at most {MAX_POINTS:,} with --points.")
    result = sweep(chosen, bundle.outputs, given.budgets or given.points, unit, Split(given.split))
    document = result.as_json(bundle.id)
    if not given.json:
        full = document["full"]
        print(f"{chosen.title} on {bundle.title}: {result.split}, {document['examples']:,} examples. ", end="")
        print(f"Full network: {full['accuracy']:.2%} at {full['cost']:.4g} {result.unit}. Costs are shares of that.")
        print("  budget  planned  calibration     cost  accuracy  leaving at each exit")
        for point in document["points"]:
            shares = " ".join(f"{share:6.1%}" for share in point["shares"])
            planned = f"{point['budget']:8.3f} {point['planned_cost']:8.3f} {point['calibration_cost']:12.3f}"
            print(f"{planned} {point['cost']:8.3f} {point['accuracy']:9.2%}  {shares}")
        for note in dict.fromkeys(filter(None, result.notes)):
            budgets = ", ".join(f"{budget:.3f}" for budget, said in zip(result.budgets, result.notes, strict=True) if said == note)
            print(f"At {budgets}: {note}")
    return document
