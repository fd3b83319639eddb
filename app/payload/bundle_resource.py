"""What the browser keeps of a bundle, whatever policy is shown: the test examples, their labels and factors, and all names."""

import numpy as np
from numpy.typing import NDArray

from app.dataset_texts import shown_text
from app.payload.container import Packed, encode, packed_share
from app.theme import exit_colours
from engine.analysis.factor_levels import factor_levels
from engine.bundle.bundle import Bundle
from engine.scores import SCORES
from engine.splits import Split

#: Confidences take a byte for each exit and example. Where there are more, they are left out, and the page does not sort by them.
MOST_CONFIDENCES = 300_000
#: Characters of a text that are on the face of an example, and most of them in all: with more, the faces are letters of the ids.
MOST_ON_FACE, MOST_ON_FACES = 160, 16_000_000


def bundle_resource(bundle: Bundle, rows: NDArray[np.integer] | None = None) -> bytes:
    """Examples are in the order of a sweep's columns. rows: of those to keep, all if left out.

    "texts":        the beginning of what each example says, only in bundles that hold texts
    "label":        (examples,), only where labels are known
    "exit correct": (examples, bytes) a bit for each exit, the highest first: whether it is correct; not where quality is graded
    "confidence":   (examples, exits) the top probability of each exit, only where it is known
    "level NAME":   (examples,) the level of each factor that has levels, 255 where unknown; thirds of all test examples
    """
    outputs = bundle.outputs
    all_test = np.flatnonzero(outputs.split == Split.TEST)
    test = all_test if rows is None else all_test[rows]
    factors = {name: values[test] for name, values in outputs.factors.items()}
    ids = outputs.ids if bundle.id_texts is None else bundle.id_texts
    values = {
        "ids": [str(id) for id in ids[test].tolist()],  # as text: JSON has no 64-bit integers
        "classes": list(bundle.class_names),
        "exits": [
            {"name": name, "colour": colour} for name, colour in zip(bundle.exit_names, exit_colours(len(bundle.exit_names)), strict=True)
        ],
        "factors": list(factors),
    }
    if bundle.texts is not None and MOST_ON_FACE * len(test) <= MOST_ON_FACES:
        shown = shown_text(bundle)
        values["texts"] = [shown(text)[:MOST_ON_FACE] for text in bundle.texts[test]]
    arrays: dict[str, Packed] = {}
    if outputs.labels is not None and bundle.class_names:
        arrays["label"] = Packed(outputs.labels[test], "u4")
    if not outputs.is_graded:
        arrays["exit correct"] = Packed(np.packbits(outputs.correct[:, test], axis=0).T, "u1")
    confidence = _confidence(bundle, test) if outputs.exits * len(test) <= MOST_CONFIDENCES else None
    if confidence is not None:
        arrays["confidence"] = packed_share(confidence.T, "u1")
    arrays |= {f"factor {name}": _factor(values) for name, values in factors.items()}
    levels = {name: factor_levels(values[all_test]) for name, values in outputs.factors.items()}
    kept = slice(None) if rows is None else rows
    return encode(
        values, arrays | {f"level {name}": Packed(each.level[kept].astype(np.uint8), "u1") for name, each in levels.items() if each}
    )


def _confidence(bundle: Bundle, test: NDArray[np.integer]) -> NDArray[np.floating] | None:
    """(exits, examples): the top probability, or the confidence where no classes are known; 0 where an exit failed. None if not known."""
    probability, scores = bundle.top.probability, bundle.outputs.scores
    if probability.shape[2] > 0:
        top = probability[:, test, 0]
        return None if np.isnan(top).any() else top
    return SCORES["maxprob"].shown(scores["maxprob"][:, test].astype(np.float64)) if "maxprob" in scores else None


def _factor(values: NDArray[np.float32]) -> Packed:
    within = len(values) > 0 and 0 <= float(values.min()) and float(values.max()) <= 1
    return packed_share(values, "u1") if within else Packed(values, "f4")
