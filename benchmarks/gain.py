"""How much policies gain over chance where quality is graded, and how much of what could be gained that is.

    python benchmarks/gain.py [BUNDLE] [--budgets 0.3,0.5,0.7] [--policies single_threshold,maxprob,bolukbasi] [--quality NAME] [--save]

Every policy is set on calibration and compared, on the test examples, at the cost that it really spends there, with
    the random mix   the expectation over two static exits, mixed so that they cost the same
    the oracle       the best exits for the same mean cost, found with the labels of the test examples: a bound
The gain is a paired difference in points; what an example costs more or less than the mean is priced at the slope of the mix. The share is
that of the gap between the mix and the oracle. Intervals are 95 % ones: Student's t, and for the share a bootstrap over the examples.
With --save, the report of another bundle than scenes is kept in results/gain-BUNDLE.txt.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/gain.py`

from benchmarks.options import run
from benchmarks.report import Report
from engine.analysis.intervals import Interval, paired_interval
from engine.bundle.library import open_bundle
from engine.errors import UserError
from engine.exit_values import by_example
from engine.front import concave_hull
from engine.outputs import Outputs
from engine.policies import policy
from engine.policies.core.base import Rule
from engine.splits import Split
from engine.sweep import run_sweep

#: Resamples of the bootstrap, and halvings of the interval in which the oracle's price lies.
RESAMPLES, HALVINGS = 2_000, 60


@dataclass(frozen=True, eq=False)
class Spent:
    """What is worth what at some mean cost. quality, cost: (examples,), cost as a share of the full network's mean"""

    quality: NDArray[np.float64]
    cost: NDArray[np.float64]


def expectation(rule: Rule, test: Outputs, unit: str) -> Spent:
    """A rule on the test examples, as the expectation over its parts."""
    quality, cost = np.zeros(test.examples), np.zeros(test.examples)
    for weight, part in rule.parts():
        route = part.route(test)
        quality += weight * route.known_quality
        cost += weight * route.cost(test.cost_in(unit)) / test.full_cost(unit)
    return Spent(quality, cost)


def mix_at(outputs: Outputs, test: Outputs, unit: str, budget: float) -> tuple[Spent, float]:
    """The random mix with this mean cost on the test examples, and the slope of its quality there. The hull is that of calibration."""
    calibration = outputs.tuning(Split.CALIBRATION)
    cost = by_example(test.static_cost(unit) / test.full_cost(unit)) * np.ones(test.examples)  # (exits, examples)
    hull = concave_hull(calibration.mean_static_cost(unit), calibration.quality.mean(axis=1, dtype=np.float64))
    means = cost.mean(axis=1)[hull]
    place = int(np.clip(np.searchsorted(means, budget), 1, len(hull) - 1))
    cheap, costly = hull[place - 1], hull[place]
    share = float(np.clip((budget - means[place - 1]) / (means[place] - means[place - 1]), 0, 1))
    worth = test.quality.astype(np.float64)
    slope = (worth[costly].mean() - worth[cheap].mean()) / (means[place] - means[place - 1])
    return Spent((1 - share) * worth[cheap] + share * worth[costly], (1 - share) * cost[cheap] + share * cost[costly]), float(slope)


def oracle_at(test: Outputs, unit: str, budget: float) -> Spent:
    """The best exits with this mean cost: each example leaves where its quality, less a price of cost, is best. Two prices are mixed."""
    cost = by_example(test.static_cost(unit) / test.full_cost(unit)) * np.ones(test.examples)
    worth = test.quality.astype(np.float64)

    def at(price: float) -> Spent:
        exit = (worth - price * cost).argmax(axis=0)[None]
        return Spent(np.take_along_axis(worth, exit, axis=0)[0], np.take_along_axis(cost, exit, axis=0)[0])

    low, high = 0.0, 1e6  # prices; the higher one spends less
    if at(low).cost.mean() <= budget:
        return at(low)
    for _ in range(HALVINGS):
        middle = np.sqrt(max(low, 1e-9) * high)
        low, high = (middle, high) if at(middle).cost.mean() > budget else (low, middle)
    more, less = at(low), at(high)
    spread = more.cost.mean() - less.cost.mean()
    share = float(np.clip((budget - less.cost.mean()) / spread, 0, 1)) if spread > 0 else 0.0
    return Spent((1 - share) * less.quality + share * more.quality, (1 - share) * less.cost + share * more.cost)


