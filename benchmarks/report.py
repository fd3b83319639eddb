"""The report of a benchmark: first where and when it ran, then its results as they come in. `--save` keeps it as printed."""

import os
import platform
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.options import Options

if TYPE_CHECKING:
    import torch

RESULTS = Path(__file__).parent / "results"


class Report:
    """The printed lines of one run, which `--save` keeps in results/NAME.txt."""

    def __init__(self, name: str) -> None:
        self.path = RESULTS / f"{name}.txt"
        self.lines: list[str] = []

    def arguments(self, about: str | None) -> Options:
        """A parser with the description of the benchmark and the option `--save`."""
        parser = Options(self.path.stem, about)
        parser.add_argument("--save", action="store_true", help=f"keep the report in {self.path.parent.name}/{self.path.name}")
        return parser

    def begin(self, device: "torch.device", how: str) -> None:
        """Report the date, device, load and versions, and how the benchmark measures."""
        import torch  # here, so that a process of a benchmark that does not report can be measured without it

        from engine.runtime.devices import device_name

        self.say(
            f"{date.today()}, {device_name(device)} of {os.cpu_count()} cores shared with others (load {os.getloadavg()[0]:.1f});"
            f" Python {platform.python_version()}, torch {torch.__version__}; {how}"
        )

    def say(self, *lines: str) -> None:
        for line in lines:
            print(line, flush=True)
        self.lines += lines

    def keep(self, save: bool) -> None:
        if save:
            RESULTS.mkdir(exist_ok=True)
            self.path.write_text("\n".join(self.lines) + "\n")
