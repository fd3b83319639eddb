"""How much time stopping early saves: the executor compared with the full network and with two common ways to write early exit.

    python benchmarks/cascade.py [RECIPE ...] [--rounds 5] [--seconds 30] [--batch-sizes 1,32,64,256,1024]
                                    [--examples N] [--threads 1] [--device cpu] [--save]

Runs every recipe that has weights, unless recipes are named.

full         a loop over batches that runs all trunks and the last head
one by one   a loop over examples that stops at the first exit with enough confidence; the batch size does not matter
shrinking    each batch continues with the examples that remain in it (the executor, given one batch after the other)
ours         the executor: examples that remain from many batches are gathered into full batches

Times are wall-clock times. At each batch size the methods take turns, for at least `--rounds` rounds and `--seconds` seconds. A speed-up is
the time of `full` divided by the time of the method at the same batch size, as the median over rounds. Methods that handle one image at a
time get 256 images, and `one by one` is timed once, because the batch size does not matter to it. The others get 1,024 images, or four
batches if that is more, so that there are enough remaining examples to gather. `--examples` limits all of them. There are two ideals: by
MACs, and by the stage times, which are measured just before. Both count every head that runs. Before timing, the exits and predictions of
all methods are compared with the route simulated on the logits of all exits.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/cascade.py`

from benchmarks.options import run
from benchmarks.report import Report
from engine.cascades.base import Cascade, CascadeKind, State
from engine.cascades.macs import StageMacs, stage_macs
from engine.commands.arguments import number, positive, sizes
from engine.measuring.measure import BUDGETS, Effort, budget_rules, full_network_cost, run_exit, stage_times
from engine.outputs import Outputs
from engine.policies.core.thresholds import ThresholdRule
from engine.recipes import RECIPES, recipe, weights_path
from engine.route import Route
from engine.runtime.cuda_graphs import in_graphs
from engine.runtime.devices import pick_device
from engine.runtime.executor import execute, group_size
from engine.runtime.inputs import to_tensor
from engine.runtime.trained import trained_network
from engine.splits import Split

BATCH_SIZES = (1, 32, 64, 256, 1024)
#: How many images are run one at a time (more would take most of the time and show nothing new) and in batches; and the least number of
#: batches.
SINGLY, TOGETHER, BATCHES = 256, 1024, 4


@dataclass(frozen=True, eq=False)
class Task:
    """A trained cascade, the images to run it on, (examples, height, width, 3), and a rule for each budget."""

    title: str
    cascade: Cascade
    device: torch.device
    pixels: NDArray[np.uint8]
    macs: StageMacs
    rules: Mapping[float, ThresholdRule]
    tuned_on: int

    @classmethod
    def load(cls, name: str, device: torch.device, examples: int) -> "Task":
        task_recipe = recipe(name)
        cascade, dataset = trained_network(task_recipe, device), task_recipe.image_dataset()
        tuned, shown = (dataset.take(dataset.ids(split)[:examples]) for split in (Split.CALIBRATION, Split.TEST))
        macs = stage_macs(cascade, dataset.image_size)
        rules = budget_rules(cascade, tuned.pixels, tuned.labels, macs, device, BUDGETS)
        return cls(task_recipe.config.title, in_graphs(cascade, device), device, shown.pixels, macs, rules, len(tuned.pixels))

    def first(self, examples: int) -> "Task":
        return replace(self, pixels=self.pixels[:examples])

    def run(self, rule: ThresholdRule, batch_size: int, group: int | None = None) -> Route:
        return self._run(rule, np.arange(len(self.pixels)), batch_size, group)

    def run_shrinking(self, rule: ThresholdRule, batch_size: int) -> Route:
        starts = range(0, len(self.pixels), batch_size)
        routes = [self._run(rule, np.arange(start, min(start + batch_size, len(self.pixels))), batch_size, 1) for start in starts]
        return Route(*(np.concatenate(part, axis=-1) for part in zip(*((r.exit, r.visited, r.prediction) for r in routes), strict=True)))

    def _run(self, rule: ThresholdRule, ids: NDArray[np.int64], batch_size: int, group: int | None) -> Route:
        return execute(self.cascade, rule, ids, self.pixels.__getitem__, self.device, batch_size, group)


@torch.inference_mode()
def one_by_one(task: Task, rule: ThresholdRule) -> Route:
    """The exits and predictions of a simple loop over examples."""
    thresholds = [*expit(rule.thresholds).tolist(), 0.0]  # the rule compares log-odds
    exits, predictions = [], []
    for example in range(len(task.pixels)):
        state: State = (to_tensor(task.pixels[example : example + 1], task.device),)
        for k, stage in enumerate(task.cascade.stages):
            after, logits = stage(state)
            confidence, prediction = logits[0].double().softmax(dim=0).max(dim=0)
            if confidence.item() >= thresholds[k]:
                exits.append(k)
                predictions.append(int(prediction))
                break
            state = after if task.cascade.kind is CascadeKind.CHAIN else state
    exit = np.array(exits)
    return Route(exit, (2 << exit) - 1, np.array(predictions))


@torch.inference_mode()
def simulated(task: Task) -> dict[float, Route]:
    batches = (to_tensor(task.pixels[start : start + 50], task.device) for start in range(0, len(task.pixels), 50))
    logits = np.concatenate([task.cascade(images).cpu().numpy() for images in batches], axis=1)
    nothing, test = np.zeros(len(task.pixels), np.int32), np.full(len(task.pixels), "test")
    cost = {"macs": np.array(task.macs.stage, np.float64)}
    outputs = Outputs.from_logits(logits, nothing, test, cost, kind=task.cascade.kind)
    return {budget: rule.route(outputs) for budget, rule in task.rules.items()}


def differing(task: Task, routes: Mapping[float, Route]) -> str:
    """A line that says, for each method, how many exits or predictions differ from the simulated ones, over all budgets."""
    methods: dict[str, Callable[[ThresholdRule], Route]] = {
        "one by one": lambda rule: one_by_one(task.first(SINGLY), rule),
        "shrinking": lambda rule: task.run_shrinking(rule, 32),
        "ours": lambda rule: task.run(rule, 32),
    }
    counts = []
    for name, method in methods.items():
        differs = []
        for budget, rule in task.rules.items():
            route, expected = method(rule), routes[budget]
            n = len(route.exit)
            differs.append((route.exit != expected.exit[:n]) | (route.prediction != expected.prediction[:n]))
        counts.append(f"{name} {np.sum(differs)} of {np.size(differs):,}")
    return ", ".join(counts)


def timed(task: Task, methods: dict[str, Callable[[], object]], rounds: int, seconds: float) -> dict[str, NDArray[np.float64]]:
    """Milliseconds per image of each method, (rounds,). The methods take turns. A first round, which allocates memory, is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in methods}
    until = time.perf_counter() + seconds
    while min(map(len, taken.values())) <= rounds or time.perf_counter() < until:
        for name, method in methods.items():
            begun = time.perf_counter()
            method()
            taken[name].append(time.perf_counter() - begun)
    return {name: 1e3 * np.array(spent[1:]) / len(task.pixels) for name, spent in taken.items()}


