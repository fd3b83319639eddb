"""Write one bundle under one policy as a single HTML file: front, exits, images and a live handle, without a server or a network."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.arguments import positive
from engine.errors import UserError


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", help="id or path of a bundle")
    command.add_argument("--policy", required=True, metavar="NAME", help="name of a policy, see `list`")
    command.add_argument("--out", required=True, type=Path, metavar="FILE", help="the HTML file to write")
    command.add_argument("--unit", help="unit of cost (default: macs, or the first unit of the bundle)")
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
    unit = given.unit or ("macs" if "macs" in units else units[0])
    if unit not in units:
        raise UserError(f"This bundle has no costs in {unit!r}; give one of: {', '.join(units)}.")
    if given.out.is_dir():
        raise UserError(f"{given.out} is a folder; give the name of the HTML file to write.")
    if not given.out.absolute().parent.is_dir():  # said before the work
        raise UserError(f"{given.out} cannot be written because its folder does not exist; give --out a file in a folder that exists.")
    try:
        shown = Shown.of(entry, given.policy, unit)
        content = report(shown, album(entry), given.examples)
    finally:
        worker.stop()
    written = html(content).encode()
    try:
        write_synced(given.out, written)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as problem:
        raise UserError(f"{given.out} cannot be written ({problem.strerror}); give --out a file in a folder that exists.") from problem
    if not given.json:
        print(f"Wrote {given.out}, {len(written) / 1e6:.1f} MB. {content.data['scope']}".strip())
    return {"bundle": entry.id, "policy": given.policy, "unit": unit, "file": str(given.out), "bytes": len(written)}
