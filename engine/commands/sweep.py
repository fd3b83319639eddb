"""Run policies over many budgets. Knobs are set on the calibration split and results are reported on the test split."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from engine.commands.arguments import cluster_of, numbers, positive, takes_cluster
from engine.commands.progress import progress_bar
from engine.display_text import counted
from engine.errors import UserError

if TYPE_CHECKING:
    from engine.analysis.sweep_report import SweepReport, SweepRequest
    from engine.cluster.session import ClusterOptions

MAX_POINTS = 10_000
#: Budgets of the page.
POINTS = 201
QUICK = 3.0  # seconds; a sweep that ends within them shows no progress


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", nargs="+", help="id or path of a bundle, or of several")
    command.add_argument("--policy", required=True, metavar="NAME,...", help="name of a policy, see `list`, or of several")
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
    keep = "of a large bundle: keep the results over all test examples for the page, which else computes them when it is open"
    command.add_argument("--keep", action="store_true", help=keep)
    out = "folder for the document of each policy on each bundle; those that are there already are not computed again"
    command.add_argument("--out", type=Path, metavar="DIR", help=out)
    takes_cluster(command, gpus=False)


def run(given: argparse.Namespace) -> dict[str, Any]:
    requests = _requests(given)
    if given.keep:
        _check_keep(given)
    if given.out:
        _check_writable(given.out, "choose another folder with --out")
    files = {request: given.out / f"{request.name()}.json" for request in requests} if given.out else {}
    documents = {request: json.loads(file.read_bytes()) for request, file in files.items() if file.is_file()}
    missing = [request for request in requests if request not in documents]
    lines: dict[SweepRequest, Sequence[str]] = {}
    for request, report in _reports(missing, cluster_of(given), len(requests), 0.0 if given.keep else QUICK):
        documents[request], lines[request] = report.document, report.lines
        if given.out:
            _keep(report.document, files[request])
    if not given.json and given.out:
        print(f"{counted(len(documents), 'sweep')} in {given.out}, {len(missing)} of them new.")
    elif not given.json:
        print("\n\n".join("\n".join(lines[request]) for request in requests))
    for request in requests if given.keep else ():
        documents[request]["kept"] = _keep_for_page(request)
    if given.keep:
        _say_kept(name for request in requests for name in documents[request]["kept"])
    if len(requests) == 1:
        return documents[requests[0]]
    return {"sweeps": [documents[request] for request in requests]}


def _requests(given: argparse.Namespace) -> "list[SweepRequest]":
    """A request for each policy on each bundle. Raises UserError for an unknown name."""
    from engine.analysis.sweep_report import SweepRequest
    from engine.bundle.library import find_bundle
    from engine.policies import policy

    if given.points > MAX_POINTS:
        raise UserError(f"--points is {given.points:,}, which is too many budgets; give at most {MAX_POINTS:,}.")
    policies = [policy(name).name for name in dict.fromkeys(given.policy.split(","))]
    bundles = [name for name in dict.fromkeys(given.bundle) if find_bundle(name)]
    budgets = given.budgets or given.points
    return [
        SweepRequest(bundle, name, given.calibrated, budgets, given.quality, given.unit, given.split)
        for bundle in bundles
        for name in policies
    ]


def _reports(
    requests: "Sequence[SweepRequest]", options: "ClusterOptions | None", total: int, after: float
) -> "Iterator[tuple[SweepRequest, SweepReport]]":
    """The report of each request, as they are ready, with their progress. total: the requests with those that need no report

    after: seconds that show no progress
    """
    if options is None and total == 1:
        from engine.analysis.sweep_report import sweep_report

        for request in requests:
            yield request, sweep_report(request, progress_bar(f"the sweep of {request.policy}", after=after, share=True))
        return
    progress = progress_bar("sweeps", after=after)
    done = total - len(requests)
    progress(done, total)
    for report in _unordered(requests, options):
        yield report
        done += 1
        progress(done, total)


def _unordered(requests: "Sequence[SweepRequest]", options: "ClusterOptions | None") -> "Iterator[tuple[SweepRequest, SweepReport]]":
    if options is not None and requests:
        from engine.cluster.sweeps import sweeps_on_cluster

        return sweeps_on_cluster(requests, options)
    from engine.analysis.sweep_report import sweep_report

    return ((request, sweep_report(request)) for request in requests)


def _check_writable(folder: Path, remedy: str) -> None:
    """Before the work, not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise UserError(f"{folder} cannot be written ({problem.strerror}); {remedy}.") from problem


def _keep(document: dict[str, Any], file: Path) -> None:
    from engine.storage.files import write_synced

    try:
        write_synced(file, json.dumps(document, allow_nan=False).encode())
    except OSError as problem:
        raise UserError(f"{file} cannot be written ({problem.strerror}); choose another folder with --out.") from problem


def _check_keep(given: argparse.Namespace) -> None:
    from engine.bundle.library import open_bundle
    from engine.paths import data_root

    for option in ("budgets", "calibrated", "quality"):
        if getattr(given, option):
            raise UserError(f"--keep is for what the page shows, which has no --{option}; leave one of the two out.")
    if given.split != "test":
        raise UserError("--keep is for the test split, which the page shows; leave --split out.")
    for name in given.bundle:
        if open_bundle(name).whole is None:
            raise UserError(f"{name} is not a large bundle, so the page shows all of its examples; leave --keep out.")
    _check_writable(data_root() / "sweeps", "leave --keep out, and the page computes the figures when it is opened")


def _keep_for_page(request: "SweepRequest") -> list[str]:
    """Keep the results of a policy and of those that the page compares it with. Returns their names."""
    from engine.analysis.kept_sweeps import baselines, keep_sweep, sweep_for_page
    from engine.bundle.library import open_bundle

    bundle = open_bundle(request.bundle)
    kept = list(dict.fromkeys((request.policy, *baselines(bundle.outputs))))
    for name in kept:
        progress = progress_bar(f"the figures of {name} for the page", share=True)
        keep_sweep(bundle, sweep_for_page(bundle, name, request.unit or bundle.outputs.default_unit, progress))
    return kept


def _say_kept(policies: Iterable[str]) -> None:
    """On stderr, where it ends the bars; what the command prints on stdout may be a document."""
    from engine.paths import data_root

    names = ", ".join(dict.fromkeys(policies))
    print(f"Kept for the page in {data_root() / 'sweeps'}, at {POINTS} budgets each: {names}.", file=sys.stderr)
