"""How fast computing a bundle is, compared with a bare forward pass over the same images.

    python benchmarks/compute.py [RECIPE] [--limit 2000] [--rounds 3] [--threads 1] [--device cpu] [--save]

bare      a loop over batches in memory that keeps the logits of every exit
compute   `python -m engine compute`: reads the images and writes a bundle: logits, scores and predictions of every exit, checksums

Both run the same network on the same fit, calibration and test examples, in turns. The median of several rounds is reported.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/compute.py`

from benchmarks.options import run
from benchmarks.report import Report
from engine.commands.arguments import positive
from engine.recipes import recipe
from engine.runtime.compute import compute
from engine.runtime.devices import pick_device
from engine.runtime.inputs import to_tensor
from engine.runtime.trained import trained_network
from engine.splits import BUNDLE_SPLITS

BATCH_SIZE = 50


def main() -> None:
    report = Report("compute")
    parser = report.arguments(__doc__)
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", default="cifar10-resnet", help="default: cifar10-resnet")
    parser.add_argument("--limit", type=positive, default=2000, metavar="N", help="examples of each split (default: 2000)")
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="default: 3")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="default: 1")
    parser.add_argument("--device", default="cpu", help="default: cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = pick_device(given.device)

    task_recipe = recipe(given.recipe)
    cascade, dataset = trained_network(task_recipe, device), task_recipe.image_dataset()
    pixels = dataset.take(np.concatenate([dataset.ids(split)[: given.limit] for split in BUNDLE_SPLITS])).pixels

    @torch.inference_mode()
    def bare() -> None:
        batches = (pixels[start : start + BATCH_SIZE] for start in range(0, len(pixels), BATCH_SIZE))
        torch.cat([cascade(to_tensor(batch, device)) for batch in batches], dim=1).cpu()

    def whole() -> None:
        with tempfile.TemporaryDirectory() as folder:
            compute(given.recipe, given.device, BATCH_SIZE, given.limit, Path(folder) / "made")

    seconds = {bare: [], whole: []}
    for _ in range(given.rounds):
        for run_once, taken in seconds.items():
            begun = time.perf_counter()
            run_once()
            taken.append(time.perf_counter() - begun)
    took = {way: float(np.median(taken)) for way, taken in seconds.items()}
    report.begin(device, f"float32, batch {BATCH_SIZE}, median of {given.rounds} rounds")
    report.say(
        f"{task_recipe.config.title}, {len(pixels):,} images",
        f"bare forward loop {len(pixels) / took[bare]:,.0f} images/s",
        f"compute           {len(pixels) / took[whole]:,.0f} images/s, {took[bare] / took[whole]:.2f} of the bare loop",
    )
    report.keep(given.save)


if __name__ == "__main__":
    run(main)
