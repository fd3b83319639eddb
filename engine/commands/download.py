"""Fetch what others published; nothing is ever downloaded without this command."""

import argparse
from pathlib import Path
from typing import Any


def arguments(command: argparse.ArgumentParser) -> None:
    known = "cifar10, cifar100, fashion-mnist, svhn, imagenet-weights, or torchvision:NETWORK for its weights"
    command.add_argument("what", metavar="WHAT", help=known)
    command.add_argument("--datasets", type=Path, metavar="DIR", help="where a data set goes (default: OFFRAMP_DATASETS, or data/datasets)")


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.runtime.download import download

    place = download(given.what, given.datasets)
    if not given.json:
        print(f"{given.what} is at {place}.")
    return {"what": given.what, "path": str(place)}
