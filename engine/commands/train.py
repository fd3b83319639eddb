"""Train the network of a recipe. Resumes from its checkpoint after an interruption."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.arguments import number, numbers, positive, recipe_of, seed, takes_device, takes_recipe
from engine.commands.progress import progress_bar

#: What an interrupted run has done is kept.
RESUMES = True


def arguments(command: argparse.ArgumentParser) -> None:
    takes_recipe(command)
    command.add_argument("--epochs", type=positive, metavar="N", help="passes over the training data (default: the recipe's)")
    takes_device(command)
    command.add_argument("--out", type=Path, metavar="DIR", help="folder for weights, checkpoints and the learning curve")
    command.add_argument("--exit-weights", type=numbers, metavar="A,B,...", help="weight of each exit in the loss (default: the recipe's)")
    command.add_argument(
        "--distillation",
        type=number,
        metavar="SHARE",
        help="share of an early exit's loss that compares it with the last exit (default: the recipe's)",
    )
    command.add_argument("--learning-rate", type=number, metavar="RATE", help="peak learning rate (default: the recipe's)")
    command.add_argument(
        "--seed", type=seed, metavar="N", help="seed of all random numbers, such as the order of the images (default: the recipe's)"
    )
    further = "start from the finished weights of the recipe instead of from scratch"
    command.add_argument("--further", action="store_true", help=further)
    frozen = "keep the weights that training starts from and train only the rest (always so for wrapped networks)"
    command.add_argument("--frozen", action="store_const", const=True, help=frozen)


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.runtime.host_memory import take_memory_in_bulk
    from engine.training.loop import train, with_settings

    take_memory_in_bulk()
    recipe = recipe_of(given)
    configured = with_settings(
        recipe,
        exit_weights=given.exit_weights,
        distillation=given.distillation,
        learning_rate=given.learning_rate,
        seed=given.seed,
        start_from=recipe.name if given.further else None,
        frozen=given.frozen,
    )
    weights = train(configured, given.epochs, given.device, given.out, progress_bar("steps"))
    if not given.json:
        print(f"Weights written to {weights}.")
    return {"recipe": recipe.name, "weights": str(weights)}
