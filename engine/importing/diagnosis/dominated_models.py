"""Models of a family that cost no less than another and are no better."""

import numpy as np

from engine.display_text import printable
from engine.exit_values import mean_over_examples
from engine.importing.diagnosis.subject import Subject
from engine.outputs import CascadeKind
from engine.splits import Split

#: With fewer calibration examples the order of two models is a matter of chance.
FEWEST = 30
#: More of them are counted and not named.
NAMED = 4


def dominated_models(subject: Subject) -> str | None:
    """Of those that are kept; what costs more than the best model is left out by the import, which says so."""
    outputs = subject.outputs
    if outputs.kind is not CascadeKind.FAMILY or np.count_nonzero(outputs.split == Split.CALIBRATION) < FEWEST:
        return None
    calibration = outputs.tuning(Split.CALIBRATION)
    unit, costs = next(iter(calibration.stage_cost.items()))
    cost, quality = mean_over_examples(costs), calibration.quality.mean(axis=1, dtype=float)

    def described(model: int) -> str:
        return f"{printable(subject.exit_names[model], 40)} ({cost[model]:.4g} {unit}, {quality[model]:.1%})"

    pairs = []
    for model in range(outputs.exits):
        no_worse = (cost <= cost[model]) & (quality >= quality[model])
        better = np.flatnonzero(no_worse & ((cost < cost[model]) | (quality > quality[model])))
        if len(better):
            pairs.append(f"{described(model)} against {described(int(better[quality[better].argmax()]))}")
    if not pairs:
        return None
    shown = "; ".join(pairs[:NAMED]) + (f"; and {len(pairs) - NAMED} more" if len(pairs) > NAMED else "")
    model, them = ("A model costs", "it") if len(pairs) == 1 else ("Some models cost", "them")
    return (
        f"{model} no less than another and {'is' if len(pairs) == 1 else 'are'} no better on calibration: {shown}; leave {them} out with"
        f" --models, unless other examples are correct there."
    )
