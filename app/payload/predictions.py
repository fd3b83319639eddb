"""What every exit predicts for an example, and how confident it is: most of the data, needed only for an example that is picked.

The page fetches them one example at a time; a file carries them for all of its examples.
"""

import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dataset_texts import shown_text
from app.payload.container import Packed, encode
from app.shown import Shown
from app.true_masks import masks_of
from engine.bundle.masks import Masks, pack_masks
from engine.outputs import Outputs
from engine.scores import SCORES, SURENESS
from engine.splits import Split

#: Most probable classes of every exit that a trace shows.
TOP = 3


@dataclass(frozen=True, eq=False)
class _Tables:
    """For some examples, the rows.

    classes, probabilities: (rows, exits, most probable classes); probabilities are NaN where only the classes are known
    decision:   (rows, exits), or None
    quality:    (rows, exits) where results are judged and not compared with a label, else None
    confidence: (rows, exits) where no classes are predicted, NaN where the exit failed; None where it is not recorded
    texts:      (rows,) in full, or None
    before:     {name: (rows,)} what is known before any stage runs
    masks:      (rows,) or None where no row has any
    """

    classes: NDArray[np.integer]
    probabilities: NDArray[np.floating]
    decision: NDArray[np.float32] | None
    quality: NDArray[np.float32] | None
    confidence: NDArray[np.float32] | None
    texts: list[str] | None
    before: Mapping[str, NDArray[np.float32]]
    masks: list[Masks | None] | None


def predictions(shown: Shown, row: int) -> dict[str, Any]:
    """classes, probabilities: (exits, most probable classes) each;  decision: (exits,) the score that decides, as shown, or None.

    Only where there are any: quality and confidence, (exits,) with None where a confidence is not known; the text of the example;
    before, {name: what is known before any stage runs}; and masks, {"size": [height, width], "packed": zlib stream in base64, "truth":
    whether the true mask is known}.
    row: of the test examples, in the order of a sweep's columns
    """
    tables = _tables(shown, np.array([row]))
    named = {"quality": tables.quality, "confidence": tables.confidence}
    known = {name: _listed(array[0]) for name, array in named.items() if array is not None}
    return {
        "classes": tables.classes[0].tolist(),
        "probabilities": [_listed(top) for top in np.round(tables.probabilities[0].astype(np.float64), 5)],
        "decision": None if tables.decision is None else _listed(tables.decision[0].astype(np.float64)),
        **known,
        **({} if tables.texts is None else {"text": tables.texts[0]}),
        **({"before": {name: float(f"{values[0]:.6g}") for name, values in tables.before.items()}} if tables.before else {}),
        **({"masks": _one_example(shown, tables.masks[0])} if tables.masks and tables.masks[0] else {}),
    }


def predictions_resource(shown: Shown, rows: NDArray[np.integer]) -> bytes:
    """The same for many examples: arrays (rows, exits, classes), (rows, exits) of what else there is, and "before NAME", (rows,).

    NaN stands for None. "mask bytes", (rows,), says how many bytes of "masks" belong to each example.
    """
    tables = _tables(shown, rows)
    small = "u1" if len(shown.bundle.class_names) <= 256 else "u4"
    arrays = {"classes": Packed(tables.classes, small), "probabilities": Packed(tables.probabilities, "f4")}
    others = {"decision": tables.decision, "quality": tables.quality, "confidence": tables.confidence}
    arrays |= {name: Packed(array, "f4") for name, array in others.items() if array is not None}
    arrays |= {f"before {name}": Packed(values, "f4") for name, values in tables.before.items()}
    texts = {} if tables.texts is None else {"texts": tables.texts}
    before = {"before": list(tables.before)} if tables.before else {}
    masks = {} if tables.masks is None else _size(shown)
    if tables.masks is not None:
        packed = [b"" if masks is None else pack_masks(masks.truth, masks.exits) for masks in tables.masks]
        arrays["mask bytes"] = Packed(np.array([len(of_example) for of_example in packed], np.uint32), "u4")
        arrays["masks"] = Packed(np.frombuffer(b"".join(packed), np.uint8), "u1")
    return encode({"top": tables.classes.shape[2], **texts, **before, **masks}, arrays)


def _size(shown: Shown) -> dict[str, list[int]]:
    """Of the masks of a bundle that has masks."""
    assert shown.bundle.masks is not None
    shape = shown.bundle.masks.shape
    return {"size": [shape.height, shape.width]}


def _one_example(shown: Shown, masks: Masks) -> dict[str, Any]:
    packed = b64encode(pack_masks(masks.truth, masks.exits)).decode()
    return {**_size(shown), "packed": packed, "truth": not masks.lacks_truth}


def _listed(values: NDArray[np.floating]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _tables(shown: Shown, rows: NDArray[np.integer]) -> _Tables:
    bundle, outputs = shown.bundle, shown.bundle.outputs
    examples = np.flatnonzero(outputs.split == Split.TEST)[rows]
    top = min(TOP, bundle.top.classes.shape[2])
    return _Tables(
        classes=bundle.top.classes[:, examples, :top].swapaxes(0, 1),
        probabilities=bundle.top.probability[:, examples, :top].swapaxes(0, 1),
        decision=_decision(shown, rows),
        quality=None if outputs.has_classes else outputs.quality[:, examples].T.astype(np.float32),
        confidence=_confidence(outputs, examples),
        texts=None if bundle.texts is None else list(map(shown_text(bundle), bundle.texts[examples])),
        before={name: values[examples] for name, values in outputs.before.items()},
        masks=None if bundle.masks is None else masks_of(bundle, outputs.ids[examples]),
    )


def _confidence(outputs: Outputs, examples: NDArray[np.integer]) -> NDArray[np.float32] | None:
    """(rows, exits)"""
    if outputs.prediction is not None or "maxprob" not in outputs.scores:
        return None
    stored = outputs.scores["maxprob"][:, examples].T.astype(np.float64)
    return np.where(np.isneginf(stored), np.nan, SCORES["maxprob"].shown(stored)).astype(np.float32)


def _decision(shown: Shown, rows: NDArray[np.integer]) -> NDArray[np.float32] | None:
    """(rows, exits). In float32, as thresholds are sent: the page compares the two to say that they are equal."""
    deciding = next(((rule, spec) for rule in shown.sweep.rules if (spec := rule.threshold_spec()) is not None), None)
    if deciding is None:
        return None
    rule, spec = deciding
    scores = rule.decision_scores(shown.bundle.outputs.test())[:, rows]
    return SCORES.get(spec.score, SURENESS).shown(scores.astype(np.float64)).astype(np.float32).T
