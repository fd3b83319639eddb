"""Bag-of-Features exits beside plain heads."""

import math

from benchmarks.parts.cells import in_percent
from benchmarks.parts.networks import parameters
from engine.analysis.intervals import mean_interval
from engine.balance import normalized_entropy
from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.policies.methods.bof_alpha import AlphaRule, mean_correct_confidence
from engine.splits import Split

ALPHAS = (0.7, 0.9, 1.05)


def plain_and_bags() -> list[str]:
    heads, bags = (open_bundle(f"cifar10-{name}") for name in ("resnet", "bof"))
    extra = parameters(bags) - parameters(heads)
    more = bags.outputs.full_cost("macs") / heads.outputs.full_cost("macs") - 1
    return [
        *bags_table(heads, bags),
        "",
        f"{bags.outputs.test().examples:,} test images; costs are shares of the full network with plain heads. Bag-of-Features exits change"
        f" the number of parameters by {extra:+,} and the compute of the full network by {more:+.1%}.",
    ]


def bags_table(heads: Bundle, bags: Bundle) -> list[str]:
    """Plain heads compared with Bag-of-Features exits on the same trunk, under the alpha rule at a few settings fixed beforehand."""
    lines = ["| alpha | exits | images by exit | evenness | test accuracy | cost |", "|---" * 6 + "|"]
    for alpha in ALPHAS:
        for name, bundle in (("plain heads", heads), ("bag of features", bags)):
            test = bundle.outputs.test()
            route = AlphaRule(alpha, mean_correct_confidence(bundle.outputs.tuning(Split.FIT)), math.nan).route(test)
            shares = route.shares(test.exits)
            cost = route.mean_cost(test, "macs") / heads.outputs.full_cost("macs")
            leaving = " ".join(f"{share:.0%}" for share in shares)
            accuracy = in_percent(mean_interval(route.known_quality))
            lines.append(f"| {alpha:g} | {name} | {leaving} | {float(normalized_entropy(shares)):.2f} | {accuracy} | {cost:.0%} |")
    return lines
