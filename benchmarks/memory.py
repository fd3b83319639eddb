"""How much memory a run takes on few and on ten times as many examples. It should not grow with the data set.

    python benchmarks/memory.py [--few 20000] [--many 200000] [--only execute] [--save]

Each run has its own process, whose peak memory the operating system reports. Images are generated as they are needed.

execute   runs a small network with early exit at nine tenths of its compute on all images
compute   computes the outputs of all exits and writes them to a bundle
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/memory.py`

from benchmarks.options import run
from benchmarks.peak_memory import peak_memory
from benchmarks.report import Report
from engine.commands.arguments import positive
from engine.datasets.base import Images
from engine.splits import Split

RUNS = ("execute", "compute")


@dataclass(frozen=True)
class Noise:
    """Any number of noise images in three splits, of which the last is the largest. An image is generated from its id."""

    examples: int

    name: ClassVar[str] = "noise"
    class_names: ClassVar[tuple[str, ...]] = tuple("0123456789")
    image_size: ClassVar[tuple[int, int]] = (32, 32)
    shippable: ClassVar[bool] = False

    def ids(self, split: Split) -> NDArray[np.int64]:
        held = min(1000, self.examples // 3)
        ends = {Split.FIT: (0, held), Split.CALIBRATION: (held, 2 * held), Split.TEST: (2 * held, self.examples)}
        return np.arange(*ends[split])

    def take(self, ids: NDArray[np.int64]) -> Images:
        pixels = np.random.default_rng(int(ids[0])).integers(0, 256, (len(ids), *self.image_size, 3), dtype=np.uint8)
        return Images(pixels, ids % len(self.class_names))

    def digest(self) -> str:
        return f"noise-{self.examples}"


def measured_run(what: str, examples: int) -> None:
    """The run whose memory is measured, in a process of its own. Prints the peak in MiB."""
    from dataclasses import replace

    from engine import recipes
    from engine.cascades.macs import stage_macs
    from engine.measuring.measure import budget_rules
    from engine.runtime.compute import compute
    from engine.runtime.executor import execute
    from engine.runtime.weights import save_weights

    torch.set_num_threads(1)
    noise = Noise(examples)
    noise_recipe = replace(recipes.recipe("cifar10-family").configured(name="noise"), dataset=lambda: noise, cascade=small)
    cascade = small().eval().to(memory_format=torch.channels_last)
    if what == "execute":
        tuned = noise.take(noise.ids(Split.CALIBRATION))
        macs = stage_macs(cascade, noise.image_size)
        (rule,) = budget_rules(cascade, tuned.pixels, tuned.labels, macs, torch.device("cpu"), (0.9,)).values()
        execute(cascade, rule, np.arange(examples), lambda ids: noise.take(ids).pixels)
    else:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["OFFRAMP_DATA"] = folder
            recipes.register(lambda: noise_recipe)
            save_weights(cascade, recipes.weights_path("noise"), "noise", {})
            compute("noise", "cpu")
    print(peak_memory())


def small() -> torch.nn.Module:
    """A network that is fast but not accurate. Only its memory matters here."""
    from engine.cascades.resnet import ResNetShape, resnet

    torch.manual_seed(0)
    return resnet(ResNetShape(10, (16, 24, 32), (0, 0, 0), (1, 2)))


def peak(what: str, examples: int) -> float:
    """The peak memory of a run in MiB."""
    command = [sys.executable, __file__, "--run", what, "--few", str(examples)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])


def at_least_three(text: str) -> int:
    if positive(text) < 3:
        raise argparse.ArgumentTypeError(f"{text!r} images cannot be split in three; give at least 3")
    return int(text)


def main() -> None:
    report = Report("memory")
    parser = report.arguments(__doc__)
    parser.add_argument("--few", type=at_least_three, default=20_000, metavar="N", help="images of the first run (default: 20000)")
    parser.add_argument("--many", type=at_least_three, default=200_000, metavar="N", help="images of the second run (default: 200000)")
    parser.add_argument("--only", nargs="+", choices=RUNS, default=RUNS, metavar="RUN", help=f"of {' and '.join(RUNS)} (default: both)")
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        return measured_run(given.run, given.few)
    report.begin(torch.device("cpu"), "peak memory of a process in MiB")
    for what in given.only:
        few, many = peak(what, given.few), peak(what, given.many)
        report.say(f"{what:8} {given.few:>8,} images {few:7,.0f}   {given.many:>8,} images {many:7,.0f}   ratio {many / few:.3f}")
    report.keep(given.save)


if __name__ == "__main__":
    run(main)
