"""Of which examples of a large bundle the figures on the page are, and which examples it shows, in sentences."""

from app.wording import Words, joined
from engine.analysis.sweep_intervals import WholeSweep
from engine.bundle.bundle import Bundle
from engine.splits import Split
from engine.sweep import Sweep


def shown_sample(bundle: Bundle) -> str:
    """Of a large bundle: what the page shows of it. Else empty."""
    if bundle.whole is None:
        return ""
    tests = f"a stratified sample of {bundle.outputs.test().examples:,} of {bundle.whole.examples[Split.TEST]:,} test examples"
    return f"The page shows {tests}. {bundle.whole.tuning_note(bundle.outputs)}"


def scope_of_figures(bundle: Bundle, sweep: Sweep, policy: str, words: Words) -> str:
    """Of a large bundle: of which examples the figures are. Else empty."""
    if bundle.whole is None:
        return ""
    if sweep.reported is None:
        command = f"python -m engine sweep {bundle.id} --policy {policy} --keep"
        return f"{_of_the_sample(bundle, sweep)}; {command} makes them exact. {_tuning(bundle)}"
    counted = isinstance(sweep, WholeSweep) and sweep.subsets is not None
    exact = f"{f'shares, {words.measure} and costs'.capitalize()} are those of all {_tests(bundle)}, and so are the intervals"
    sampled = [
        "the examples",
        *([] if "difficulty" not in bundle.outputs.factors else ["their difficulty at each exit"]),
        *([] if counted else ["the numbers of classes and levels"]),
    ]
    numbers = " and the numbers of classes and levels" if counted else ""
    return f"{exact}{numbers}; {joined(sampled)} are those of a stratified sample of {sweep.routed:,}. {_tuning(bundle)}"


def figures_of_sample(bundle: Bundle, sweep: Sweep) -> str:
    """Of a large bundle while the figures of all examples are being computed: that those shown are of its sample."""
    return f"{_of_the_sample(bundle, sweep)}. {_tuning(bundle)}"


def _of_the_sample(bundle: Bundle, sweep: Sweep) -> str:
    return f"All figures are those of a stratified sample of {sweep.routed:,} of the {_tests(bundle)}"


def _tests(bundle: Bundle) -> str:
    return "" if bundle.whole is None else f"{bundle.whole.examples[Split.TEST]:,} test examples"


def _tuning(bundle: Bundle) -> str:
    return "" if bundle.whole is None else bundle.whole.tuning_note(bundle.outputs)
