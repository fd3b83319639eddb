"""What computing a bundle costs beside the bare forward pass over the same pictures.

    PYTHONPATH=. python benchmarks/compute.py [RECIPE] [--limit 2000] [--rounds 3] [--threads 1] [--device cpu] [--save]

bare      a plain loop over batches that lie in memory, every exit's logits kept
compute   `python -m engine compute`: pictures read, every exit's logits, scores, answers and checksums written to a bundle

Both run the same network on the same examples of fit, calibration and test, in turns; the median of several rounds counts.
"""

import argparse
import os
import platform
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch

from engine.compute import compute
from engine.devices import device_name, pick_device
from engine.execute import to_images
from engine.recipes import recipe, weights_path
from engine.splits import BUNDLE_SPLITS
from engine.weights import load_weights

RESULTS = Path(__file__).parent / "results" / "compute.txt"
BATCH_SIZE = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", default="cifar10-resnet")
    parser.add_argument("--limit", type=int, default=2000, help="examples of each split")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into {RESULTS.parent.name}/")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = pick_device(given.device)

    chosen = recipe(given.recipe)
    cascade, dataset = chosen.cascade(), chosen.dataset()
    load_weights(cascade, weights_path(given.recipe))
    cascade = cascade.eval().to(device, memory_format=torch.channels_last)
    pixels = dataset.take(np.concatenate([dataset.ids(split)[: given.limit] for split in BUNDLE_SPLITS])).pixels

    @torch.inference_mode()
    def bare() -> None:
        batches = (pixels[start : start + BATCH_SIZE] for start in range(0, len(pixels), BATCH_SIZE))
        torch.cat([cascade(to_images(batch, device)) for batch in batches], dim=1).cpu()

    def whole() -> None:
        with tempfile.TemporaryDirectory() as folder:
            compute(given.recipe, given.device, BATCH_SIZE, given.limit, Path(folder) / "made")

    seconds = {bare: [], whole: []}
    for _ in range(given.rounds):
        for run, taken in seconds.items():
            begun = time.perf_counter()
            run()
            taken.append(time.perf_counter() - begun)
    took = {run: float(np.median(taken)) for run, taken in seconds.items()}
    lines = [
        f"{date.today()}, {device_name(device)} of {os.cpu_count()} cores shared with others (load {os.getloadavg()[0]:.1f});"
        f" Python {platform.python_version()}, torch {torch.__version__}; float32, batch {BATCH_SIZE}, median of {given.rounds} rounds",
        f"{chosen.title}, {len(pixels):,} images",
        f"bare forward loop {len(pixels) / took[bare]:,.0f} images/s",
        f"compute           {len(pixels) / took[whole]:,.0f} images/s, {took[bare] / took[whole]:.2f} of the bare loop",
    ]
    print(*lines, sep="\n")
    if given.save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
