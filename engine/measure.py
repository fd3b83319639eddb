"""Measure: what the stages of a recipe's network take here, and whether stopping early pays in time as it does in arithmetic.

Two ideals stand beside every speed-up, and both count every head that was asked. By MACs: as if every multiply took as long. By the table
of stage times: as if every picture took its share of a full batch. What is lost beyond that goes to partial batches, to gathering
survivors, to states that have left the cache and to deciding. The full network is a plain loop over batches in the same run, without the
heads it does not need.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cascades.base import Cascade, Kind, State
from engine.devices import device_name, pick_device
from engine.errors import UserError
from engine.execute import chunk_size, execute, to_images
from engine.macs import StageMacs, stage_macs
from engine.outputs import Outputs
from engine.policies import policy
from engine.policies.base import Rule
from engine.recipes import Recipe, recipe, weights_path
from engine.route import Route
from engine.splits import Split
from engine.weights import load_weights

BATCH_SIZES, BUDGETS, POLICY = (1, 32, 256), (0.25, 0.5, 0.75), "maxprob"


@dataclass(frozen=True)
class Effort:
    """How long to look. warm_up, most: runs of a part;  seconds: for one part at one batch size;  rounds: of the real runs"""

    warm_up: int = 2
    least: int = 5
    seconds: float = 0.2
    rounds: int = 3


@dataclass(frozen=True, eq=False)
class StageTimes:
    """Milliseconds for one batch, the median and the 95th percentile of several runs, trunk and head apart.

    batch_sizes: (sizes,);  trunk, trunk_p95, head, head_p95: (sizes, stages)
    """

    batch_sizes: tuple[int, ...]
    trunk: NDArray[np.float64]
    trunk_p95: NDArray[np.float64]
    head: NDArray[np.float64]
    head_p95: NDArray[np.float64]


@dataclass(frozen=True)
class RealRun:
    """The cascade at one budget and batch size against the full network. Speed-ups are over the full network.

    budget, cost: shares of the full network's MACs, asked for and spent
    reached:      (stages,) share of the examples that each stage ran for
    """

    batch_size: int
    budget: float
    cost: float
    reached: tuple[float, ...]
    images_per_second: float
    full_images_per_second: float
    speed_up: float
    ideal_by_macs: float
    ideal_by_times: float


@dataclass(frozen=True, eq=False)
class Measurement:
    """What `measure` found. load: processes that wanted a processor in the minute before, or None where the system does not say."""

    recipe: str
    device: str
    torch: str
    threads: int
    load: float | None
    examples: int
    macs: StageMacs
    times: StageTimes
    runs: tuple[RealRun, ...]

    def as_json(self) -> dict[str, Any]:
        times = {name: value.tolist() if isinstance(value, np.ndarray) else list(value) for name, value in vars(self.times).items()}
        about = {name: getattr(self, name) for name in ("recipe", "device", "torch", "threads", "load", "examples")}
        return {
            **about,
            "dtype": "float32",
            "policy": POLICY,
            "macs": {"trunk": list(self.macs.trunk), "head": list(self.macs.head)},
            "stage_ms": times,
            "runs": [{**asdict(run), "reached": list(run.reached)} for run in self.runs],
        }


def measure(
    name: str | Recipe,
    device: str = "auto",
    batch_sizes: Sequence[int] = BATCH_SIZES,
    examples: int = 512,
    budgets: Sequence[float] = BUDGETS,
    effort: Effort = Effort(),  # noqa: B008 - frozen
) -> Measurement:
    """Measure a recipe's trained network on its test pictures, with the thresholds of `maxprob` set on as many calibration pictures.

    Budgets below the first exit's cost are left out. Raises UserError where there are no weights.
    """
    if min((*batch_sizes, examples), default=0) < 1 or not batch_sizes:
        raise UserError(f"Batch sizes {list(batch_sizes)} and {examples} examples cannot be measured; give at least 1 of each.")
    chosen, where = recipe(name), pick_device(device)
    cascade, dataset = chosen.cascade(), chosen.dataset()
    load_weights(cascade, weights_path(chosen.name))
    cascade = cascade.eval().to(where, memory_format=torch.channels_last)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    macs = stage_macs(cascade, dataset.image_size)
    tuned, shown = (dataset.take(dataset.ids(split)[:examples]) for split in (Split.CALIBRATION, Split.TEST))
    rules = budget_rules(cascade, tuned.pixels, tuned.labels, macs, where, budgets)
    times = stage_times(cascade, dataset.image_size, where, batch_sizes, effort)
    runs = [run for size in batch_sizes for run in real_runs(cascade, rules, shown.pixels, macs, times, where, size, effort.rounds)]
    return Measurement(
        chosen.name, device_name(where), torch.__version__, torch.get_num_threads(), load, len(shown.pixels), macs, times, tuple(runs)
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
    said = [cascade(to_images(pixels[start : start + 32], device)).float().cpu().numpy() for start in range(0, len(pixels), 32)]
    cost = {"macs": np.array(macs.stage, np.float64)}
    calibration = np.full(len(pixels), str(Split.CALIBRATION))
    outputs = Outputs.from_logits(np.concatenate(said, axis=1), labels, calibration, cost, topology=cascade.kind.value)
    tuned = outputs.tuning(Split.CALIBRATION)
    fitted = policy(POLICY).fit(tuned, tuned, "macs")  # this policy learns nothing on the fit split
    full = outputs.full_cost("macs")
    return {budget: fitted.solve(budget * full) for budget in budgets if budget * full >= fitted.cheapest}


@torch.inference_mode()
def stage_times(
    cascade: Cascade, image_size: tuple[int, int], device: torch.device, batch_sizes: Sequence[int], effort: Effort
) -> StageTimes:
    """Time every trunk and every head at every batch size, on noise."""
    found = np.empty((2, 2, len(batch_sizes), len(cascade.stages)))  # trunk and head; median and 95th percentile
    for i, size in enumerate(batch_sizes):
        pixels = np.random.default_rng(0).integers(0, 256, (size, *image_size, 3), dtype=np.uint8)
        image: State = (to_images(pixels, device),)
        state = image
        for k, stage in enumerate(cascade.stages):
            after = stage.trunk(state)
            for part, (module, given) in enumerate(((stage.trunk, state), (stage.head, after))):
                taken = _times(lambda module=module, given=given: module(given), device, effort)
                found[part, :, i, k] = np.percentile(taken, (50, 95))
            state = after if cascade.kind is Kind.CHAIN else image
    (trunk, trunk_p95), (head, head_p95) = found
    return StageTimes(tuple(batch_sizes), trunk, trunk_p95, head, head_p95)


def _times(run: Callable[[], object], device: torch.device, effort: Effort) -> list[float]:
    """Milliseconds of several runs, warmed up."""
    for _ in range(effort.warm_up):
        run()
    taken, until = [], time.perf_counter() + effort.seconds
    while len(taken) < effort.least or time.perf_counter() < until:
        taken.append(_milliseconds(run, device))
    return taken


def _milliseconds(run: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        return start.elapsed_time(end)
    begun = time.perf_counter()
    run()
    if device.type == "mps":
        torch.mps.synchronize()
    return 1e3 * (time.perf_counter() - begun)


def real_runs(
    cascade: Cascade,
    rules: Mapping[float, Rule],
    pixels: NDArray[np.uint8],
    macs: StageMacs,
    times: StageTimes,
    device: torch.device,
    batch_size: int,
    rounds: int,
) -> list[RealRun]:
    """Run the full network and every rule in turns over the same pictures, (examples, height, width, 3); the median round counts.

    batch_size: one of those in `times`
    """
    ids = np.arange(len(pixels))
    # Worked out once: it is the same for all, and finding it is no part of the running.
    chunk = chunk_size(cascade, pixels.shape[1:3], batch_size)
    routes: dict[float, Route] = {}
    full_seconds, seconds = [], {budget: [] for budget in rules}
    for _ in range(rounds):
        # Nothing need be waited for: both end by reading the device.
        begun = time.perf_counter()
        run_full(cascade, pixels, device, batch_size)
        full_seconds.append(time.perf_counter() - begun)
        for budget, rule in rules.items():
            begun = time.perf_counter()
            routes[budget] = execute(cascade, rule, ids, pixels.__getitem__, device, batch_size, chunk)
            seconds[budget].append(time.perf_counter() - begun)
    full = float(np.median(full_seconds))
    row = times.batch_sizes.index(batch_size)
    macs_each, ms_each = np.array(macs.stage), (times.trunk + times.head)[row]
    found = []
    for budget, taken in seconds.items():
        took = float(np.median(taken))
        reached = np.array([float((routes[budget].visited >> k & 1).mean()) for k in range(len(macs_each))])
        found.append(
            RealRun(
                batch_size=batch_size,
                budget=budget,
                cost=float(reached @ macs_each) / float(macs_each.sum() if cascade.kind is Kind.CHAIN else macs_each[-1]),
                reached=tuple(reached.tolist()),
                images_per_second=len(ids) / took,
                full_images_per_second=len(ids) / full,
                speed_up=full / took,
                ideal_by_macs=alone(macs.trunk, macs.head, cascade.kind) / float(reached @ macs_each),
                ideal_by_times=alone(times.trunk[row], times.head[row], cascade.kind) / float(reached @ ms_each),
            )
        )
    return found


@torch.inference_mode()
def run_full(cascade: Cascade, pixels: NDArray[np.uint8], device: torch.device, batch_size: int) -> NDArray[np.float32]:
    """The last exit's logits, (examples, classes), by a plain loop: pixels (examples, height, width, 3)."""
    said = []
    for start in range(0, len(pixels), batch_size):
        state: State = (to_images(pixels[start : start + batch_size], device),)
        for stage in cascade.stages if cascade.kind is Kind.CHAIN else cascade.stages[-1:]:
            state = stage.trunk(state)
        said.append(cascade.stages[-1].head(state).float())
    return torch.cat(said).cpu().numpy()


def alone(trunk: Sequence[float] | NDArray[np.float64], head: Sequence[float] | NDArray[np.float64], kind: Kind) -> float:
    """What the full network takes without the exits before its own: trunk, head (stages,) in any unit."""
    trunks = sum(trunk) if kind is Kind.CHAIN else trunk[-1]
    return float(trunks + head[-1])
