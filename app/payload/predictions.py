"""What every exit predicts for an example, and how confident it is: most of the data, needed only for an example that is picked.

The page fetches them one example at a time; a file carries them for all of its examples.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.payload.container import Packed, encode
from app.shown import Shown
from engine.scores import SCORES, SURENESS
from engine.splits import Split

#: Most probable classes of every exit that a trace shows.
TOP = 3


def predictions(shown: Shown, row: int) -> dict[str, Any]:
    """classes, probabilities: (exits, most probable classes) each;  decision: (exits,) the score that decides, as shown, or None.

    row: of the test examples, in the order of a sweep's columns
    """
    classes, probabilities, decision = _tables(shown, np.array([row]))
    return {
        "classes": classes[0].tolist(),
        "probabilities": np.round(probabilities[0].astype(np.float64), 5).tolist(),
        "decision": None if decision is None else decision[0].astype(np.float64).tolist(),
    }


def predictions_resource(shown: Shown, rows: NDArray[np.integer]) -> bytes:
    """The same for many examples: arrays (rows, exits, classes), and decision (rows, exits) if a score decides."""
    classes, probabilities, decision = _tables(shown, rows)
    small = "u1" if len(shown.bundle.class_names) <= 256 else "u4"
    arrays = {"classes": Packed(classes, small), "probabilities": Packed(probabilities, "f4")}
    return encode({"top": classes.shape[2]}, arrays if decision is None else {**arrays, "decision": Packed(decision, "f4")})


def _tables(shown: Shown, rows: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.floating], NDArray[np.float32] | None]:
    bundle = shown.bundle
    examples = np.flatnonzero(bundle.outputs.split == Split.TEST)[rows]
    top = min(TOP, bundle.top.classes.shape[2])
    classes = bundle.top.classes[:, examples, :top].swapaxes(0, 1)
    return classes, bundle.top.probability[:, examples, :top].swapaxes(0, 1), _decision(shown, rows)


def _decision(shown: Shown, rows: NDArray[np.integer]) -> NDArray[np.float32] | None:
    """(rows, exits). In float32, as thresholds are sent: the page compares the two to say that they are equal."""
    deciding = next(((rule, spec) for rule in shown.sweep.rules if (spec := rule.threshold_spec()) is not None), None)
    if deciding is None:
        return None
    rule, spec = deciding
    scores = rule.decision_scores(shown.bundle.outputs.test())[:, rows]
    return SCORES.get(spec.score, SURENESS).shown(scores.astype(np.float64)).astype(np.float32).T
