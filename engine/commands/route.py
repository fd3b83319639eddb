"""Route the examples of a bundle by a policy at one budget: write the table of their routes, and save the policy to use it elsewhere."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.commands.arguments import number, positive
from engine.commands.progress import progress_bar
from engine.commands.sweep import MAX_POINTS, POINTS, QUICK
from engine.display_text import capital, counted, printable
from engine.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

    from engine.bundle.bundle import Bundle


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", help="id or path of a bundle")
    command.add_argument("--policy", metavar="NAME", help="name of a policy, see `list`")
    command.add_argument("--budget", type=number, metavar="SHARE", help="budget as a share of the full network's cost, such as 0.25")
    command.add_argument("--load-policy", type=Path, metavar="FILE", help="a saved policy, instead of --policy and --budget")
    command.add_argument("--out", type=Path, metavar="FILE", help="table to write, .csv or .parquet: one row per example; optional")
    command.add_argument("--save-policy", type=Path, metavar="FILE", help="file to save the policy in, with its knob set, as JSON")
    command.add_argument(
        "--calibrated", action="store_true", help="first scale the logits of every exit by a temperature, learned on the fit split"
    )
    command.add_argument("--unit", help="unit of cost (default: macs, or the first unit of the bundle)")
    command.add_argument(
        "--points",
        type=positive,
        metavar="N",
        help=f"number of budgets among which the next change of an example's exit is searched for (default: {POINTS})",
    )
    splits = "split to route (default: test); all, with --load-policy, routes every example"
    command.add_argument("--split", default="test", choices=("fit", "calibration", "test", "all"), help=splits)


@dataclass(frozen=True, eq=False)
class Routed:
    """A policy at one budget, and the routes of the examples.

    policy:       its name
    planned_cost: a share of the full network's cost, as is the budget
    note:         sentences about the rule and about how it suits the bundle, or empty
    saved:        the document of the policy, or None if it is not to be saved
    own_costs:    whether the costs are the bundle's, and not those that the policy was saved with
    """

    policy: str
    title: str
    unit: str
    budget: float | None
    planned_cost: float
    note: str
    table: "pa.Table"
    saved: dict[str, Any] | None
    own_costs: bool = True


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.analysis.routes_table import check_ending, write_routes
    from engine.bundle.library import open_bundle
    from engine.policies.saved import save_policy
    from engine.qualities import mean_title

    _check(given)
    if given.out is not None:
        check_ending(given.out)
    bundle = open_bundle(given.bundle)
    routed = _solve(given, bundle) if given.load_policy is None else _load(given, bundle)
    if routed.saved is not None:
        save_policy(routed.saved, given.save_policy)
    if given.out is not None:
        write_routes(routed.table, given.out)
    document = _summary(given, bundle, routed)
    if not given.json:
        budget = "" if routed.budget is None else f" at a budget of {routed.budget:.4g}"
        part = "all splits" if given.split == "all" else f"{given.split} split"
        print(f"{routed.title}{budget} on {bundle.title}, {part}, {counted(document['examples'], 'example')}.")
        quality = capital(mean_title(bundle.outputs))
        units = ", ".join(bundle.outputs.stage_cost)
        others = "" if routed.own_costs else f", by the mean costs saved with the policy: this bundle has {units} only"
        print(f"{quality} {document['accuracy']:.2%} at {document['cost']:.1%} of the full network's cost in {routed.unit}{others}.")
        shares = zip(bundle.exit_names, document["shares"], strict=True)
        print(f"Share of examples leaving at each exit: {', '.join(f'{name} {share:.1%}' for name, share in shares)}.")
        for line in (
            routed.note,
            _sample_note(bundle, given.split),
            given.out and f"Routes written to {given.out}.",
            routed.saved and f"Policy saved to {given.save_policy}.",
        ):
            if line:
                print(line)
    return document


def _check(given: argparse.Namespace) -> None:
    if given.load_policy is None:
        if given.policy is None or given.budget is None:
            raise UserError("A policy is named by --policy and --budget, or read by --load-policy; give one or the other.")
        if given.split == "all":
            raise UserError("--split all is for --load-policy, as a knob is set on calibration examples; give one split, or leave it out.")
        if given.points is not None and given.points > MAX_POINTS:
            raise UserError(f"--points is {given.points:,}, which is too many budgets; give at most {MAX_POINTS:,}.")
        return
    for option in ("policy", "budget", "unit", "points", "save_policy", "calibrated"):
        if getattr(given, option) not in (None, False):
            raise UserError(
                f"--{option.replace('_', '-')} cannot be given with --load-policy, whose file holds all settings; leave it out."
            )


def _solve(given: argparse.Namespace, bundle: "Bundle") -> Routed:
    """Set the policy's knob for the budget, on the calibration examples."""
    from engine.analysis.routes_table import routes_table
    from engine.policies import policy
    from engine.policies.saved import check_deployable, policy_document
    from engine.splits import Split
    from engine.sweep import run_sweep

    named = policy(given.policy)
    if given.calibrated:
        from engine.policies.methods.temperature import Calibrated

        named = Calibrated(named)
    if given.save_policy is not None:
        check_deployable(named)  # before the sweep, not after it
    outputs, split, progress = bundle.outputs, Split(given.split), progress_bar("steps", after=QUICK)
    unit = given.unit or outputs.default_unit
    if given.out is None:  # then no change of exit is needed
        sweep = run_sweep(named, outputs, [given.budget], unit, split, progress)
    else:
        sweep = run_sweep(named, outputs, given.points or POINTS, unit, split, progress, also=[given.budget])
    point = int((sweep.budgets == given.budget).argmax())
    rule = sweep.rules[point]
    return Routed(
        policy=named.name,
        title=named.title,
        unit=unit,
        budget=given.budget,
        planned_cost=float(sweep.planned_cost[point]),
        note=sweep.notes[point],
        table=routes_table(sweep, bundle, point),
        saved=None if given.save_policy is None else policy_document(named, rule, bundle, unit, given.budget),
    )


