"""Measure: what the stages of a recipe's network take here, and whether stopping early pays in time as it does in arithmetic.

Two ideals stand beside every speed-up, and both count every head that was asked. By MACs: as if every multiply took as long. By the table
of stage times: as if every picture took its share of a full batch. What is lost beyond that goes to partial batches, to gathering
survivors, to states that have left the cache and to deciding. The full network is a plain loop over batches in the same run, without the
heads it does not need, and so is every exit before its own: what a smaller network that cannot adapt would take.
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
from engine.runtime.image_tensors import to_tensor
from engine.runtime.precision import FULL, in_precision
from engine.runtime.trained import trained_network
from engine.splits import Split
from engine.storage.files import sha256_of

#: A number for each stage.
PerStage = Sequence[float] | NDArray[np.float64]
BATCH_SIZES, BUDGETS, POLICY = (1, 32, 256), (0.25, 0.5, 0.75), "maxprob"


@dataclass(frozen=True)
class RealRun:
    """The cascade at one budget and batch size against the full network. Speed-ups are over the full network.

    budget, cost: shares of the full network's MACs, asked for and spent
    accuracy:     of the answers that were given
    reached:      (stages,) share of the examples that each stage ran for
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
    """One exit alone over the same examples, in the same run. exit: counted from 0; the last is the full network."""

    batch_size: int
    exit: int
    accuracy: float
    images_per_second: float
    speed_up: float


@dataclass(frozen=True, eq=False)
class Measurement:
    """What `measure` found.

    load:      processes that wanted a processor in the minute before, or None where the system does not say
    rules:     what stopped the runs, by budget
    energy:    or None, and then `no_energy` says in one sentence why
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
    """Measure a recipe's trained network on its test pictures, with the thresholds of `maxprob` set on as many calibration pictures.

    Budgets below the first exit's cost are left out. Raises UserError where there are no weights.
    """
    if min((*batch_sizes, examples), default=0) < 1 or not batch_sizes:
        raise UserError(f"Batch sizes {list(batch_sizes)} and {examples} examples cannot be measured; give at least 1 of each.")
    batch_sizes = tuple(dict.fromkeys(batch_sizes))  # asked for twice, measured once
    chosen, where = recipe(name), pick_device(device)
    cascade, dataset = trained_network(chosen, where), chosen.dataset()
    weights = sha256_of(weights_path(chosen.name))
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
    found = [real_runs(cascade, rules, shown, macs, times, where, size, effort.rounds) for size in batch_sizes]
    return Measurement(
        recipe=chosen.name,
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
        runs=tuple(run for runs, _ in found for run in runs),
        exits=tuple(exit for _, exits in found for exit in exits),
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
    """A rule for each budget that can be kept, {share of the full network's MACs: rule}, tuned on some pictures.

    pixels (examples, height, width, 3), labels (examples,)
    """
    said = [cascade(to_tensor(pixels[start : start + 32], device)).float().cpu().numpy() for start in range(0, len(pixels), 32)]
    cost = {"macs": np.array(macs.stage, np.float64)}
    calibration = np.full(len(pixels), str(Split.CALIBRATION))
    outputs = Outputs.from_logits(np.concatenate(said, axis=1), labels, calibration, cost, kind=cascade.kind)
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
    """Run every exit alone, the full network among them, and every rule in turns over the same pictures; the median round counts.

    A first round is not counted: in it the memory of such batches is taken, which may cost more than the work.

    batch_size: one of those in `times`
    """
    pixels, ids = shown.pixels, np.arange(len(shown.pixels))
    exits = range(len(cascade.stages))
    # Worked out once: it is the same for all, and finding it is no part of the running.
    group = group_size(cascade, pixels.shape[1:3], batch_size, device)
    routes: dict[float, Route] = {}
    answers: dict[int, NDArray[np.integer]] = {}
    exit_seconds, rule_seconds = {k: [] for k in exits}, {budget: [] for budget in rules}
    for _ in range(1 + rounds):
        # Nothing need be waited for: both end by reading the device.
        for k in exits:
            begun = time.perf_counter()
            answers[k] = run_exit(cascade, pixels, device, batch_size, k).argmax(axis=1)
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
        reached = routes[budget].visited.mean(axis=1)
        runs.append(
            RealRun(
                batch_size=batch_size,
                budget=budget,
                cost=float(reached @ macs_each) / float(macs_each.sum() if cascade.kind is CascadeKind.CHAIN else macs_each[-1]),
                accuracy=float((routes[budget].prediction == shown.labels).mean()),
                reached=tuple(reached.tolist()),
                images_per_second=len(ids) / took,
                full_images_per_second=len(ids) / full,
                speed_up=full / took,
                ideal_by_macs=full_network_cost(macs.trunk, macs.head, cascade.kind) / float(reached @ macs_each),
                ideal_by_times=full_network_cost(times.trunk[row], times.head[row], cascade.kind) / float(reached @ ms_each),
            )
        )
    correct = [float((answers[k] == shown.labels).mean()) for k in exits]
    return runs, [ExitRun(batch_size, k, correct[k], len(ids) / took, full / took) for k, took in enumerate(alone_took)]


@torch.inference_mode()
def run_exit(cascade: Cascade, pixels: NDArray[np.uint8], device: torch.device, batch_size: int, exit: int) -> NDArray[np.float32]:
    """The logits of one exit, (examples, classes), by a simple loop over batches: pixels (examples, height, width, 3)."""
    starts = range(0, len(pixels), batch_size)
    logits = [cascade.forward_exit(to_tensor(pixels[start : start + batch_size], device), exit).float() for start in starts]
    return torch.cat(logits).cpu().numpy()


def full_network_cost(trunk: PerStage, head: PerStage, kind: CascadeKind) -> float:
    """The cost of the full network without the exits before its own: trunk, head (stages,) in any unit."""
    trunks = sum(trunk) if kind is CascadeKind.CHAIN else trunk[-1]
    return float(trunks + head[-1])
