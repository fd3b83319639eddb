"""What stopping early gains in time: the executor beside the full network and the two ways in which it is usually written.

    PYTHONPATH=. python benchmarks/cascade.py [RECIPE ...] [--examples 1024] [--rounds 3] [--threads 1] [--device cpu] [--save]

Every recipe that has weights, unless some are named.

full         a plain loop over batches through all trunks and the last head
one by one   a loop over examples that breaks at the first exit that is sure enough; batch size plays no part
shrinking    a batch goes on with whoever is left in it (the executor with chunks of one batch)
ours         the executor: chunks of many batches, survivors cut into full batches again

Wall clock, the median of several rounds in which all take turns (one by one is timed in the rounds of the first batch size only: to it they
are all the same). Speed-ups are over `full` at the same batch size. Two ideals: by MACs, and by the table of stage times, measured just
before; both count every head that is asked. Before anything is timed, the exits and answers of all are compared with the route simulated on
the logits of all exits.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.report import Report
from engine.cascades.base import Cascade, Kind, State
from engine.devices import pick_device
from engine.execute import chunk_size, execute, to_images
from engine.graphs import in_graphs
from engine.macs import StageMacs, stage_macs
from engine.measure import BUDGETS, Effort, alone, budget_rules, run_full, stage_times
from engine.outputs import Outputs
from engine.policies.threshold import ThresholdRule
from engine.recipes import RECIPES, recipe, weights_path
from engine.route import Route
from engine.splits import Split
from engine.trained import trained_network

BATCH_SIZES = (1, 32, 256, 1024)


@dataclass(frozen=True, eq=False)
class Task:
    """A trained cascade, the pictures to run it on, (examples, height, width, 3), and the rules to run it under, by budget."""

    title: str
    cascade: Cascade
    device: torch.device
    pixels: NDArray[np.uint8]
    macs: StageMacs
    rules: Mapping[float, ThresholdRule]
    tuned_on: int

    @classmethod
    def load(cls, name: str, device: torch.device, examples: int) -> "Task":
        chosen = recipe(name)
        cascade, dataset = trained_network(chosen, device), chosen.dataset()
        tuned, shown = (dataset.take(dataset.ids(split)[:examples]) for split in (Split.CALIBRATION, Split.TEST))
        macs = stage_macs(cascade, dataset.image_size)
        rules = budget_rules(cascade, tuned.pixels, tuned.labels, macs, device, BUDGETS)
        return cls(chosen.title, in_graphs(cascade, device), device, shown.pixels, macs, rules, len(tuned.pixels))

    def run(self, rule: ThresholdRule, batch_size: int, chunk: int | None = None) -> Route:
        ids = np.arange(len(self.pixels))
        return execute(self.cascade, rule, ids, self.pixels.__getitem__, self.device, batch_size, chunk)


@torch.inference_mode()
def one_by_one(task: Task, rule: ThresholdRule) -> tuple[list[int], list[int]]:
    """Exit and answer of every example, as a first program would find them."""
    sure_enough = [*expit(rule.thresholds).tolist(), 0.0]  # the rule compares log-odds
    exits, answers = [], []
    for example in range(len(task.pixels)):
        state: State = (to_images(task.pixels[example : example + 1], task.device),)
        for k, stage in enumerate(task.cascade.stages):
            after, logits = stage(state)
            top, answer = logits[0].double().softmax(dim=0).max(dim=0)
            if top.item() >= sure_enough[k]:
                exits.append(k)
                answers.append(int(answer))
                break
            state = after if task.cascade.kind is Kind.CHAIN else state
    return exits, answers


@torch.inference_mode()
def simulated(task: Task) -> dict[float, Route]:
    batches = (to_images(task.pixels[start : start + 50], task.device) for start in range(0, len(task.pixels), 50))
    said = np.concatenate([task.cascade(images).cpu().numpy() for images in batches], axis=1)
    nothing, test = np.zeros(len(task.pixels), np.int32), np.full(len(task.pixels), "test")
    cost = {"macs": np.array(task.macs.stage, np.float64)}
    outputs = Outputs.from_logits(said, nothing, test, cost, topology=task.cascade.kind.value)
    return {budget: rule.route(outputs) for budget, rule in task.rules.items()}


def differing(task: Task, routes: Mapping[float, Route]) -> dict[str, int]:
    """How many exits or answers of all budgets are not the simulated ones."""
    count = {"one by one": 0, "shrinking": 0, "ours": 0}
    for budget, rule in task.rules.items():
        route = routes[budget]
        for name, chunk in (("shrinking", 32), ("ours", None)):
            found = task.run(rule, 32, chunk)
            count[name] += int(((found.exit != route.exit) | (found.prediction != route.prediction)).sum())
        exits, answers = one_by_one(task, rule)
        count["one by one"] += int(((route.exit != exits) | (route.prediction != answers)).sum())
    return count


def median_times(methods: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each, the median of so many rounds of all."""
    taken: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, method in methods.items():
            begun = time.perf_counter()
            method()
            taken[name].append(time.perf_counter() - begun)
    return {name: float(np.median(seconds)) for name, seconds in taken.items()}


