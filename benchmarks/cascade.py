"""What stopping early gains in time: the executor beside the full network and the two ways in which it is usually written.

    PYTHONPATH=. python benchmarks/cascade.py [--examples 1024] [--rounds 3] [--threads 1] [--save]

full         a plain loop over batches through all trunks and the last head
one by one   a loop over examples that breaks at the first exit that is sure enough; batch size plays no part
shrinking    a batch goes on with whoever is left in it (the executor with chunks of one batch)
ours         the executor: chunks of many batches, survivors cut into full batches again

Wall clock, the median of several rounds in which all take turns. Speed-ups are over `full` at the same batch size. Two ideals: by MACs, and
by the table of stage times, measured just before; both count every head that is asked. Before anything is timed, the exits and answers of
all are compared with the route simulated on the logits of all exits.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from engine.cascades.base import Cascade, State
from engine.devices import device_name
from engine.execute import chunk_size, execute, to_images
from engine.macs import stage_macs
from engine.measure import BATCH_SIZES, BUDGETS, Effort, alone, budget_rules, run_full, stage_times
from engine.outputs import Outputs
from engine.policies.threshold import ThresholdRule
from engine.recipes import recipe, weights_path
from engine.route import Route
from engine.splits import Split
from engine.weights import load_weights

CPU = torch.device("cpu")
RESULTS = Path(__file__).parent / "results" / "cascade.txt"


@torch.inference_mode()
def one_by_one(cascade: Cascade, rule: ThresholdRule, pixels: NDArray[np.uint8]) -> tuple[list[int], list[int]]:
    """Exit and answer of every example, as a first program would find them: pixels (examples, height, width, 3)."""
    sure_enough = [*expit(rule.thresholds).tolist(), 0.0]  # the rule compares log-odds
    exits, answers = [], []
    for example in range(len(pixels)):
        state: State = (to_images(pixels[example : example + 1], CPU),)
        for k, stage in enumerate(cascade.stages):
            state, logits = stage(state)
            top, answer = logits[0].double().softmax(dim=0).max(dim=0)
            if top.item() >= sure_enough[k]:
                exits.append(k)
                answers.append(int(answer))
                break
    return exits, answers


@torch.inference_mode()
def simulated(cascade: Cascade, rule: ThresholdRule, pixels: NDArray[np.uint8], macs: NDArray[np.float64]) -> Route:
    said = [cascade(to_images(pixels[start : start + 50], CPU)).numpy() for start in range(0, len(pixels), 50)]
    nothing = np.zeros(len(pixels), np.int32)
    return rule.route(Outputs.from_logits(np.concatenate(said, axis=1), nothing, np.full(len(pixels), "test"), {"macs": macs}))


def median_times(methods: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each, the median of so many rounds of all."""
    taken: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, method in methods.items():
            begun = time.perf_counter()
            method()
            taken[name].append(time.perf_counter() - begun)
    return {name: float(np.median(seconds)) for name, seconds in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} into {RESULTS.parent.name}/")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    doodles = recipe("doodles")
    cascade, dataset = doodles.cascade(), doodles.dataset()
    load_weights(cascade, weights_path("doodles"))
    cascade = cascade.eval().to(memory_format=torch.channels_last)
    tuned, shown = (dataset.take(dataset.ids(split)[: given.examples]) for split in (Split.CALIBRATION, Split.TEST))
    pixels, ids = shown.pixels, np.arange(len(shown.pixels))
    macs = stage_macs(cascade, dataset.image_size)
    rules = budget_rules(cascade, tuned.pixels, tuned.labels, macs, CPU, BUDGETS)
    each = np.array(macs.stage, np.float64)

    routes, differing = {}, {"one by one": 0, "shrinking": 0, "ours": 0}
    for budget, rule in rules.items():
        routes[budget] = simulated(cascade, rule, pixels, each)
        for name, chunk in (("shrinking", 32), ("ours", None)):
            found = execute(cascade, rule, ids, pixels.__getitem__, CPU, 32, chunk)
            differing[name] += int(((found.exit != routes[budget].exit) | (found.prediction != routes[budget].prediction)).sum())
        exits, answers = one_by_one(cascade, rule, pixels)
        differing["one by one"] += int(((routes[budget].exit != exits) | (routes[budget].prediction != answers)).sum())

    lines = [
        f"{date.today()}, {device_name(CPU)} of {os.cpu_count()} cores shared with others (load {os.getloadavg()[0]:.1f});"
        f" Python {platform.python_version()}, torch {torch.__version__}",
        f"{doodles.title}, {len(ids):,} test images, float32; median of {given.rounds} rounds;"
        f" thresholds on top probability, set on {len(tuned.pixels):,} calibration images",
        f"Exits or answers that differ from the simulated ones, of {len(ids) * len(rules):,}:"
        f" {', '.join(f'{name} {count}' for name, count in differing.items())}.",
        "",
        f"{'':14}{'ms an image':>22}{'times quicker than full':>42}{'ideal by':>16}{'ours of ideal by':>20}",
        f"{'batch  budget':14}{'full':>11}{'ours':>11}"
        f"{'one by one':>14}{'shrinking':>14}{'ours':>14}{'MACs':>8}{'times':>8}{'MACs':>10}{'times':>10}",
    ]
    print("\n".join(lines), flush=True)
    for size in BATCH_SIZES:
        table = stage_times(cascade, dataset.image_size, CPU, (size,), Effort())
        methods: dict[str, Callable[[], object]] = {"full": lambda size=size: run_full(cascade, pixels, CPU, size)}
        many = chunk_size(cascade, dataset.image_size, size)
        for budget, rule in rules.items():
            methods[f"one by one {budget}"] = lambda rule=rule: one_by_one(cascade, rule, pixels)
            for name, chunk in (("shrinking", size), ("ours", many)):
                methods[f"{name} {budget}"] = lambda rule=rule, chunk=chunk, size=size: execute(
                    cascade, rule, ids, pixels.__getitem__, CPU, size, chunk
                )
        took = median_times(methods, given.rounds)
        for budget in rules:
            reached = np.array([(routes[budget].visited >> k & 1).mean() for k in range(len(each))])
            by_macs = alone(macs.trunk, macs.head, cascade.kind) / float(reached @ each)
            by_times = alone(table.trunk[0], table.head[0], cascade.kind) / float(reached @ (table.trunk + table.head)[0])
            quicker = {name: took["full"] / took[f"{name} {budget}"] for name in ("one by one", "shrinking", "ours")}
            ms = [1e3 * took[name] / len(ids) for name in ("full", f"ours {budget}")]
            line = (
                f"{size:5}{budget:8.0%} {ms[0]:11.2f}{ms[1]:11.2f}"
                + "".join(f"{times:14.2f}" for times in quicker.values())
                + f"{by_macs:8.2f}{by_times:8.2f}{quicker['ours'] / by_macs:10.0%}{quicker['ours'] / by_times:10.0%}"
            )
            lines.append(line)
            print(line, flush=True)
    load = f"Load at the end: {os.getloadavg()[0]:.1f}."
    lines += ["", f"{load} A share above 100% means that others on the machine slowed the full network more."]
    print(*lines[-2:], sep="\n")
    if given.save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
