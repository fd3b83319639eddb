"""How accuracies, differences and bundles are written in the tables."""

from engine.analysis.intervals import Interval, mean_interval
from engine.bundle.bundle import Bundle


def in_percent(accuracy: Interval) -> str:
    """An accuracy with half the width of its 95% interval, in percent."""
    return f"{100 * accuracy.estimate:.1f} ± {100 * accuracy.half_width:.1f}"


def in_points(difference: Interval, accuracy: Interval | None = None) -> str:
    """A difference of two accuracies with half the width of its 95% interval, in points; bold where the interval does not reach zero.

    accuracy: of which the difference is, where both accuracies are printed too: then the difference is that of the printed numbers
    """
    points = 100 * difference.estimate if accuracy is None else _printed_difference(accuracy, difference)
    text = f"{points:+.1f} ± {100 * difference.half_width:.1f}"
    low, high = difference.ends
    return f"**{text}**" if low > 0 or high < 0 else text


def cell(accuracy: Interval, difference: Interval, cost: float) -> str:
    points = _printed_difference(accuracy, difference)
    return f"{in_percent(accuracy)}, {points:+.1f} ± {100 * difference.half_width:.1f} ({cost:.0%})"


def _printed_difference(accuracy: Interval, difference: Interval) -> float:
    """In points, of the two accuracies as they are printed, so that a reader who subtracts gets the same."""
    other = accuracy.estimate - difference.estimate
    return round(float(f"{100 * accuracy.estimate:.1f}") - float(f"{100 * other:.1f}"), 1) + 0.0  # 0, not -0


def full_in_percent(bundle: Bundle) -> str:
    """The accuracy of the full network."""
    test = bundle.outputs.test()
    return in_percent(mean_interval(test.quality[test.full]))


def kind_of(bundle: Bundle) -> str:
    return "text" if bundle.reads_texts else "image"


def how_read(bundle: Bundle) -> str:
    """What the numbers in a table mean."""
    kind = kind_of(bundle)
    return (
        f"Test accuracy in percent on {bundle.outputs.test().examples:,} {kind}s with its 95% interval, the difference from the"
        " full network, of the printed numbers, in points with its paired 95% interval, and in brackets the share of the full network's"
        " compute that was spent;"
        f" knobs are set on calibration. The full network reaches {full_in_percent(bundle)}. Random mix, the baseline, does not look at"
        f" the {kind}."
        f" Outputs computed on: {bundle.provenance.get('device', 'unknown')}."
    )
