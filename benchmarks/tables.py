"""Prints the result tables of README.md and docs/ from the shipped bundles. None of them is typed by hand.

python benchmarks/tables.py [--only PART ...] [--write]
"""

import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from anywhere as `python benchmarks/tables.py`

from benchmarks.options import Options, run
from engine.analysis.factors import factor_by_exit
from engine.analysis.intervals import Interval, mean_interval, paired_interval
from engine.analysis.speed_up import (
    COMPARED,
    LOSSES,
    SpeedUp,
    candidates,
    cheapest_within,
    full_accuracy,
    judged_again,
    on_test,
    speed_ups,
)
from engine.analysis.sweep_intervals import expected_quality, sweep_intervals
from engine.balance import normalized_entropy
from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.front import concave_hull
from engine.masks.overlap import MEAN_IOU, PIXEL_ACCURACY, Overlap
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.methods.bof_alpha import AlphaRule, mean_correct_confidence
from engine.recipes import recipe
from engine.splits import Split
from engine.sweep import Sweep, run_sweep

ROOT = Path(__file__).resolve().parents[1]
#: The documents that contain the tables, each between the marks of its part.
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BUDGETS = (0.15, 0.25, 0.5, 0.75)
ALPHAS = (0.7, 0.9, 1.05)
RESAMPLES = 2_000  # of the bootstrap
#: What README.md shows: the baseline, the method most often deployed, those of the papers this project began with, and the bound.
FIRST = ("random_mix", "maxprob", "bolukbasi", "eenet", "bof_alpha", "oracle")

#: The rules of BranchyNet, MSDNet and PABEE, which EENet's paper compares it with, and the bundles and budgets of that table.
RULES_OF_EENETS_PAPER = ("entropy", "maxprob", "patience")
BUNDLES_OF_EENETS_TABLE = ("sst2-minilm", "ag-news-minilm", "cifar10-resnet", "cifar10-msdnet", "cifar100-twenty-resnet")
BUDGETS_OF_EENETS_TABLE = (0.25, 0.5, 0.75)


def in_percent(accuracy: Interval) -> str:
    """An accuracy with half the width of its 95% interval, in percent."""
    return f"{100 * accuracy.estimate:.1f} ± {100 * accuracy.half_width:.1f}"


def in_points(difference: Interval) -> str:
    """A difference of two accuracies with half the width of its 95% interval, in points; bold where the interval does not reach zero."""
    text = f"{100 * difference.estimate:+.1f} ± {100 * difference.half_width:.1f}"
    low, high = difference.ends
    return f"**{text}**" if low > 0 or high < 0 else text


def full_in_percent(bundle: Bundle) -> str:
    """The accuracy of the full network."""
    test = bundle.outputs.test()
    return in_percent(mean_interval(test.quality[test.full]))


def policies_table(bundle: Bundle, names: Iterable[str], budgets: Sequence[float] = BUDGETS) -> list[str]:
    """Test accuracy at some budgets and the cost actually spent, one row per policy."""
    lines = ["| policy | " + " | ".join(f"budget {budget:.0%}" for budget in budgets) + " |", "|---" * (len(budgets) + 1) + "|"]
    for name in names:
        policy = POLICIES[name]
        if policy.unavailable_reason(bundle.outputs):
            continue
        sweep = run_sweep(policy, bundle.outputs, list(budgets))
        intervals = sweep_intervals(sweep, bundle.outputs.test())
        cells = [cell(*point) for point in zip(intervals.accuracy, intervals.difference, sweep.cost.tolist(), strict=True)]
        title = policy.title if policy.deployable else f"*{policy.title}, knows the labels*"
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def hull_row(bundle: Bundle) -> str:
    """The accuracy of mixing static exits, read from their hull on test: the most generous form of the baseline."""
    test = bundle.outputs.test()
    cost, quality = test.mean_static_cost("macs") / test.full_cost("macs"), test.quality.astype(float)
    hull = concave_hull(cost, quality.mean(axis=1))
    cells = []
    for budget in BUDGETS:
        above = int(np.searchsorted(cost[hull], budget).clip(1, len(hull) - 1))
        cheap, costly = hull[above - 1], hull[above]
        share = np.clip((budget - cost[cheap]) / (cost[costly] - cost[cheap]), 0, 1)
        mixed = (1 - share) * quality[cheap] + share * quality[costly]
        cells.append(cell(mean_interval(mixed), paired_interval(mixed, quality[test.full]), budget))
    return "| *Hull of the static exits, chosen on test* | " + " | ".join(cells) + " |"


