"""What every exit predicts for one example, and how confident it is: fetched when an example is picked, for it is most of the data."""

from typing import Any

import numpy as np

from app.shown import Shown
from engine.scores import SCORES, SURENESS
from engine.splits import Split

#: Most probable classes of every exit that a trace shows.
TOP = 3


def answers(shown: Shown, row: int) -> dict[str, Any]:
    """classes, probabilities: (exits, most probable classes) each;  decision: (exits,) the score that decides, as shown, or None.

    row: of the test examples, in the order of a sweep's columns
    """
    bundle = shown.bundle
    example = np.flatnonzero(bundle.outputs.split == Split.TEST)[row]
    top = min(TOP, bundle.top.classes.shape[2])
    return {
        "classes": bundle.top.classes[:, example, :top].tolist(),
        "probabilities": np.round(bundle.top.probability[:, example, :top].astype(np.float64), 5).tolist(),
        "decision": _decision(shown, row),
    }


def _decision(shown: Shown, row: int) -> list[float] | None:
    deciding = next(((rule, spec) for rule in shown.sweep.rules if (spec := rule.threshold_spec()) is not None), None)
    if deciding is None:
        return None
    rule, spec = deciding
    scores = rule.decision_scores(shown.bundle.outputs.test())[:, row]
    # In float32, as thresholds are sent: the page compares the two to say that they are equal.
    return SCORES.get(spec.score, SURENESS).shown(scores.astype(np.float64)).astype(np.float32).astype(np.float64).tolist()
