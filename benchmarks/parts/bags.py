"""Bag-of-Features exits beside plain heads on the same trunk: the claims of the papers, one table per data set.

Passalis et al. (MMSP 2020) say of Bag-of-Features exits with their rule: one interpretable knob, a more balanced use of the exits than
under earlier rules, and a better accuracy at a time. So both kinds of exits are compared under both rules, at the same compute: the alpha
rule, and one threshold on the top probability for all exits.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.parts.cells import in_percent, in_points
from benchmarks.parts.networks import parameters
from engine.analysis.intervals import Interval, mean_interval, paired_interval
from engine.analysis.sweep_intervals import expected_quality
from engine.balance import normalized_entropy
from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.policies import POLICIES
from engine.policies.methods.bof_alpha import AlphaRule, mean_correct_confidence
from engine.splits import Split
from engine.sweep import run_sweep

#: By name of the data set, as it begins the names of the two bundles.
SETS = {"doodles": "Doodles", "cifar10": "CIFAR-10", "cifar100-twenty": "CIFAR-100, twenty classes"}
#: How far each budget lies between the cost of the first exit, of the costlier kind, and that of the full network with plain heads.
PLACES = (0.2, 0.4, 0.6)
ALPHAS = (0.7, 0.9, 1.0, 1.05)
RULES = {"single_threshold": "one threshold", "bof_alpha": "alpha rule"}
TIME = "ms_batch_32"
RESAMPLES = 2_000  # of the bootstrap
HOW_READ = (
    "Budgets and costs are shares of the full network with plain heads. The first row of a budget is plain heads with one threshold;"
    " differences from it are paired, with 95% intervals, bold where the interval leaves out zero."
)


@dataclass(frozen=True, eq=False)
class Pair:
    """The same trunk with plain heads and with Bag-of-Features exits. unit: of cost"""

    heads: Bundle
    bags: Bundle
    unit: str = "macs"

    @classmethod
    def on(cls, dataset: str) -> "Pair":
        return cls(open_bundle(f"{dataset}-resnet"), open_bundle(f"{dataset}-bof"))

    @property
    def kinds(self) -> dict[str, Bundle]:
        return {"plain heads": self.heads, "bag of features": self.bags}

    @property
    def budgets(self) -> list[float]:
        """As shares of the full network with plain heads."""
        first = max(self.cost(bundle.outputs.test().mean_static_cost(self.unit)[0]) for bundle in self.kinds.values())
        return [first + place * (1 - first) for place in PLACES]

    def cost(self, spent: float) -> float:
        """As a share of the full network with plain heads."""
        return spent / self.heads.outputs.full_cost(self.unit)


@dataclass(frozen=True, eq=False)
class Spent:
    """One rule at one budget on test.

    exit:    where each image leaves, (examples,)
    quality: (examples,)
    cost:    mean, as a share of the full network with plain heads
    """

    exit: NDArray[np.integer]
    quality: NDArray[np.float64]
    cost: float
    exits: int

    @property
    def shares(self) -> NDArray[np.float64]:
        return np.bincount(self.exit, minlength=self.exits) / len(self.exit)


def spent(pair: Pair, bundle: Bundle, policy: str) -> list[Spent]:
    """At each budget, with the knob set on calibration."""
    full = pair.cost(bundle.outputs.full_cost(pair.unit))
    sweep, test = run_sweep(POLICIES[policy], bundle.outputs, [budget / full for budget in pair.budgets], pair.unit), bundle.outputs.test()
    costs = (sweep.cost * full).tolist()
    points = zip(sweep.rules, sweep.exit, costs, strict=True)
    return [Spent(exit, expected_quality(rule, test), cost, test.exits) for rule, exit, cost in points]


def entropy_of_shares(one: Spent, other: Spent | None = None) -> Interval:
    """Normalised entropy of the shares that leave at each exit, or its difference from that of another rule on the same images.

    With the 95% interval of a bootstrap over the images.
    """
    exits = one.exits
    pairs = np.bincount(one.exit.astype(np.int64) * exits + (0 if other is None else other.exit), minlength=exits * exits)
    images = len(one.exit)

    def of(counts: NDArray) -> NDArray[np.float64]:
        joint = counts.reshape(-1, exits, exits) / images
        value = normalized_entropy(joint.sum(axis=2))
        return value if other is None else value - normalized_entropy(joint.sum(axis=1))

    resampled = of(np.random.default_rng(0).multinomial(images, pairs / images, size=RESAMPLES))
    low, high = np.quantile(resampled, (0.025, 0.975))
    return Interval(float(of(pairs)[0]), float(low), float(high))


def in_hundredths(difference: Interval) -> str:
    """A difference of two entropies with its 95% interval; bold where it leaves out zero."""
    low, high = difference.ends
    text = f"{difference.estimate:+.2f} [{low:+.2f}, {high:+.2f}]"
    return f"**{text}**" if low > 0 or high < 0 else text


def claims_table(pair: Pair) -> list[str]:
    """Both kinds of exits under both rules, each beside plain heads with one threshold at the same budget."""
    heading = [
        "budget",
        "exits",
        "rule",
        "images by exit",
        "normalised entropy",
        "entropy, minus the first row's",
        "test accuracy",
        "accuracy, minus the first row's",
        "cost",
    ]
    lines = ["| " + " | ".join(heading) + " |", "|---" * len(heading) + "|"]
    runs = {(kind, rule): spent(pair, bundle, rule) for kind, bundle in pair.kinds.items() for rule in RULES}
    for i, budget in enumerate(pair.budgets):
        first = runs["plain heads", "single_threshold"][i]
        for (kind, rule), points in runs.items():
            one = points[i]
            is_first = one is first
            cells = [
                f"{budget:.0%}",
                kind,
                RULES[rule],
                " ".join(f"{share:.0%}" for share in one.shares),
                f"{entropy_of_shares(one).estimate:.2f}",
                "" if is_first else in_hundredths(entropy_of_shares(one, first)),
                in_percent(mean_interval(one.quality)),
                "" if is_first else in_points(paired_interval(one.quality, first.quality), mean_interval(one.quality)),
                f"{one.cost:.0%}",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def exits_alone_table(pair: Pair) -> list[str]:
    """Every exit on its own: what the other kind of exit changes in accuracy, on the same images, and what it costs."""
    tests = {kind: bundle.outputs.test() for kind, bundle in pair.kinds.items()}
    heads, bags = tests.values()
    lines = ["| | " + " | ".join(pair.heads.exit_names) + " |", "|---" * (heads.exits + 1) + "|"]
    rows: dict[str, list[str]] = {}
    for kind, test in tests.items():
        rows[f"{kind}: cost"] = [f"{pair.cost(cost):.0%}" for cost in test.mean_static_cost("macs")]
        rows[f"{kind}: test accuracy"] = [in_percent(mean_interval(of_exit)) for of_exit in test.quality]
    both = zip(bags.quality, heads.quality, strict=True)
    rows["difference"] = [in_points(paired_interval(*of_exit), mean_interval(of_exit[0])) for of_exit in both]
    return lines + [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]


def at_equal_time(pair: Pair) -> list[str]:
    """The same at equal time, as it was measured for each stage on the computer that measured both."""
    timed = replace(pair, unit=TIME)
    longer = timed.cost(timed.bags.outputs.full_cost(TIME)) - 1
    return [
        "",
        f"At equal time, in batches of 32, in which the full network with Bag-of-Features exits takes {longer:+.0%} time:",
        "",
        *claims_table(timed),
    ]


def knob_table(pairs: dict[str, Pair]) -> list[str]:
    """What the knob gives at the same few settings on all data sets."""
    lines = ["| data set | exits | " + " | ".join(f"alpha {alpha:g}" for alpha in ALPHAS) + " |", "|---" * (2 + len(ALPHAS)) + "|"]
    for title, pair in pairs.items():
        for kind, bundle in pair.kinds.items():
            test, cells = bundle.outputs.test(), []
            for alpha in ALPHAS:
                route = AlphaRule(alpha, mean_correct_confidence(bundle.outputs.tuning(Split.FIT)), math.nan).route(test)
                lost = paired_interval(route.known_quality, test.quality[test.full])
                even = float(normalized_entropy(route.shares(test.exits)))
                cells.append(f"{pair.cost(route.mean_cost(test, 'macs')):.0%}, {in_points(lost)}, {even:.2f}")
            lines.append(f"| {title} | {kind} | " + " | ".join(cells) + " |")
    return lines


def plain_and_bags() -> list[str]:
    pairs = {title: Pair.on(dataset) for dataset, title in SETS.items()}
    lines = [
        *knob_table(pairs),
        "",
        "Each cell: cost as a share of the full network with plain heads, difference from the full network of the same kind in points with"
        " its paired 95% interval (bold where it leaves out zero), and normalised entropy of the shares that leave at each exit: 1 if all"
        " exits are used alike.",
    ]
    for title, pair in pairs.items():
        extra = parameters(pair.bags) - parameters(pair.heads)
        more = pair.cost(pair.bags.outputs.full_cost("macs")) - 1
        lines += [
            "",
            f"### {title}",
            "",
            *exits_alone_table(pair),
            "",
            *claims_table(pair),
            "",
            f"{pair.heads.outputs.test().examples:,} test images. {HOW_READ} Bag-of-Features exits change the number of parameters by"
            f" {extra:+,} and the compute of the full network by {more:+.1%}.",
            *at_equal_time(pair),
        ]
    return lines
