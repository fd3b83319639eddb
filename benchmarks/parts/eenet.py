"""EENet beside the rules of its paper."""

from collections.abc import Iterable

from benchmarks.parts.cells import in_percent, in_points, kind_of
from engine.analysis.intervals import mean_interval, paired_interval
from engine.analysis.sweep_intervals import expected_quality
from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.policies import POLICIES
from engine.sweep import run_sweep

#: The rules of BranchyNet, MSDNet and PABEE, which EENet's paper compares it with, and the bundles and budgets of that table.
RULES_OF_EENETS_PAPER = ("entropy", "maxprob", "patience")
BUNDLES_OF_EENETS_TABLE = ("sst2-minilm", "ag-news-minilm", "cifar10-resnet", "cifar10-msdnet", "cifar100-twenty-resnet")
BUDGETS_OF_EENETS_TABLE = (0.25, 0.5, 0.75)


def eenet() -> list[str]:
    bundles = [open_bundle(name) for name in BUNDLES_OF_EENETS_TABLE]
    examples = ", ".join(f"{bundle.outputs.test().examples:,} {kind_of(bundle)}s of `{bundle.id}`" for bundle in bundles)
    return [
        *eenet_table(bundles),
        "",
        f"EENet's test accuracy in percent, and its difference from each rule in points on the same examples ({examples}), with paired 95%"
        " intervals; bold where the interval leaves out zero. Knobs are set on calibration, for the same budget.",
    ]


def eenet_table(bundles: Iterable[Bundle]) -> list[str]:
    """EENet's test accuracy at some budgets, and the difference from it to each of the rules it was published against."""
    titles = [POLICIES[name].title for name in RULES_OF_EENETS_PAPER]
    lines = ["| bundle | budget | EENet | " + " | ".join(f"minus {title}" for title in titles) + " |", "|---" * (3 + len(titles)) + "|"]
    for bundle in bundles:
        test, budgets = bundle.outputs.test(), list(BUDGETS_OF_EENETS_TABLE)
        quality = {
            name: [expected_quality(rule, test) for rule in run_sweep(POLICIES[name], bundle.outputs, budgets).rules]
            for name in ("eenet", *RULES_OF_EENETS_PAPER)
        }
        for i, budget in enumerate(budgets):
            eenet = quality["eenet"][i]
            differences = (paired_interval(eenet, quality[name][i]) for name in RULES_OF_EENETS_PAPER)
            cells = [in_percent(mean_interval(eenet)), *map(in_points, differences)]
            lines.append(f"| `{bundle.id}` | {budget:.0%} | " + " | ".join(cells) + " |")
    return lines
