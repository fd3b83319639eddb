"""How often another precision changes the predictions of a network and the exits at which examples leave.

    python benchmarks/precision.py [RECIPE ...] [--examples 2000] [--device cpu] [--save]

Runs every recipe that has weights, unless recipes are named. In every precision, the same test images go through the same weights, and the
rules of three budgets (thresholds on top probability, set in float32) are applied to the outputs. These are compared with float32: the
predictions of all exits, then the exits and predictions of the route at each budget, and its accuracy in points.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/precision.py`

from benchmarks.options import run
from benchmarks.report import Report
from engine.cascades.base import Cascade
from engine.cascades.macs import stage_macs
from engine.commands.arguments import positive
from engine.measuring.measure import BUDGETS, budget_rules
from engine.outputs import Outputs
from engine.recipes import RECIPES, recipe, weights_path
from engine.runtime.devices import pick_device
from engine.runtime.inputs import to_tensor
from engine.runtime.precision import DTYPES, FULL, in_precision
from engine.runtime.trained import trained_network
from engine.splits import Split

BATCH_SIZE = 50
DOUBLE = "float64"


@torch.inference_mode()
def logits_of(cascade: Cascade, pixels: NDArray[np.uint8], device: torch.device, dtype: str) -> NDArray[np.float32]:
    """Logits (exits, examples, classes) of pixels (examples, height, width, 3)."""
    run = cascade.double() if dtype == DOUBLE else in_precision(cascade, dtype, device)
    starts = range(0, len(pixels), BATCH_SIZE)
    batches = (to_tensor(pixels[start : start + BATCH_SIZE], device) for start in starts)
    logits = torch.cat([run(images.double() if dtype == DOUBLE else images).float() for images in batches], dim=1)
    cascade.float()
    return logits.cpu().numpy()


def lines_on(name: str, device: torch.device, examples: int) -> Iterator[str]:
    task_recipe = recipe(name)
    cascade, dataset = trained_network(task_recipe, device), task_recipe.image_dataset()
    tuned, shown = (dataset.take(dataset.ids(split)[:examples]) for split in (Split.CALIBRATION, Split.TEST))
    macs = stage_macs(cascade, dataset.image_size)
    rules = budget_rules(cascade, tuned.pixels, tuned.labels, macs, device, BUDGETS)

    def outputs(dtype: str) -> Outputs:
        cost = {"macs": np.array(macs.stage, np.float64)}
        split = np.full(len(shown.labels), str(Split.TEST))
        kind = cascade.kind.value
        return Outputs.from_logits(logits_of(cascade, shown.pixels, device, dtype), shown.labels, split, cost, kind=kind)

    full = outputs(FULL)
    yield f"{task_recipe.config.title}, {len(shown.labels):,} test images x {full.exits} exits"
    budgets = "".join(f"{f'at a budget of {budget:.0%}':>37}" for budget in rules)
    yield f"{'':9}{'predictions':>13}{budgets}"
    yield f"{'':22}" + f"{'exits':>14}{'predictions':>13}{'accuracy':>10}" * len(rules)
    for dtype in (DOUBLE, *(dtype for dtype in DTYPES if dtype != FULL)):
        other = outputs(dtype)
        row = f"{dtype:9}{(other.prediction != full.prediction).mean():13.2%}"
        for rule in rules.values():
            before, after = rule.route(full), rule.route(other)
            change = 100 * (after.accuracy - before.accuracy)
            row += f"{(before.exit != after.exit).mean():14.2%}{(before.prediction != after.prediction).mean():13.2%}{change:+10.2f}"
        yield row


def main() -> None:
    report = Report("precision")
    parser = report.arguments(__doc__)
    parser.add_argument("recipes", metavar="RECIPE", nargs="*", help="default: all recipes that have weights")
    parser.add_argument("--examples", type=positive, default=2000, metavar="N", help="calibration images, and test images (default: 2000)")
    parser.add_argument("--device", default="cpu", help="default: cpu")
    given = parser.parse_args()
    device = pick_device(given.device)
    report.begin(device, f"compared with float32, batch {BATCH_SIZE}")
    for name in given.recipes or [name for name in RECIPES if weights_path(name).is_file()]:
        report.say("", *lines_on(name, device, given.examples))
    report.keep(given.save)


if __name__ == "__main__":
    run(main)
