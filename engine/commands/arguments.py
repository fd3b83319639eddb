"""What several commands are asked with: the recipe and its choices, and what a number or a list looks like."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.recipes import Recipe


def takes_recipe(command: argparse.ArgumentParser) -> None:
    command.add_argument("recipe", metavar="RECIPE", help="see `list`")
    command.add_argument("--images", type=Path, metavar="DIR", help="for folder and imagenet-family: pictures, DIR/CLASS/anything.jpg")
    command.add_argument("--network", metavar="NAME", help="for folder: a recipe whose network to take, or torchvision:NAME, wrapped")
    places = "where one may leave: units of the trunk (1,3) or layers of a wrapped network (layer1,layer2); the end always is an exit"
    command.add_argument("--exits", type=words, default=(), metavar="A,B,...", help=places)
    command.add_argument("--weights", type=Path, metavar="FILE", help="a wrapped network's safetensors file, instead of published ones")


def recipe_of(given: argparse.Namespace) -> "Recipe":
    """The recipe that `takes_recipe` asked for."""
    from engine.recipes import Choices, recipe

    return recipe(given.recipe, Choices(given.exits, given.images, given.network, given.weights))


def takes_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def takes_precision(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dtype", default="float32", help="what to compute in: float32, bfloat16 or float16 (default: float32)")


def takes_cuda_graphs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--cuda-graphs", action="store_true", help="replay stages as CUDA graphs (not measured on a GPU yet)")


def positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1, below a billion")
    return int(text)


def seed(text: str) -> int:
    if not text.isdigit() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {2**32 - 1}")
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
