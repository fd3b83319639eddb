"""A confidence with few distinct values: a threshold cannot split examples that tie."""

import numpy as np

from engine.display_text import printable
from engine.importing.diagnosis.subject import Subject

#: With fewer distinct values than this share of the examples, most of them tie.
DISTINCT = 0.5


def stepped_confidence(subject: Subject) -> str | None:
    scores = subject.outputs.scores.get("maxprob")
    if scores is None:
        return None
    # Where an exit failed there is no confidence.
    finite = [score[np.isfinite(score)] for score in scores]
    stepped = {k: len(np.unique(score)) for k, score in enumerate(finite) if len(np.unique(score)) < DISTINCT * len(score)}
    if not stepped:
        return None
    exit = min(stepped, key=lambda k: stepped[k])
    few, rows = stepped[exit], len(finite[exit])
    of_exit = f"The confidence of {printable(subject.exit_names[exit], 40)}"
    others = [k for k in stepped if k != exit]
    likewise = f" (likewise {subject.listed(others)})" if others else ""
    if few == 1:
        return (
            f"{of_exit} is the same for all {rows:,} rows{likewise}, so it cannot tell which should leave there: policies that read it"
            " split them by a hash of their ids; save the confidence of each example."
        )
    return (
        f"{of_exit} has only {few:,} distinct values for {rows:,} rows{likewise}: tied examples are split by a hash of their ids, or leave"
        " together if a policy has one knob for all exits; save unrounded confidences to avoid ties."
    )
