"""What the browser keeps of a bundle, whatever policy is shown: the test examples, their labels and factors, and all names."""

import numpy as np
from numpy.typing import NDArray

from app.payload.container import Packed, encode, packed_share
from app.theme import exit_colours
from engine.bundle.bundle import Bundle
from engine.splits import Split


def bundle_resource(bundle: Bundle, rows: NDArray[np.integer] | None = None) -> bytes:
    """Examples are in the order of a sweep's columns. rows: of those to keep, all if left out"""
    test = np.flatnonzero(bundle.outputs.split == Split.TEST)
    test = test if rows is None else test[rows]
    factors = {name: values[test] for name, values in bundle.outputs.factors.items()}
    values = {
        "ids": [str(id) for id in bundle.outputs.ids[test].tolist()],  # as text: JSON has no 64-bit integers
        "classes": list(bundle.class_names),
        "exits": [
            {"name": name, "colour": colour} for name, colour in zip(bundle.exit_names, exit_colours(len(bundle.exit_names)), strict=True)
        ],
        "factors": list(factors),
    }
    arrays = {"label": Packed(bundle.outputs.labels[test], "u4")}
    return encode(values, arrays | {f"factor {name}": _factor(values) for name, values in factors.items()})


def _factor(values: NDArray[np.float32]) -> Packed:
    within = len(values) > 0 and 0 <= float(values.min()) and float(values.max()) <= 1
    return packed_share(values, "u1") if within else Packed(values, "f4")
