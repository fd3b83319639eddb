"""Write one bundle under one policy as a single HTML file: front, exits, images and a live handle, without a server or a network."""

import argparse
import os
from pathlib import Path
from typing import Any

from engine.commands.arguments import number, positive
from engine.display_text import printable
from engine.errors import UserError


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", help="id or path of a bundle")
    command.add_argument("--policy", required=True, metavar="NAME", help="name of a policy, see `list`")
    command.add_argument("--out", required=True, type=Path, metavar="FILE", help="the HTML file to write")
    command.add_argument("--unit", help="unit of cost (default: macs, or the first unit of the bundle)")
    command.add_argument("--budget", type=number, metavar="SHARE", help="budget at which it opens, such as 0.4 (default: 0.25)")
    command.add_argument("--examples", type=positive, metavar="N", help="number of test examples to carry (default: what fits in 3 MB)")


def run(given: argparse.Namespace) -> dict[str, Any]:
    from app import store
    from app.report.contents import report
    from app.report.single_file import html
    from app.shown import Shown
    from app.worker.pictures import album, worker
    from engine.bundle.library import find_bundle
    from engine.policies import policy
    from engine.storage.files import write_synced

    entry = find_bundle(given.bundle)
    outputs = store.opened(entry).outputs
    reason = policy(given.policy).unavailable_reason(outputs)
    if reason:
        raise UserError(reason)
    units = list(outputs.stage_cost)
    unit = given.unit or outputs.default_unit
    if unit not in units:
        raise UserError(f"This bundle has no costs in {unit!r}; give one of: {', '.join(units)}.")
    if given.budget is not None and not 0 <= given.budget < 100:
        raise UserError(f"--budget is {given.budget:g}; give a share of the full network's cost, such as 0.4.")
    place = _place(given.out, entry.folder)  # before the work
    try:
        shown = Shown.of(entry, given.policy, unit)
        content = report(shown, album(entry), given.examples, given.budget)
    finally:
        worker.stop()
    written = html(content).encode()
    try:
        write_synced(place, written)
    except OSError as problem:
        raise _unwritable(given.out, problem) from problem
    if not given.json:
        wrote = f"Wrote {_shown(given.out)}, {len(written) / 1e6:.1f} MB."
        terms = content.data["terms"] and f"It holds {content.data['terms']}."
        print(*filter(None, [wrote, terms, content.data["scope"], content.data["missing"]]))
    return {"bundle": entry.id, "policy": given.policy, "unit": unit, "file": str(given.out), "bytes": len(written)}


def _place(out: Path, bundle: Path) -> Path:
    """The file to write, behind any links. Raises UserError if no report can be written there. bundle: its folder"""
    try:
        if out.is_dir():
            raise UserError(f"{_shown(out)} is a folder; give the name of the HTML file to write.")
        if not out.absolute().parent.is_dir():
            raise UserError(
                f"{_shown(out)} cannot be written because its folder does not exist; give --out a file in a folder that exists."
            )
        if out.exists() and not out.is_file():
            raise UserError(f"{_shown(out)} is a device or a pipe; give --out an ordinary file.")
    except OSError as problem:
        raise _unwritable(out, problem) from problem
    place = Path(os.path.realpath(out))
    if place.parent == bundle.resolve():
        raise UserError(f"{_shown(out)} is in the bundle's own folder; give --out a file in another one.")
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{_shown(out)} does not end in .html, and a report is an HTML file; give --out a name that does.")
    return place


def _unwritable(out: Path, problem: OSError) -> UserError:
    return UserError(f"{_shown(out)} cannot be written ({problem.strerror}); give --out another file.")


def _shown(out: Path) -> str:
    return printable(str(out), 400)