def lines_on(task: Task, batch_sizes: Sequence[int], rounds: int, seconds: float) -> Iterator[str]:
    """The report on one recipe, line by line as the results come in."""
    routes = simulated(task)
    yield f"{task.title}, test images, thresholds on top probability set on {task.tuned_on:,} calibration images"
    yield f"Exits or predictions that differ from the simulated ones: {differing(task, routes)}."
    yield f"{'':21}{'ms per image':>22}{'speed-up over full':>42}{'ideal by':>16}{'ours / ideal by':>20}"
    yield (
        f"{'batch images  budget':21}{'full':>11}{'ours':>11}"
        f"{'one by one':>14}{'shrinking':>14}{'ours':>14}{'MACs':>8}{'times':>8}{'MACs':>10}{'times':>10}"
    )
    kind, each, side = task.cascade.kind, np.array(task.macs.stage, np.float64), task.pixels.shape[1:3]
    singly = task.first(SINGLY)
    slowest = timed(singly, {str(budget): partial(one_by_one, singly, rule) for budget, rule in task.rules.items()}, rounds, seconds)
    for size in batch_sizes:
        part = singly if size == 1 else task.first(max(TOGETHER, BATCHES * size))
        table = stage_times(task.cascade, side, task.device, (size,), Effort(seconds=min(0.5, seconds)))
        group = group_size(task.cascade, side, size, task.device)  # the same for all methods; choosing it is not timed
        methods: dict[str, Callable[[], object]] = {
            "full": partial(run_exit, part.cascade, part.pixels, part.device, size, len(part.cascade.stages) - 1)
        }
        for budget, rule in task.rules.items():
            methods[f"shrinking {budget}"] = partial(part.run_shrinking, rule, size)
            methods[f"ours {budget}"] = partial(part.run, rule, size, group)
        took = timed(part, methods, rounds, seconds)
        full = took["full"]
        for budget in task.rules:
            reached = routes[budget].visited[:, : len(part.pixels)].mean(axis=1)
            by_macs = full_network_cost(task.macs.trunk, task.macs.head, kind) / float(reached @ each)
            by_times = full_network_cost(table.trunk[0], table.head[0], kind) / float(reached @ (table.trunk + table.head)[0])
            shrinking, ours = took[f"shrinking {budget}"], took[f"ours {budget}"]
            speed_ups = [np.median(full / its) for its in (np.median(slowest[str(budget)]), shrinking, ours)]
            yield (
                f"{size:5}{len(part.pixels):7,}{budget:8.0%} {np.median(full):11.2f}{np.median(ours):11.2f}"
                + "".join(f"{speed_up:14.2f}" for speed_up in speed_ups)
                + f"{by_macs:8.2f}{by_times:8.2f}{speed_ups[-1] / by_macs:10.0%}{speed_ups[-1] / by_times:10.0%}"
            )


def main() -> None:
    report = Report("cascade")
    parser = report.arguments(__doc__)
    parser.add_argument("recipes", metavar="RECIPE", nargs="*", help="default: all recipes that have weights")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="least number of rounds (default: 5)")
    parser.add_argument("--seconds", type=number, default=30.0, metavar="S", help="least time at each batch size (default: 30)")
    parser.add_argument(
        "--batch-sizes", type=sizes, default=BATCH_SIZES, metavar="A,B,...", help="images per batch (default: 1,32,64,256,1024)"
    )
    parser.add_argument("--examples", type=positive, metavar="N", help="most images to run (default: four of the largest batches)")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="default: 1")
    parser.add_argument("--device", default="cpu", help="default: cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = pick_device(given.device)
    report.begin(device, f"float32, medians over at least {given.rounds} rounds and {given.seconds:g} seconds")
    examples = given.examples or max(TOGETHER, BATCHES * max(given.batch_sizes))
    for name in given.recipes or [name for name in RECIPES if weights_path(name).is_file()]:
        report.say("")
        for line in lines_on(Task.load(name, device, examples), given.batch_sizes, given.rounds, given.seconds):
            report.say(line)
    report.say("", "A share above 100% means that other programs on the machine slowed the full network more.")
    report.keep(given.save)


if __name__ == "__main__":
    run(main)
