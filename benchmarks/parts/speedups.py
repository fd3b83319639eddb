"""How many times less a policy costs than the full network, at an allowed loss."""

from collections.abc import Iterable, Sequence

from benchmarks.parts.cells import in_percent
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
from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.masks.overlap import MEAN_IOU
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.splits import Split


def speedups() -> list[str]:
    families = [open_bundle(name) for name in ("cifar10-family", "cifar100-twenty-family", "simulated-llm-log")]
    chains = [open_bundle(name) for name in ("doodles", "doodles-resnet", "doodles-bof")]
    chains += [open_bundle(f"cifar10-{name}") for name in ("msdnet", "resnet", "bof")]
    chains += [open_bundle(f"cifar100-twenty-{name}") for name in ("resnet", "bof")]
    chains += [open_bundle(name) for name in ("sst2-minilm", "ag-news-minilm", "phrases", "scenes")]
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
