"""Measure how long the stages of a recipe's network take on this machine, and whether early exits save time as well as arithmetic.

Every speed-up is reported with two ideals, which both include every head that ran. The ideal by MACs assumes that every multiply takes
equally long. The ideal by stage times assumes that every image takes its share of a full batch. The rest is lost to partial batches,
gathering the remaining examples, states that have left the cache, and decisions. The full network is a simple loop over batches in the
same run, without the heads it does not need. So is every earlier exit alone: the time that a smaller, static network would take.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cascades.base import Cascade, CascadeKind
from engine.cascades.macs import StageMacs, stage_macs
from engine.datasets.base import Images
from engine.errors import UserError
from engine.measuring.energy import Counter, StageEnergy, energy_counter, stage_energy
from engine.measuring.stage_times import Effort, StageTimes, stage_times
from engine.outputs import Outputs
from engine.policies import policy
from engine.policies.core.base import Rule
from engine.recipes import Recipe, recipe, weights_path
from engine.route import Route
from engine.runtime.cuda_graphs import in_graphs
from engine.runtime.devices import device_name, pick_device
from engine.runtime.executor import execute, group_size
from engine.runtime.inputs import to_tensor
from engine.runtime.precision import FULL, in_precision
from engine.runtime.trained import trained_network
from engine.splits import Split
from engine.storage.files import sha256_of

#: A number for each stage.
PerStage = Sequence[float] | NDArray[np.float64]
BATCH_SIZES, BUDGETS, POLICY = (1, 32, 256), (0.25, 0.5, 0.75), "maxprob"


@dataclass(frozen=True)
class RealRun:
    """The cascade at one budget and batch size, compared with the full network. Speed-ups are over the full network.

    budget, cost: shares of the full network's MACs, requested and spent
    accuracy:     of the predictions of this run
    reached:      (stages,) share of the examples for which each stage ran
    """

    batch_size: int
    budget: float
    cost: float
    accuracy: float
    reached: tuple[float, ...]
    images_per_second: float
    full_images_per_second: float
    speed_up: float
    ideal_by_macs: float
    ideal_by_times: float


@dataclass(frozen=True)
class ExitRun:
    """One exit alone, on the same examples and in the same run. exit: counted from 0; the last is the full network."""

    batch_size: int
    exit: int
    accuracy: float
    images_per_second: float
    speed_up: float


@dataclass(frozen=True, eq=False)
class Measurement:
    """The result of `measure`.

    load:      mean number of runnable processes in the minute before, or None if the system does not report it
    rules:     the rule that decided where examples leave, by budget
    energy:    None if it was not measured; `no_energy` then gives the reason in one sentence
    """

    recipe: str
    weights_sha256: str
    date: str
    device: str
    dtype: str
    torch: str
    threads: int
    load: float | None
    examples: int
    macs: StageMacs
    times: StageTimes
    rules: Mapping[float, Rule]
    runs: tuple[RealRun, ...]
    exits: tuple[ExitRun, ...]
    energy: StageEnergy | None
    no_energy: str

    def as_json(self) -> dict[str, Any]:
        times = {name: value.tolist() if isinstance(value, np.ndarray) else list(value) for name, value in vars(self.times).items()}
        facts = ("recipe", "weights_sha256", "date", "device", "torch", "threads", "load", "examples")
        about = {name: getattr(self, name) for name in facts}
        document = {
            **about,
            "dtype": self.dtype,
            "policy": POLICY,
            "macs": {"trunk": list(self.macs.trunk), "head": list(self.macs.head)},
            "stage_ms": times,
            "runs": [{**asdict(run), "reached": list(run.reached)} for run in self.runs],
            "exits": [asdict(run) for run in self.exits],
        }
        if self.energy is not None:
            document["joules"] = {"stage": self.energy.stage.tolist(), "full": self.energy.full.tolist()}
        return document


def measure(
    name: str | Recipe,
    device: str = "auto",
    batch_sizes: Sequence[int] = BATCH_SIZES,
    examples: int = 512,
    budgets: Sequence[float] = BUDGETS,
    effort: Effort = Effort(),  # noqa: B008 - frozen
    find_counter: Callable[[torch.device], Counter] = energy_counter,
    dtype: str = FULL,
    cuda_graphs: bool = False,
) -> Measurement:
    """Measure a recipe's trained network on `examples` test images, with the thresholds of `maxprob` set on as many calibration images.

    Budgets below the first exit's cost are left out. Raises UserError if the weights are missing.
    """
    if min((*batch_sizes, examples), default=0) < 1 or not batch_sizes:
        raise UserError(
            f"Batch sizes {list(batch_sizes)} and the number of examples {examples} must be at least 1; give for example 32 and 512."
        )
    batch_sizes = tuple(dict.fromkeys(batch_sizes))  # a size that is given twice is measured once
    network_recipe, where = recipe(name), pick_device(device)
    cascade, dataset = trained_network(network_recipe, where), network_recipe.image_dataset()
    weights = sha256_of(weights_path(network_recipe.name))
    macs = stage_macs(cascade, dataset.image_size)
    cascade = in_precision(cascade, dtype, where)
    if cuda_graphs:
        cascade = in_graphs(cascade, where)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    tuned, shown = (dataset.take(dataset.ids(split)[:examples]) for split in (Split.CALIBRATION, Split.TEST))
    rules = budget_rules(cascade, tuned.pixels, tuned.labels, macs, where, budgets)
    times = stage_times(cascade, dataset.image_size, where, batch_sizes, effort)
    energy, no_energy = None, ""
    try:
        energy = stage_energy(cascade, dataset.image_size, where, batch_sizes, find_counter(where), effort.joule_seconds)
    except UserError as reason:
        no_energy = str(reason)
    by_size = [real_runs(cascade, rules, shown, macs, times, where, size, effort.rounds) for size in batch_sizes]
    return Measurement(
        recipe=network_recipe.name,
        weights_sha256=weights,
        date=date.today().isoformat(),
        device=device_name(where),
        dtype=dtype,
        torch=torch.__version__,
        threads=torch.get_num_threads(),
        load=load,
        examples=len(shown.pixels),
        macs=macs,
        times=times,
        rules=rules,
        runs=tuple(run for runs, _ in by_size for run in runs),
        exits=tuple(exit for _, exits in by_size for exit in exits),
        energy=energy,
        no_energy=no_energy,
    )


@torch.inference_mode()
def budget_rules(
    cascade: Cascade,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.integer],
    macs: StageMacs,
    device: torch.device,
    budgets: Sequence[float],
) -> dict[float, Rule]:
    """A rule for each budget that can be met, {share of the full network's MACs: rule}, tuned on the given images.

    pixels: (examples, height, width, 3) uint8;  labels: (examples,)
    """
    logits = [cascade(to_tensor(pixels[start : start + 32], device)).float().cpu().numpy() for start in range(0, len(pixels), 32)]
    cost = {"macs": np.array(macs.stage, np.float64)}
    calibration = np.full(len(pixels), str(Split.CALIBRATION))
    outputs = Outputs.from_logits(np.concatenate(logits, axis=1), labels, calibration, cost, kind=cascade.kind)
    tuned = outputs.tuning(Split.CALIBRATION)
    fitted = policy(POLICY).fit(tuned, tuned, "macs")  # this policy learns nothing on the fit split
    full = outputs.full_cost("macs")
    return {budget: fitted.solve(budget * full) for budget in budgets if budget * full >= fitted.cheapest}


def real_runs(
    cascade: Cascade,
    rules: Mapping[float, Rule],
    shown: Images,
    macs: StageMacs,
    times: StageTimes,
    device: torch.device,
    batch_size: int,
    rounds: int,
) -> tuple[list[RealRun], list[ExitRun]]:
    """Run every exit alone (the last one is the full network) and every rule, in turns, on the same images; medians over rounds count.

    The first round is not counted: it allocates the memory for batches of this size, which may take longer than the work.

    batch_size: one of those in `times`
    """
    pixels, ids = shown.pixels, np.arange(len(shown.pixels))
    exits = range(len(cascade.stages))
    # Computed once: it is the same for all runs, and its computation is not part of a run.
    group = group_size(cascade, pixels.shape[1:3], batch_size, device)
    routes: dict[float, Route] = {}
    predictions: dict[int, NDArray[np.integer]] = {}
    exit_seconds, rule_seconds = {k: [] for k in exits}, {budget: [] for budget in rules}
    for _ in range(1 + rounds):
        # No need to synchronise: both end by reading from the device.
        for k in exits:
            begun = time.perf_counter()
            predictions[k] = run_exit(cascade, pixels, device, batch_size, k).argmax(axis=1)
            exit_seconds[k].append(time.perf_counter() - begun)
        for budget, rule in rules.items():
            begun = time.perf_counter()
            routes[budget] = execute(cascade, rule, ids, pixels.__getitem__, device, batch_size, group)
            rule_seconds[budget].append(time.perf_counter() - begun)
    alone_took = [float(np.median(exit_seconds[k][1:])) for k in exits]
    full = alone_took[-1]
    row = times.batch_sizes.index(batch_size)
    macs_each, ms_each = np.array(macs.stage), (times.trunk + times.head)[row]
    runs = []
    for budget, taken in rule_seconds.items():
        took = float(np.median(taken[1:]))
        reached, prediction = routes[budget].visited.mean(axis=1), routes[budget].prediction
        assert prediction is not None, "a network that runs here predicts classes"
        runs.append(
            RealRun(
                batch_size=batch_size,
                budget=budget,
                cost=float(reached @ macs_each) / float(macs_each.sum() if cascade.kind is CascadeKind.CHAIN else macs_each[-1]),
                accuracy=float((prediction == shown.labels).mean()),
                reached=tuple(reached.tolist()),
                images_per_second=len(ids) / took,
                full_images_per_second=len(ids) / full,
                speed_up=full / took,
                ideal_by_macs=full_network_cost(macs.trunk, macs.head, cascade.kind) / float(reached @ macs_each),
                ideal_by_times=full_network_cost(times.trunk[row], times.head[row], cascade.kind) / float(reached @ ms_each),
            )
        )
    correct = [float((predictions[k] == shown.labels).mean()) for k in exits]
    return runs, [ExitRun(batch_size, k, correct[k], len(ids) / took, full / took) for k, took in enumerate(alone_took)]


@torch.inference_mode()
def run_exit(cascade: Cascade, pixels: NDArray[np.uint8], device: torch.device, batch_size: int, exit: int) -> NDArray[np.float32]:
    """The logits of one exit, (examples, classes), by a simple loop over batches: pixels (examples, height, width, 3)."""
    starts = range(0, len(pixels), batch_size)
    logits = [cascade.forward_exit(to_tensor(pixels[start : start + batch_size], device), exit).float() for start in starts]
    return torch.cat(logits).cpu().numpy()


def full_network_cost(trunk: PerStage, head: PerStage, kind: CascadeKind) -> float:
    """The cost of the full network without earlier exits: trunk, head (stages,) in any unit."""
    trunks = sum(trunk) if kind is CascadeKind.CHAIN else trunk[-1]
    return float(trunks + head[-1])
