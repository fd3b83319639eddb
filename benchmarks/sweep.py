"""How long evaluating threshold policies takes, compared with a plain loop and with a single pass over the memory they read.

    python benchmarks/sweep.py [--examples 50000] [--rounds 9] [--save]

Times are CPU seconds of one thread, the best of several rounds. The methods take turns, so that other programs on the machine slow them
equally and the ratios are reliable. Before timing, the counts of every method are compared with those of the plain loop.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is loaded: one core is measured

import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/sweep.py`

from benchmarks.options import run
from benchmarks.report import Report
from engine.commands.arguments import positive
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.core.thresholds import first_sure_exit
from engine.route_changes import Changes
from engine.splits import Split
from engine.sweep import run_sweep
from engine.thresholds.bits import PackedBits
from engine.thresholds.counts import Counts
from engine.thresholds.curve import ExactCurve
from engine.thresholds.grid import Grid
from engine.thresholds.levels import quantile_levels
from engine.thresholds.ranks import Ranked
from tests.engine.thresholds.reference import walk
from tests.synthetic import outputs

EXITS, CLASSES = 5, 10
LEVELS, GRID_LEVELS, BUDGETS = 256, 32, 40
LOOPED, FEW, MANY = 4, 1_000, 10_000
GATES = range(EXITS - 1)


def best_times(methods: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """CPU seconds of each method, the best of all rounds."""
    best = dict.fromkeys(methods, np.inf)
    for _ in range(rounds):
        for name, method in methods.items():
            start = time.thread_time()
            method()
            best[name] = min(best[name], time.thread_time() - start)
    return best


def evaluation(examples: Outputs, rounds: int) -> list[str]:
    """Time one policy, thousands of policies, a whole grid and a whole curve."""
    scores, correct = np.ascontiguousarray(examples.scores["maxprob"]), np.ascontiguousarray(examples.correct)
    macs, ms = examples.cascade_cost("macs"), examples.cascade_cost("latency_ms")
    levels, coarse = quantile_levels(scores, LEVELS), quantile_levels(scores, GRID_LEVELS)
    cuts = np.random.default_rng(0).integers(1, LEVELS - 1, size=(MANY, EXITS - 1))
    one = levels[GATES, cuts[0]]
    tensors = torch.from_numpy(scores.copy()), torch.from_numpy(correct.copy())
    ranked, packed = Ranked.of(scores, correct), PackedBits.pack(scores, correct, levels)
    grid, curve = Grid.of(scores, correct, coarse), ExactCurve.of(scores)
    counted, table = packed.counts(cuts), curve.counts(correct)

    for setting, leaving, good in zip(cuts[:2], counted.leaving, counted.correct, strict=False):
        on_grid, step = setting * GRID_LEVELS // LEVELS, int(setting[0]) * len(curve.levels) // LEVELS
        for thresholds, counts in (
            (levels[GATES, setting], Counts(leaving, good, len(scores[0]))),
            (coarse[GATES, on_grid], grid.counts(on_grid)),
            (np.full(EXITS - 1, curve.levels[step]), Counts(table.leaving[step], table.correct[step], len(scores[0]))),
        ):
            masks = ranked.counts(ranked.cuts(thresholds))
            tallies = [(each.leaving.tolist(), each.correct.tolist()) for each in (counts, masks)]
            if not tallies[0] == tallies[1] == walk(scores, correct, thresholds):
                raise AssertionError("the counts of a fast method differ from those of the plain loop")

    def by_numpy() -> tuple:
        exit = first_sure_exit(scores, one)
        return np.take_along_axis(correct, exit[None], axis=0).mean(), macs[exit].mean()

    def whole_grid() -> tuple:
        counts = Grid.of(scores, correct, coarse)
        return counts.accuracy(), counts.mean_cost(macs)

    def whole_curve() -> tuple:
        steps = ExactCurve.of(scores)
        return steps.accuracy(correct), steps.mean_cost(macs)

    # Every policy must at least read its data once: a row of bits for every threshold and for the correct predictions of every exit.
    words = (2 * EXITS - 1) * -(-len(scores[0]) // 64)
    read = np.broadcast_to(packed.stays.ravel()[:words], (32, words))
    one_cut = ranked.cuts(one)
    # The later examples leave, the longer a loop takes, so it is timed on several of the policies that the other methods evaluate.
    some = levels[GATES, cuts[:LOOPED]]
    loops = best_times(
        {"tensors": lambda: [walk(*tensors, each) for each in some], "arrays": lambda: [walk(scores, correct, each) for each in some]}, 2
    )
    loops = {name: seconds / LOOPED for name, seconds in loops.items()}
    times = best_times(
        {
            "floor": lambda: np.bitwise_or.reduce(read, axis=1),
            "numpy": by_numpy,
            "masks": lambda: ranked.counts(one_cut),
            "few": lambda: PackedBits.pack(scores, correct, levels).counts(cuts[:FEW]),
            "many": lambda: PackedBits.pack(scores, correct, levels).counts(cuts),
            "packed": lambda: packed.counts(cuts),
            "grid": whole_grid,
            "curve": whole_curve,
            "axis, bits": lambda: counted.mean_cost(ms),
            "axis, grid": lambda: grid.mean_cost(ms),
            "axis, curve": lambda: curve.mean_cost(ms),
        },
        rounds,
    )
    floor, cells, steps = times["floor"] / 32, GRID_LEVELS ** (EXITS - 1), len(curve.levels)
    rows = [
        ("plain loop over tensors, as in evaluation scripts", loops["tensors"], 1),
        ("plain loop over arrays", loops["arrays"], 1),
        ("one policy, numpy", times["numpy"], 1),
        ("one policy, masks on ranks", times["masks"], 1),
        (f"{FEW:,} policies, packed bits, packing included", times["few"], FEW),
        (f"{MANY:,} policies, packed bits, packing included", times["many"], MANY),
        (f"{MANY:,} policies, packed bits, already packed", times["packed"], MANY),
        (f"{cells:,} policies, grid, everything included", times["grid"], cells),
        (f"{steps:,} thresholds, exact curve, everything included", times["curve"], steps),
        ("floor: one pass over a policy's packed bits", floor, 1),
    ]
    lines = [f"{'':58}{'in total':>10}{'per policy':>11}{'speed-up':>13}{'of floor':>12}"]
    for name, seconds, policies in rows:
        each = seconds / policies
        lines.append(f"{name:58}{readable(seconds):>10}{readable(each):>11}{loops['tensors'] / each:13,.0f}{each / floor:12,.2f}")
    return [
        *lines,
        "Speed-up: over the plain loop over tensors. Grid and curve read the examples once for all policies, so the floor is no limit.",
        "",
        aim("packed bits, 10,000 policies, speed-up per policy over the loop over tensors", loops["tensors"] * MANY / times["many"], 1e5),
        aim("grid, speed-up per policy over the loop over tensors", loops["tensors"] * cells / times["grid"], 1e5),
        aim("grid, speed-up per policy over the loop over arrays", loops["arrays"] * cells / times["grid"], 1e5),
        aim("packed bits, time per policy as a multiple of the floor", times["packed"] / MANY / floor, 15, at_most=True),
        aim("whole exact curve, ms", 1e3 * times["curve"], 20, at_most=True),
        f"Another cost axis, without a sweep: {MANY:,} policies {readable(times['axis, bits'])}, grid {readable(times['axis, grid'])},"
        f" curve {readable(times['axis, curve'])}.",
    ]


def free_thresholds(whole: Outputs, rounds: int) -> list[str]:
    """Time the optimisation for 40 budgets, and compare accuracies with those of policies with one knob."""
    lines = [f"{'':20}{'fit + ' + str(BUDGETS) + ' budgets':>18}   mean accuracy over the budgets, calibration / test, in %"]
    for per_split in (len(whole.labels) // 30, len(whole.labels) // 3):
        rows = np.concatenate([np.flatnonzero(whole.split == split)[:per_split] for split in (Split.FIT, Split.CALIBRATION)])
        some = whole.take(np.concatenate([rows, np.flatnonzero(whole.split == Split.TEST)]))
        calibration = some.tuning(Split.CALIBRATION)
        budgets = np.linspace(calibration.cascade_cost("macs")[0], calibration.cascade_cost("macs")[-1], BUDGETS)

        def solve(policy, calibration=calibration, budgets=budgets) -> None:
            fitted = policy.fit(calibration, calibration, "macs")
            for budget in budgets:
                fitted.solve(budget)

        seconds = best_times({"free": lambda solve=solve: solve(POLICIES["free_thresholds"])}, max(2, rounds // 3))["free"]
        sweeps = {
            name: run_sweep(POLICIES[name], some, budgets / budgets[-1]) for name in ("free_thresholds", "maxprob", "single_threshold")
        }
        accuracies = ", ".join(
            f"{name} {100 * each.calibration_accuracy.mean():.2f} / {100 * each.accuracy.mean():.2f}" for name, each in sweeps.items()
        )
        lines.append(f"{calibration.examples:>9,} examples{'':2}{readable(seconds):>17}   {accuracies}")
    return [*lines, aim("free thresholds for 40 budgets, s", seconds, 1, at_most=True)]


def storage(whole: Outputs) -> list[str]:
    """How much memory the exits of all test examples at many budgets take, and how fast they are looked up."""
    lines = [f"{'exits of every example':32}{'table':>10}{'zipped':>10}{'changes':>10}{'zipped':>10}{'one budget':>13}"]
    for name in ("single_threshold", "free_thresholds"):
        for points in (41, 101):
            exits = run_sweep(POLICIES[name], whole, points).exit
            changes = Changes.between({"exit": exits})
            if not all((changes.at(step)["exit"] == exits[step]).all() for step in range(points)):
                raise AssertionError("the change lists do not give back the exits")
            arrays = b"".join(array.tobytes() for array in (changes.first["exit"], changes.step, changes.example, changes.then["exit"]))
            times = best_times({"at": lambda c=changes: c.at(20)}, 5)
            sizes = (exits.nbytes, len(zlib.compress(exits.tobytes())), changes.nbytes, len(zlib.compress(arrays)))
            lines.append(
                f"{name + f', {points} budgets':32}" + "".join(f"{size / 1e3:7,.0f} kB" for size in sizes) + f"{readable(times['at']):>13}"
            )
    return lines


def aim(what: str, value: float, wanted: float, at_most: bool = False) -> str:
    met = value <= wanted if at_most else value >= wanted
    return f"Aim: {what}: {value:,.3g}, {'at most' if at_most else 'at least'} {wanted:,.0f}: {'met' if met else 'MISSED'}."


def readable(seconds: float) -> str:
    unit, size = next((each for each in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)) if seconds >= each[1]), ("ns", 1e-9))
    return f"{seconds / size:.3g} {unit}"


def main() -> None:
    report = Report("sweep")
    parser = report.arguments(__doc__)
    parser.add_argument("--examples", type=positive, default=50_000, metavar="N", help="examples of each split (default: 50000)")
    parser.add_argument("--rounds", type=positive, default=9, metavar="N", help="rounds, of which the best is reported (default: 9)")
    given = parser.parse_args()
    whole = outputs(examples=3 * given.examples, exits=EXITS, classes=CLASSES)
    how = f"numpy {np.__version__}; CPU time of one thread, best of {given.rounds} rounds"
    report.begin(torch.device("cpu"), how)
    report.say(f"{given.examples:,} made-up examples x {EXITS} exits, {CLASSES} classes")
    for part in (
        lambda: evaluation(whole.tuning(Split.CALIBRATION), given.rounds),
        lambda: free_thresholds(whole, given.rounds),
        lambda: storage(whole),
    ):
        report.say("", *part())
    report.keep(given.save)


if __name__ == "__main__":
    run(main)
