"""Check the checksums, schema and shapes of a bundle, and unpack its masks."""

import argparse
from typing import Any

from engine.display_text import counted


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", help="id or path of a bundle")


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.bundle.library import open_bundle

    bundle = open_bundle(given.bundle)
    if bundle.masks is not None:
        bundle.masks.check()
    if bundle.whole is not None:
        bundle.whole.check()
    if not given.json:
        size = f"{counted(bundle.outputs.exits, 'exit')}, {counted(bundle.examples, 'example')}"
        print(f"Bundle {bundle.id} is intact: {size}, all checksums match.")
    return {"bundle": bundle.id, "whole": True, "examples": bundle.examples}
