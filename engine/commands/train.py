"""Train a recipe's network; killed and started again, it goes on from its checkpoint."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.arguments import number, numbers, positive, recipe_of, seed, takes_device, takes_recipe


def arguments(command: argparse.ArgumentParser) -> None:
    takes_recipe(command)
    command.add_argument("--epochs", type=positive, help="how often to go through the data (default: the recipe's)")
    takes_device(command)
    command.add_argument("--out", type=Path, metavar="DIR", help="where weights, checkpoints and the learning curve go")
    command.add_argument("--exit-weights", type=numbers, metavar="A,B,...", help="share of each exit in the loss (default: the recipe's)")
    command.add_argument("--distillation", type=number, metavar="SHARE", help="of an early exit's loss: to agree with the last one")
    command.add_argument("--learning-rate", type=number, metavar="RATE", help="at its peak (default: the recipe's)")
    command.add_argument("--seed", type=seed, help="of all random numbers, such as the order of the pictures (default: the recipe's)")
    further = "begin with the recipe's finished weights and train them further, instead of anew"
    command.add_argument("--further", action="store_true", help=further)
    frozen = "leave the weights that the training begins with as they are, and train only the rest (wrapped networks: always)"
    command.add_argument("--frozen", action="store_const", const=True, help=frozen)


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.runtime.host_memory import take_memory_in_bulk
    from engine.training.loop import train, with_settings

    take_memory_in_bulk()
    recipe = recipe_of(given)
    asked = with_settings(
        recipe,
        exit_weights=given.exit_weights,
        distillation=given.distillation,
        learning_rate=given.learning_rate,
        seed=given.seed,
        start_from=recipe.name if given.further else None,
        frozen=given.frozen,
    )
    weights = train(asked, epochs=given.epochs, device=given.device, out=given.out)
    if not given.json:
        print(f"Weights are at {weights}.")
    return {"recipe": recipe.name, "weights": str(weights)}
