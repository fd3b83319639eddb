"""Networks that give masks."""

import numpy as np

from benchmarks.parts.cells import in_percent
from engine.analysis.intervals import Interval, mean_interval
from engine.bundle.bundle import Bundle
from engine.masks.overlap import MEAN_IOU, PIXEL_ACCURACY, Overlap

RESAMPLES = 2_000  # of the bootstrap


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