def cell(accuracy: Interval, difference: Interval, cost: float) -> str:
    return f"{in_percent(accuracy)}, {100 * difference.estimate:+.1f} ± {100 * difference.half_width:.1f} ({cost:.0%})"


def kind_of(bundle: Bundle) -> str:
    return "text" if bundle.reads_texts else "image"


def how_read(bundle: Bundle) -> str:
    """What the numbers in a table mean."""
    kind = kind_of(bundle)
    return (
        f"Test accuracy in percent on {bundle.outputs.test().examples:,} {kind}s with its 95% interval, the difference from the"
        " full network in points with its paired 95% interval, and in brackets the share of the full network's compute that was spent;"
        f" knobs are set on calibration. The full network reaches {full_in_percent(bundle)}. Random mix, the baseline, does not look at"
        f" the {kind}."
        f" Outputs computed on: {bundle.provenance.get('device', 'unknown')}."
    )


def exits_table(bundle: Bundle, sweep: Sweep) -> list[str]:
    """Cost and accuracy of every exit, and the images that leave there at the budgets of a sweep."""
    test = bundle.outputs.test()
    kind = kind_of(bundle)
    difficulty, _ = factor_by_exit(sweep.exit, test.factors["difficulty"], test.exits)
    lines = ["| | " + " | ".join(bundle.exit_names) + " |", "|---" * (test.exits + 1) + "|"]
    rows = {
        "cost, share of the full network's": [f"{cost:.0%}" for cost in sweep.static_cost],
        f"test accuracy if every {kind} leaves there": [f"{accuracy:.1%}" for accuracy in sweep.static_accuracy],
    }
    for i, budget in enumerate(sweep.budgets):
        rows[f"{kind}s that leave there at a budget of {budget:.0%}"] = [f"{share:.0%}" for share in sweep.shares[i]]
        rows[f"mean difficulty of these {kind}s at {budget:.0%}"] = [f"{mean:.2f}" for mean in difficulty[i]]
    return lines + [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]


def networks_table(bundles: Iterable[Bundle]) -> list[str]:
    """The cost of each network, and the accuracy of each exit if every image leaves there."""
    lines = ["| network | MMACs | parameters | exits, share of the cost: test accuracy | full network |", "|---" * 5 + "|"]
    for bundle in bundles:
        test = bundle.outputs.test()
        alone = test.mean_static_cost("macs") / test.full_cost("macs")
        exits = ", ".join(f"{cost:.0%}: {100 * correct:.1f}" for cost, correct in zip(alone, test.correct.mean(axis=1), strict=True))
        size = f"{test.full_cost('macs') / 1e6:.0f} | {parameters(bundle) / 1e6:.1f} M"
        lines.append(f"| `{bundle.id}` | {size} | {exits} | {full_in_percent(bundle)} |")
    return lines


def parameters(bundle: Bundle) -> int:
    return sum(parameter.numel() for parameter in recipe(bundle.id).cascade().parameters())


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


def masks_table(bundle: Bundle) -> list[str]:
    """Cost and quality of every exit that gives masks, per picture and over the whole data set."""
    test = bundle.outputs.test()
    assert test.overlap is not None
    lines = ["| | " + " | ".join(bundle.exit_names) + " |", "|---" * (test.exits + 1) + "|"]
    rows = {"cost, share of the full network's": [f"{cost:.0%}" for cost in test.mean_static_cost("macs") / test.full_cost("macs")]}
    for quality, name in ((PIXEL_ACCURACY, "accuracy of the pixels of a picture"), (MEAN_IOU, "mean IoU of a picture")):
        rows[name] = [in_percent(mean_interval(one_exit)) for one_exit in test.qualities[quality]]
    rows["mean IoU of the data set"] = [
        f"{100 * one_exit.estimate:.1f} [{100 * one_exit.low:.1f}, {100 * one_exit.high:.1f}]" for one_exit in set_iou(test.overlap)
    ]
    for name, of_exits in zip(bundle.class_names, test.overlap.iou_of_the_set().T, strict=True):
        rows[f"IoU of {name}"] = [f"{100 * share:.0f}" for share in of_exits]
    return lines + [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]


