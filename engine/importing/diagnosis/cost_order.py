"""Costs of a family that fall while quality rises: they may be listed in the opposite order."""

import numpy as np

from engine.display_text import printable
from engine.exit_values import mean_over_examples
from engine.importing.diagnosis.subject import Subject, unit_in_words
from engine.outputs import CascadeKind
from engine.splits import Split

#: With fewer models the opposite order is no rare coincidence, and a model that costs more and gets less is named as dominated anyway.
FEWEST_MODELS = 3


def cost_order(subject: Subject) -> str | None:
    outputs = subject.outputs
    if outputs.kind is not CascadeKind.FAMILY or outputs.exits + len(subject.dominated) < FEWEST_MODELS:
        return None
    calibration = outputs.tuning(Split.CALIBRATION)
    quality = np.concatenate([calibration.quality.mean(axis=1, dtype=float), [model["quality"] for model in subject.dominated]])
    names = [*subject.exit_names, *(model["name"] for model in subject.dominated)]
    order = np.argsort(quality)
    for unit, cost in calibration.stage_cost.items():
        mean = np.concatenate([mean_over_examples(cost), [model["cost"][unit] for model in subject.dominated]])
        if (np.diff(quality[order]) > 0).all() and (np.diff(mean[order]) < 0).all():
            worst, best = order[0], order[-1]
            return (
                f"The {unit_in_words(unit)} fall as quality rises over all {len(names)} models, from {mean[worst]:.4g} for"
                f" {printable(names[worst], 40)} ({quality[worst]:.1%}) to {mean[best]:.4g} for {printable(names[best], 40)}"
                f" ({quality[best]:.1%}); check that they are not listed in the opposite order."
            )
    return None