def _load(given: argparse.Namespace, bundle: "Bundle") -> Routed:
    from engine.analysis.routes_table import routes_by
    from engine.policies.saved import load_policy
    from engine.splits import Split

    saved = load_policy(given.load_policy)
    other_names = saved.other_names(bundle)
    table = routes_by(saved, bundle, None if given.split == "all" else Split(given.split))
    notes = [printable(saved.note, 400)]
    weights = bundle.provenance.get("weights_sha256")
    if saved.weights_sha256 is not None and weights is not None and weights != saved.weights_sha256:
        notes = ["The policy was saved for other weights than those of this bundle, so its knob may not suit them."]
    notes.append(other_names or "")
    if given.split == "all" and saved.bundle_sha256 == bundle.sha256:
        notes.append("The knob was set on some of these examples, so the result may be better than on new ones.")
    return Routed(
        policy=saved.policy,
        title=printable(saved.title),
        unit=saved.unit,
        budget=saved.budget,
        planned_cost=saved.planned_cost,
        note=" ".join(filter(None, notes)),
        table=table,
        saved=None,
        own_costs=saved.unit in bundle.outputs.stage_cost,
    )


def _sample_note(bundle: "Bundle", split: str) -> str:
    """Of a large bundle: how many examples of each split are routed."""
    if bundle.whole is None:
        return ""
    parts = [part for part in bundle.whole.examples if split in ("all", part)]
    return " ".join(bundle.whole.sample_note(bundle.outputs, part) for part in parts)


def _summary(given: argparse.Namespace, bundle: "Bundle", routed: Routed) -> dict[str, Any]:
    """The document of `--json`. Cost, accuracy and shares are those of the routes in the table."""
    import numpy as np

    exit = routed.table["exit"].to_numpy() - 1
    quality = routed.table["quality" if bundle.outputs.is_graded else "correct"]
    return {
        "bundle": bundle.id,
        "policy": routed.policy,
        "unit": routed.unit,
        "split": given.split,
        "examples": len(exit),
        "budget": routed.budget,
        "planned_cost": routed.planned_cost,
        "cost": float(routed.table["cost"].to_numpy().mean()),
        "costs_of": "bundle" if routed.own_costs else "policy",
        "accuracy": float(quality.to_numpy().mean()),
        "shares": (np.bincount(exit, minlength=bundle.outputs.exits) / len(exit)).tolist(),
        "note": routed.note,
        "routes": None if given.out is None else str(given.out),
        "saved_policy": None if routed.saved is None else str(given.save_policy),
        **({} if bundle.whole is None else {"sample_of": {str(split): count for split, count in bundle.whole.examples.items()}}),
    }
