"""Costs of the stages of a chain that look like totals: they rise by the same amount from stage to stage."""

import numpy as np

from engine.exit_values import mean_over_examples
from engine.importing.diagnosis.subject import Subject, unit_in_words
from engine.outputs import CascadeKind

#: Three equal steps are hardly a coincidence.
FEWEST_STAGES = 4
#: How much the steps may differ from their mean, and how large they must be compared with the first cost. Stages that cost nearly the
#: same may grow a little too.
EQUAL, LEAST_STEP = 0.03, 0.3


def cumulative_costs(subject: Subject) -> str | None:
    outputs = subject.outputs
    if outputs.kind is not CascadeKind.CHAIN or outputs.exits < FEWEST_STAGES:
        return None
    for unit, cost in outputs.stage_cost.items():
        mean = mean_over_examples(cost)
        steps = np.diff(mean)
        typical = float(steps.mean())
        if typical >= LEAST_STEP * mean[0] and typical > 0 and (np.abs(steps - typical) <= EQUAL * typical).all():
            suffix = "" if unit == "cost" else f"_{unit}"
            shown = ", ".join(f"{number:.4g}" for number in mean[:4]) + (" and so on" if len(mean) > 4 else "")
            return (
                f"The {unit_in_words(unit)} of single stages rise by the same amount at each ({shown}), as totals do; if each number is"
                f" what leaving there costs in total, call them cost{suffix} instead of stage_cost{suffix}."
            )
    return None
