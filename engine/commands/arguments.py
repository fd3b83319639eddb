"""Arguments shared by several commands, and the types of numbers and lists."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UserError

if TYPE_CHECKING:
    from engine.cluster.session import ClusterOptions
    from engine.recipes import Recipe


def takes_recipe(command: argparse.ArgumentParser) -> None:
    command.add_argument("recipe", metavar="RECIPE", help="name of a recipe, see `list`")
    command.add_argument("--images", type=Path, metavar="DIR", help="for folder and the ImageNet families: images, DIR/CLASS/anything.jpg")
    command.add_argument("--network", metavar="NAME", help="for folder: a recipe whose network to use, or torchvision:NAME")
    places = "places of the exits: units of the trunk (1,3) or layers of a torchvision network (layer1,layer2); the last exit is at the end"
    command.add_argument("--exits", type=words, default=(), metavar="A,B,...", help=places)
    own = "for a torchvision network: your own weights, a safetensors file (default: the published weights)"
    command.add_argument("--weights", type=Path, metavar="FILE", help=own)


def recipe_of(given: argparse.Namespace) -> "Recipe":
    """The recipe chosen by the arguments of `takes_recipe`. Raises UserError, also for the name of a bundle that is no recipe's."""
    from engine.recipes import RECIPES, Choices, recipe

    if given.recipe not in RECIPES:
        _check_no_bundle(given.recipe, given.command)
    return recipe(given.recipe, Choices(given.exits, given.images, given.network, given.weights))


def _check_no_bundle(name: str, command: str) -> None:
    """A bundle holds the outputs of a network, and not the network."""
    from engine.bundle.library import entries
    from engine.bundle.replacing import is_imported

    folder = next((entry.folder for entry in entries() if entry.id == name), None)
    if folder is None:
        return
    if is_imported(folder):
        remedy = (
            "give a recipe, see `list`, or import times of your own as stage_cost_latency_ms"
            if command == "measure"
            else "give a recipe, see `list`"
        )
        raise UserError(f"The bundle {name!r} is imported and holds outputs without a network, which `{command}` needs; {remedy}.")
    raise UserError(f"{name!r} is a bundle and not a recipe; give `{command}` the recipe and the options with which it was computed.")


def takes_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def takes_precision(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dtype", default="float32", help="precision: float32, bfloat16 or float16 (default: float32)")


def takes_cuda_graphs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--cuda-graphs", action="store_true", help="run stages as CUDA graphs (not yet tested on a GPU)")


def takes_cluster(command: argparse.ArgumentParser, gpus: bool = True) -> None:
    """The options of `cluster_of`. gpus: whether workers may use any"""
    group = command.add_argument_group("on a cluster", "see docs/cluster.md; needs requirements-cluster.txt")
    group.add_argument("--cluster", choices=("ray",), help="work in several processes, on this machine or many, scheduled by Ray")
    group.add_argument("--workers", type=positive, metavar="N", help="number of workers (default: as many as there is room for)")
    group.add_argument("--cpus-per-worker", type=positive, metavar="N", help="cores of each worker, and its threads (default: 1)")
    if gpus:
        default = "1 if the cluster has GPUs and --device is not cpu"
        group.add_argument("--gpus-per-worker", type=share, metavar="N", help=f"GPUs of each worker, such as 1 or 0.5 (default: {default})")
    address = "a Ray cluster that runs already: auto, or HOST:PORT (default: start one on this machine, and end it afterwards)"
    group.add_argument("--address", help=address)


def cluster_of(given: argparse.Namespace) -> "ClusterOptions | None":
    """What was chosen by the arguments of `takes_cluster`, or None without `--cluster`. Raises UserError if only its details are given."""
    details = {
        "workers": given.workers,
        "cpus": given.cpus_per_worker,
        "gpus": getattr(given, "gpus_per_worker", None),
        "address": given.address,
    }
    details = {name: value for name, value in details.items() if value is not None}
    if given.cluster is None:
        for name in details:
            option = {"cpus": "cpus-per-worker", "gpus": "gpus-per-worker"}.get(name, name)
            raise UserError(f"--{option} describes a cluster; give it together with --cluster ray, or leave it out.")
        return None
    from engine.cluster.session import ClusterOptions

    return ClusterOptions(**details)


def share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (value == int(value) if value >= 1 else value >= 0) or value > 1000:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is neither a whole number nor a share of 1 such as 0.5")
    return value


def positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1 and below a billion")
    return int(text)


def seed(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 10 and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a whole number from 0 to {2**32 - 1}")
    return int(text)


def sizes(text: str) -> list[int]:
    return [positive(part) for part in text.split(",")]


def words(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list such as 1,3 or layer1,layer2")
    return parts


def assignment(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not of the form NAME=VALUE")
    return name.strip(), value.strip()


def numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 0.3,0.5") from None


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 0.3") from None


MOST_MINUTES = 7 * 24 * 60


def minutes(text: str) -> float:
    """A time such as 30 or 0.5, more than 0 and at most a week."""
    value = number(text)
    if not 0 < value <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time in minutes; give one above 0, up to {MOST_MINUTES:,}")
    return value


def memory(text: str) -> int:
    """A size such as 4G in bytes."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([KMGT]?)", text, re.ASCII | re.IGNORECASE)
    if match is None or not (size := int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size of memory; give one such as 8G or 500M")
    return size
