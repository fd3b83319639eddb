"""Download a published data set or published weights. No other command uses the network."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.progress import progress_bar


def arguments(command: argparse.ArgumentParser) -> None:
    known = (
        "cifar10, cifar100, fashion-mnist, svhn, imagenet-weights, imagenet-lite-weights, or torchvision:NETWORK for a network's weights"
    )
    command.add_argument("what", metavar="WHAT", help=known)
    command.add_argument("--datasets", type=Path, metavar="DIR", help="folder for data sets (default: OFFRAMP_DATASETS, or data/datasets)")


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.runtime.download import download

    show = progress_bar("MB")
    place = download(given.what, given.datasets, lambda received, size: show(received // 10**6, size // 10**6))
    if not given.json:
        print(f"Stored {given.what} at {place}.")
    return {"what": given.what, "path": str(place)}
