"""Costs whose size shows a wrong unit: stages in different units, or millions of operations taken for single ones."""

from dataclasses import dataclass

import numpy as np

from engine.exit_values import mean_over_examples
from engine.importing.diagnosis.subject import Subject, unit_in_words
from engine.outputs import CascadeKind

#: A larger factor between two stages of one cascade is rarely a difference of size. Units differ by a thousand.
SPAN = 1000.0


@dataclass(frozen=True)
class Usual:
    """What the reference costs on an example in a unit, usually. otherwise: what to do if it costs less or more"""

    least: float
    most: float
    otherwise: str


_COUNT = Usual(1000, np.inf, "too few for a network; if these are millions or billions, multiply them")
#: By unit.
USUAL = {
    "macs": _COUNT,
    "flops": _COUNT,
    "latency_ms": Usual(1e-4, np.inf, "less than a tenth of a microsecond for an example; if these are seconds, multiply them by 1,000"),
    "seconds": Usual(0, 3600, "more than an hour for an example; if these are milliseconds, divide them by 1,000"),
    "usd": Usual(0, 100, "a lot for one example; if these are prices of a million, divide them by 1,000,000"),
}


def cost_scale(subject: Subject) -> str | None:
    outputs = subject.outputs
    for unit, cost in outputs.stage_cost.items():
        mean = mean_over_examples(cost)
        priced = np.flatnonzero(mean > 0)
        least, most = priced[mean[priced].argmin()], priced[mean[priced].argmax()]
        if mean[most] > SPAN * mean[least]:
            factor = mean[most] / mean[least]
            return (
                f"The {unit_in_words(unit)} range from {mean[least]:.3g} at {subject.listed([least])} to {mean[most]:.3g} at"
                f" {subject.listed([most])}, a factor of {factor:{',.0f' if factor < 1e9 else '.3g'}}; check that all are in the same unit."
            )
        usual, full = USUAL.get(unit), outputs.full_cost(unit)
        if usual is not None and not usual.least <= full <= usual.most:
            whole = "The whole network" if outputs.kind is CascadeKind.CHAIN else subject.listed([outputs.full])
            return f"{whole} costs {full:.4g} {unit}, {usual.otherwise}."
    return None
