"""Arguments shared by several commands, and the types of numbers and lists."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.recipes import Recipe


def takes_recipe(command: argparse.ArgumentParser) -> None:
    command.add_argument("recipe", metavar="RECIPE", help="name of a recipe, see `list`")
    command.add_argument("--images", type=Path, metavar="DIR", help="for folder and imagenet-family: images, DIR/CLASS/anything.jpg")
    command.add_argument("--network", metavar="NAME", help="for folder: a recipe whose network to use, or torchvision:NAME")
    places = "places of the exits: units of the trunk (1,3) or layers of a torchvision network (layer1,layer2); the last exit is at the end"
    command.add_argument("--exits", type=words, default=(), metavar="A,B,...", help=places)
    own = "for a torchvision network: your own weights, a safetensors file (default: the published weights)"
    command.add_argument("--weights", type=Path, metavar="FILE", help=own)


def recipe_of(given: argparse.Namespace) -> "Recipe":
    """The recipe chosen by the arguments of `takes_recipe`."""
    from engine.recipes import Choices, recipe

    return recipe(given.recipe, Choices(given.exits, given.images, given.network, given.weights))


def takes_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def takes_precision(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dtype", default="float32", help="precision: float32, bfloat16 or float16 (default: float32)")


def takes_cuda_graphs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--cuda-graphs", action="store_true", help="run stages as CUDA graphs (not yet tested on a GPU)")


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