def share_of_gap(gain: NDArray[np.float64], gap: NDArray[np.float64]) -> Interval:
    """The mean gain as a share of the mean gap, with a bootstrap interval over the examples. gain, gap: (examples,)"""
    rng = np.random.default_rng(0)
    weights = rng.multinomial(len(gain), np.full(len(gain), 1 / len(gain)), size=RESAMPLES)
    low, high = np.quantile((weights @ gain) / (weights @ gap), (0.025, 0.975))
    return Interval(float(gain.mean() / gap.mean()), float(low), float(high))


def as_budgets(text: str) -> list[float]:
    try:
        budgets = [float(part) for part in text.split(",")]
    except ValueError:
        budgets = []
    if not budgets or not all(0 < budget <= 1 for budget in budgets):
        raise UserError(f"--budgets is {text!r}, expected shares of the full network such as 0.3,0.5.")
    return budgets


def main() -> None:
    report = Report("gain")
    parser = report.arguments(__doc__)
    parser.add_argument("bundle", nargs="?", default="scenes", metavar="BUNDLE", help="id or path; default: scenes")
    parser.add_argument("--budgets", default="0.3,0.5,0.7", metavar="SHARES", help="default: 0.3,0.5,0.7")
    parser.add_argument("--policies", default="single_threshold,maxprob,bolukbasi", metavar="NAMES", help="separated by commas")
    parser.add_argument("--quality", metavar="NAME", help="one of several qualities; default: the one that the bundle is judged by")
    given = parser.parse_args()
    budgets, names = as_budgets(given.budgets), given.policies.split(",")
    bundle = open_bundle(given.bundle)
    if bundle.id != "scenes":
        report.path = report.path.with_stem(f"gain-{bundle.id}")
    outputs = bundle.outputs if given.quality is None else bundle.outputs.with_quality(given.quality)
    test, unit = outputs.test(), outputs.default_unit
    report.begin(torch.device("cpu"), f"{bundle.id}, {outputs.quality_name or 'quality'}, {test.examples:,} test examples, cost in {unit}")
    exits = ", ".join(f"{100 * quality:.1f}" for quality in test.quality.mean(axis=1, dtype=np.float64))
    spent = ", ".join(f"{100 * share:.0f} %" for share in test.mean_static_cost(unit) / test.full_cost(unit))
    report.say(f"quality of the exits in points: {exits}; at {spent} of the cost")
    report.say("policy               budget   spent  quality     mix  oracle     gain over the mix     share of the gap")
    for name in names:
        swept = run_sweep(policy(name), outputs, budgets, unit)
        for budget, rule in zip(budgets, swept.rules, strict=True):
            own = expectation(rule, test, unit)
            cost = float(own.cost.mean())
            mix, slope = mix_at(outputs, test, unit, cost)
            best = oracle_at(test, unit, cost)
            gain = paired_interval(own.quality - slope * (own.cost - cost), mix.quality - slope * (mix.cost - cost))
            share = share_of_gap(own.quality - mix.quality - slope * (own.cost - mix.cost), best.quality - mix.quality)
            ends = f"{100 * gain.estimate:+5.2f} [{100 * gain.low:+5.2f}, {100 * gain.high:+5.2f}]"
            part = f"{100 * share.estimate:+4.0f} % [{100 * share.low:+4.0f}, {100 * share.high:+4.0f}]"
            means = "  ".join(f"{100 * one.quality.mean():6.2f}" for one in (own, mix, best))
            report.say(f"{name:20} {100 * budget:5.0f} %  {100 * cost:4.1f} %  {means}  {ends}  {part}")
    report.say("Points are hundredths of quality. The oracle reads the labels of the examples that it decides about.")
    report.keep(given.save)


if __name__ == "__main__":
    run(main)
