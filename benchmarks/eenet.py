"""How long fitting EENet's scores takes, compared in one run with the fit that the project used before.

    python benchmarks/eenet.py [--examples 5000] [--exits 5] [--classes 10] [--rounds 3] [--threads 1] [--save]

former    two rounds of gradient descent with AdamW and held-out examples (`former_eenet.py`)
present   one converged logistic regression per exit

Both are fitted to the same generated outputs, in turns. The median of several rounds is reported. Then one more budget of the present
policy is timed: shares, thresholds, and the comparison with the random mix.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/eenet.py`

from benchmarks import former_eenet
from benchmarks.options import run
from benchmarks.report import Report
from engine.commands.arguments import positive
from engine.outputs import Outputs
from engine.policies import policy
from engine.policies.methods.eenet import learn_scores
from engine.splits import Split


def generated(examples: int, exits: int, classes: int) -> Outputs:
    """A chain whose accuracy rises with depth, with `examples` fit and `examples` calibration examples, and a few test examples."""
    rng = np.random.default_rng(0)
    labels, difficulty = rng.integers(classes, size=2 * examples + 10), rng.uniform(size=2 * examples + 10)
    logits = rng.standard_normal((1, len(labels), classes)) + rng.standard_normal((exits, len(labels), classes))
    logits[:, np.arange(len(labels)), labels] += np.linspace(2.2, 3.8, exits)[:, None] * (1.15 - difficulty)
    split = np.repeat(["fit", "calibration", "test"], [examples, examples, 10])
    return Outputs.from_logits(logits.astype(np.float32), labels, split, {"macs": np.ones(exits)})


def main() -> None:
    report = Report("eenet")
    parser = report.arguments(__doc__)
    for name, default in (("examples", 5000), ("exits", 5), ("classes", 10), ("rounds", 3), ("threads", 1)):
        parser.add_argument(f"--{name}", type=positive, default=default, metavar="N", help=f"default: {default}")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    made = generated(given.examples, given.exits, given.classes)
    fit, calibration, cost = made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), made.cascade_cost("macs")
    eenet = policy("eenet")

    seconds: dict[str, list[float]] = {"former": [], "present": [], "one budget": []}
    with threadpool_limits(given.threads):
        for _ in range(given.rounds):
            for name, fitting in (("former", lambda: former_eenet.learn(fit, cost)), ("present", lambda: learn_scores(fit))):
                begun = time.perf_counter()
                fitting()
                seconds[name].append(time.perf_counter() - begun)
            ready = eenet.fit(fit, calibration, "macs")
            ready.solve(0.5 * cost[-1])  # computes what all budgets share
            begun = time.perf_counter()
            ready.solve(0.4 * cost[-1])
            seconds["one budget"].append(time.perf_counter() - begun)

    size = f"{given.examples:,} examples x {given.exits} exits x {given.classes} classes"
    report.begin(torch.device("cpu"), f"{size}, {given.threads} threads, median of {given.rounds} rounds")
    took = {name: float(np.median(rounds)) for name, rounds in seconds.items()}
    report.say(
        f"former      {took['former']:8.3f} s per fit",
        f"present     {took['present']:8.3f} s per fit, {took['former'] / took['present']:.1f} times as fast",
        f"one budget  {took['one budget']:8.4f} s",
    )
    report.keep(given.save)


if __name__ == "__main__":
    run(main)