def set_iou(overlap: Overlap) -> list[Interval]:
    """The mean over the classes of intersection over union, each summed over all pictures, with a bootstrap interval, for every exit."""
    examples, rng = overlap.union.shape[1], np.random.default_rng(0)
    weights = rng.multinomial(examples, np.full(examples, 1 / examples), size=RESAMPLES).astype(np.float64)  # (resamples, examples)
    intervals = []
    for estimate, intersection, union in zip(overlap.iou_of_the_set(), overlap.intersection, overlap.union, strict=True):
        means = np.nanmean(weights @ intersection / (weights @ union), axis=1)
        low, high = np.quantile(means, (0.025, 0.975))
        intervals.append(Interval(float(np.nanmean(estimate)), float(low), float(high)))
    return intervals


def results() -> list[str]:
    bundle = open_bundle("doodles")
    return [
        *policies_table(bundle, FIRST),
        "",
        how_read(bundle),
    ]


def exits() -> list[str]:
    bundle = open_bundle("doodles")
    return exits_table(bundle, run_sweep(POLICIES["maxprob"], bundle.outputs, [0.25, 0.5]))


def methods() -> list[str]:
    bundle = open_bundle("doodles")
    return [*policies_table(bundle, POLICIES), hull_row(bundle), "", how_read(bundle)]


def cifar10() -> list[str]:
    dense, heads, bags, family = (open_bundle(f"cifar10-{name}") for name in ("msdnet", "resnet", "bof", "family"))
    return [
        *networks_table((dense, heads, bags, family)),
        "",
        "Network selection, `cifar10-family`:",
        "",
        *policies_table(family, FIRST, (0.15, 0.25, 0.35, 0.5)),
        "",
        how_read(family),
        "",
        "Early exits of one network, `cifar10-msdnet`:",
        "",
        *policies_table(dense, FIRST, (0.2, 0.3, 0.4, 0.6)),
        "",
        how_read(dense),
    ]


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


def sentences() -> list[str]:
    bundles = [open_bundle(f"{name}-minilm") for name in ("sst2", "ag-news")]
    lines = [*networks_table(bundles)]
    for bundle in bundles:
        lines += ["", f"`{bundle.id}`:", "", *policies_table(bundle, FIRST, (0.25, 0.5, 0.75)), "", how_read(bundle)]
    return lines


def phrases() -> list[str]:
    bundle = open_bundle("phrases")
    return [
        *networks_table([bundle]),
        "",
        *exits_table(bundle, run_sweep(POLICIES["maxprob"], bundle.outputs, [0.4, 0.6])),
        "",
        *policies_table(bundle, FIRST, (0.3, 0.5, 0.7)),
        "",
        how_read(bundle),
    ]


def twenty() -> list[str]:
    bundle = open_bundle("cifar100-twenty-resnet")
    return [*networks_table([bundle]), "", *policies_table(bundle, FIRST, (0.25, 0.5, 0.75)), "", how_read(bundle)]


def eenet() -> list[str]:
    bundles = [open_bundle(name) for name in BUNDLES_OF_EENETS_TABLE]
    examples = ", ".join(f"{bundle.outputs.test().examples:,} {kind_of(bundle)}s of `{bundle.id}`" for bundle in bundles)
    return [
        *eenet_table(bundles),
        "",
        f"EENet's test accuracy in percent, and its difference from each rule in points on the same examples ({examples}), with paired 95%"
        " intervals; bold where the interval leaves out zero. Knobs are set on calibration, for the same budget.",
    ]


def has_top_5(bundle: Bundle) -> bool:
    return bundle.outputs.has_classes and bundle.outputs.classes > 5 and bundle.outputs.logits is not None


def quality_words(outputs: Outputs) -> str:
    """What exits are judged by."""
    if outputs.has_classes:
        return "top-1 accuracy"
    return "mean IoU" if outputs.quality_name == MEAN_IOU else "mean quality" if outputs.is_graded else "accuracy"


def speed_up_cell(result: SpeedUp) -> str:
    """The speed-up with its interval, unless all examples cost the same, and the loss in points with half the width of its interval."""
    faster, lost = result.speed_up, 100 * result.loss.estimate + 0.0  # 0, not -0
    reach = f" [{faster.low:.2f}, {faster.high:.2f}]" if faster.half_width >= 5e-3 else ""
    return f"**{faster.estimate:.2f}**{reach}, {lost:.2f} ± {100 * result.loss.half_width:.2f}"