def lines_on(task: Task, rounds: int) -> Iterator[str]:
    """The lines on one recipe, as they are found."""
    routes = simulated(task)
    count = ", ".join(f"{name} {wrong}" for name, wrong in differing(task, routes).items())
    yield f"{task.title}, {len(task.pixels):,} test images, thresholds on top probability set on {task.tuned_on:,} calibration images"
    yield f"Exits or answers that differ from the simulated ones, of {len(task.pixels) * len(task.rules):,}: {count}."
    yield f"{'':14}{'ms an image':>22}{'times quicker than full':>42}{'ideal by':>16}{'ours of ideal by':>20}"
    yield (
        f"{'batch  budget':14}{'full':>11}{'ours':>11}"
        f"{'one by one':>14}{'shrinking':>14}{'ours':>14}{'MACs':>8}{'times':>8}{'MACs':>10}{'times':>10}"
    )
    kind, each, side = task.cascade.kind, np.array(task.macs.stage, np.float64), task.pixels.shape[1:3]
    slowest: dict[float, float] = {}
    for size in BATCH_SIZES:
        table = stage_times(task.cascade, side, task.device, (size,), Effort())
        methods: dict[str, Callable[[], object]] = {"full": lambda size=size: run_full(task.cascade, task.pixels, task.device, size)}
        for budget, rule in task.rules.items():
            if size == BATCH_SIZES[0]:
                methods[f"one by one {budget}"] = lambda rule=rule: one_by_one(task, rule)
            for name, chunk in (("shrinking", size), ("ours", chunk_size(task.cascade, side, size))):
                methods[f"{name} {budget}"] = lambda rule=rule, chunk=chunk, size=size: task.run(rule, size, chunk)
        took = median_times(methods, rounds)
        slowest |= {budget: took[f"one by one {budget}"] for budget in task.rules if size == BATCH_SIZES[0]}
        for budget in task.rules:
            reached = np.array([(routes[budget].visited >> k & 1).mean() for k in range(len(each))])
            by_macs = alone(task.macs.trunk, task.macs.head, kind) / float(reached @ each)
            by_times = alone(table.trunk[0], table.head[0], kind) / float(reached @ (table.trunk + table.head)[0])
            seconds = (slowest[budget], took[f"shrinking {budget}"], took[f"ours {budget}"])
            quicker = [took["full"] / its for its in seconds]
            ms = [1e3 * its / len(task.pixels) for its in (took["full"], seconds[-1])]
            yield (
                f"{size:5}{budget:8.0%} {ms[0]:11.2f}{ms[1]:11.2f}"
                + "".join(f"{times:14.2f}" for times in quicker)
                + f"{by_macs:8.2f}{by_times:8.2f}{quicker[-1] / by_macs:10.0%}{quicker[-1] / by_times:10.0%}"
            )


def main() -> None:
    report = Report("cascade")
    parser = report.arguments(__doc__)
    parser.add_argument("recipes", metavar="RECIPE", nargs="*", help="default: all that have weights")
    parser.add_argument("--examples", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = pick_device(given.device)
    report.begin(device, f"float32, median of {given.rounds} rounds")
    for name in given.recipes or [name for name in RECIPES if weights_path(name).is_file()]:
        report.say("")
        for line in lines_on(Task.load(name, device, given.examples), given.rounds):
            report.say(line)
    report.say("", "A share above 100% means that others on the machine slowed the full network more.")
    report.keep(given.save)


if __name__ == "__main__":
    main()
