"""Classes that are given as text, and the numbers that stand for them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.checks import row_in_file
from engine.importing.ids import are_numbers

Arrays = dict[str, NDArray]


def number_classes(arrays: Arrays) -> Arrays:
    """The arrays with numbers in place of text in labels and pred, and with class_names if these follow from the text.

    Raises UserError if a text is not one of the classes, or the order of the classes in logits or probs is not known.
    """
    written = {name: arrays[name] for name in ("labels", "pred") if name in arrays and arrays[name].dtype.kind == "U"}
    if not written:
        return arrays
    for name in ("labels", "pred"):
        if name in arrays and name not in written:
            raise UserError(f"{' and '.join(written)} is text but {name} holds numbers; give both as text or both as numbers.")
    named = set(arrays["class_names"].reshape(-1).tolist()) if "class_names" in arrays else set()
    distinct = {name: np.unique(array).tolist() for name, array in written.items()}
    if all(are_numbers(texts) and not named.issuperset(texts) for texts in distinct.values()):
        return {**arrays, **{name: array.astype(np.int64) for name, array in written.items()}}
    if "class_names" in arrays:
        names = arrays["class_names"]
        if names.dtype.kind != "U" or names.ndim != 1:
            return arrays  # refused with the other names
        known = [str(name) for name in names]
        if len(set(known)) < len(known):
            raise UserError("class_names contains a name twice, so labels that are text could mean either; rename one.")
    elif any(name.rpartition(".")[2] in ("logits", "probs") for name in arrays):
        raise UserError("labels is text, so the order of the classes must be known; add class_names (classes,), as the outputs have them.")
    else:
        known = sorted(set().union(*distinct.values()))
    numbers = {name: _places(name, array, known) for name, array in written.items()}
    return {**arrays, **numbers, "class_names": np.array(known)}


def _places(name: str, array: NDArray, known: Sequence[str]) -> NDArray[np.int64]:
    distinct, place = np.unique(array, return_inverse=True)
    index = {text: number for number, text in enumerate(known)}
    for text in distinct.tolist():
        if text not in index:
            at = int((array.reshape(-1) == text).argmax()) % array.shape[-1]
            place = f"{name} contains {printable(text)!r} at row {row_in_file(at)}"
            raise UserError(f"{place}, which is not in class_names; add it, or correct the row.")
    return np.array([index[text] for text in distinct.tolist()], np.int64)[place].reshape(array.shape)
