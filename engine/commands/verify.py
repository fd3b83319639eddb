"""Check a bundle: checksums, schema, shapes."""

import argparse
from typing import Any


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", help="an id or a path")


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.bundle.library import open_bundle

    bundle = open_bundle(given.bundle)
    if not given.json:
        print(f"Bundle {bundle.id} is whole: {bundle.outputs.exits} exits, {bundle.outputs.examples:,} examples, every checksum right.")
    return {"bundle": bundle.id, "whole": True, "examples": bundle.outputs.examples}