def speed_ups_table(bundles: Iterable[Bundle], losses: Sequence[float], top: int = 1) -> list[str]:
    """How many times less each policy costs than the full network at each allowed loss of top-k accuracy, or of another quality."""
    lines = ["| bundle | policy | " + " | ".join(f"loss of {100 * loss:g}" for loss in losses) + " |", "|---" * (len(losses) + 2) + "|"]
    for bundle in bundles:
        outputs = bundle.outputs if top == 1 else bundle.outputs.top(top)
        unit = outputs.default_unit
        policies = [policy for policy in map(POLICIES.__getitem__, COMPARED) if not policy.unavailable_reason(outputs)]
        rows = {policy.title: speed_ups(policy, outputs, losses, unit) for policy in policies}
        if top > 1:
            tried = candidates(POLICIES["bolukbasi"], bundle.outputs, unit)
            tried = judged_again(tried, outputs.tuning(Split.CALIBRATION))
            title = f"{POLICIES['bolukbasi'].title}, having learned top-1 accuracy"
            rows[title] = [on_test(loss, cheapest_within(tried, loss), outputs.test(), unit) for loss in losses]
        lines += [f"| `{bundle.id}` | {title} | {' | '.join(map(speed_up_cell, row))} |" for title, row in rows.items()]
    return lines


def speedups() -> list[str]:
    families = [open_bundle(name) for name in ("cifar10-family", "simulated-llm-log")]
    chains = [open_bundle(name) for name in ("doodles", *(f"cifar10-{name}" for name in ("msdnet", "resnet", "bof")))]
    chains += [open_bundle(name) for name in ("cifar100-twenty-resnet", "sst2-minilm", "ag-news-minilm", "phrases", "scenes")]
    lines = ["| bundle | cost | calibration examples | test examples | full network, on test |", "|---" * 5 + "|"]
    for bundle in (*families, *chains):
        outputs = bundle.outputs
        counts = " | ".join(f"{part.examples:,}" for part in (outputs.tuning(Split.CALIBRATION), outputs.test()))
        full = f"{quality_words(outputs)} {in_percent(full_accuracy(outputs))}"
        full += f", top-5 accuracy {in_percent(full_accuracy(outputs.top(5)))}" if has_top_5(bundle) else ""
        lines.append(f"| `{bundle.id}` | {outputs.default_unit} | {counts} | {full} |")
    for heading, bundles in {"Network selection": families, "Early exits of one network": chains}.items():
        lines += ["", f"{heading}:", "", *speed_ups_table(bundles, LOSSES)]
    top_5 = [bundle for bundle in (*families, *chains) if has_top_5(bundle)]
    return [*lines, "", "Judged by top-5 accuracy, which the gates then learn:", "", *speed_ups_table(top_5, (0.002, *LOSSES), top=5)]


def streets() -> list[str]:
    bundle = open_bundle("camvid")
    return [
        *masks_table(bundle),
        "",
        f"In percent on the {bundle.outputs.test().examples:,} test frames, with 95% intervals: Student's t for means over pictures, and a"
        " bootstrap over the frames for the data set. IoU is intersection over union, of a picture over the classes in either of its masks,"
        f" and of the data set over all {len(bundle.class_names)} classes. Outputs computed on:"
        f" {bundle.provenance.get('device', 'unknown')}.",
    ]


#: The parts to print, by the name in their marks.
PARTS: dict[str, Callable[[], list[str]]] = {
    "results": results,
    "methods": methods,
    "exits": exits,
    "cifar10": cifar10,
    "bags": plain_and_bags,
    "sentences": sentences,
    "phrases": phrases,
    "twenty": twenty,
    "eenet": eenet,
    "speedups": speedups,
    "camvid": streets,
}


def between_marks(part: str) -> re.Pattern[str]:
    """Matches a part of a document: its first mark, its present text, and its last mark."""
    return re.compile(f"(<!-- {part}: begin -->\n).*?(<!-- {part}: end -->)", re.DOTALL)


def main() -> None:
    parser = Options("tables", __doc__)
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=f"parts to print: {', '.join(PARTS)} (default: all)"
    )
    parser.add_argument("--write", action="store_true", help="also write the tables into README.md and docs/")
    given = parser.parse_args()
    documents = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
    for name in given.only:
        text = "\n".join(PARTS[name]())
        print(text, end="\n\n")
        for path, document in documents.items():
            documents[path] = between_marks(name).sub(lambda marks, text=text: f"{marks[1]}{text}\n{marks[2]}", document)
    if given.write:
        for path, document in documents.items():
            path.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    run(main)
