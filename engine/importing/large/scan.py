"""What must be known of a whole file before its rows can be read one batch at a time: classes, costs that never vary, ids, splits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.hashing import hash_texts, hash_uniform
from engine.importing.checks import MOST_CLASSES, rows_from
from engine.importing.ids import are_numbers
from engine.importing.large.columns import OUTPUTS
from engine.importing.large.source import Arrays, Source
from engine.importing.splits import split_names
from engine.splits import Split

#: Of the hashes that draw a split, apart from all others.
SEED = 1003


@dataclass(eq=False)
class Scan:
    """class_texts:   distinct labels and predictions, where they are text
    most_class:    the largest number of a class, -1 without any
    constant:      {array of costs: (exits,) where every row has the same, or None}
    text_ids:      whether ids are text that is no number
    binary:        whether every quality is 0 or 1
    splits:        examples of each split
    """

    class_texts: set[str] = field(default_factory=set)
    most_class: int = -1
    constant: dict[str, NDArray[np.float64] | None] = field(default_factory=dict)
    text_ids: bool = False
    binary: bool = True
    splits: dict[str, int] = field(default_factory=dict)


def scan(source: Source, scale: float) -> Scan:
    """Read the columns that decide. scale: of qualities.  Raises UserError if they are not valid."""
    made = Scan()
    costs = sorted(name for name in source.arrays if name.startswith(("cost", "stage_cost")))
    needed = [name for name in ("labels", "pred", "ids", "texts", "split", "quality", *costs) if name in source.arrays]
    for start, arrays in source.batches(needed or [name for name in OUTPUTS if name in source.arrays]):
        with rows_from(start):
            _add(made, arrays, costs, start, scale)
    if made.class_texts and are_numbers(list(made.class_texts)):  # they are the numbers of the classes
        made.most_class, made.class_texts = max(made.most_class, *map(int, made.class_texts)), set()
    for part in (Split.CALIBRATION, Split.TEST):
        if part not in made.splits:
            raise UserError(f"split has no {part} rows; mark some, or leave out split to have one drawn at random.")
    return made


def _add(made: Scan, arrays: Arrays, costs: list[str], start: int, scale: float) -> None:
    for name in ("labels", "pred"):
        if name in arrays and arrays[name].dtype.kind == "U":
            made.class_texts |= set(np.unique(arrays[name]).tolist())
            if len(made.class_texts) > MOST_CLASSES:
                raise UserError(f"{name} has more than {MOST_CLASSES:,} different texts; give the classes as numbers, or correct alone.")
        elif name in arrays and arrays[name].dtype.kind in "iub":
            made.most_class = max(made.most_class, int(arrays[name].max()))
        elif name in arrays:
            whole = arrays[name][np.isfinite(arrays[name])]  # what is not whole is refused with its row
            made.most_class = max(made.most_class, min(int(whole.max(initial=-1)), MOST_CLASSES))
    for name in costs:
        rows = arrays[name].astype(np.float64)
        known = made.constant.get(name, rows[:, 0])
        made.constant[name] = known if known is not None and bool((rows == known[:, None]).all()) else None
    if "ids" in arrays and arrays["ids"].dtype == object and not made.text_ids:
        made.text_ids = not are_numbers(arrays["ids"].tolist())
    if "quality" in arrays:
        made.binary = made.binary and bool(np.isin(scale * arrays["quality"], (0, 1)).all())
    for part, count in zip(*np.unique(splits_of(arrays, start), return_counts=True), strict=True):
        made.splits[str(part)] = made.splits.get(str(part), 0) + int(count)


def splits_of(arrays: Mapping[str, NDArray], start: int) -> NDArray[np.str_]:
    """The split of each row of a batch, (rows,): as given, or drawn by a hash of its text, else of its id, else of its row.

    Examples with the same text are therefore in the same split. start: number of the first row
    """
    rows = next(array.shape[-1] for array in arrays.values())
    if "split" in arrays:
        return split_names(arrays["split"], rows)
    key = np.arange(start, start + rows)
    if "ids" in arrays:
        ids = arrays["ids"]
        key = hash_texts(map(str, ids.tolist())) if ids.dtype.kind not in "iu" else ids.astype(np.int64)
    if "texts" in arrays:
        texts = arrays["texts"].tolist()
        key = np.where([bool(text) for text in texts], hash_texts(texts), key)
    return np.where(hash_uniform(key, SEED) < 0.5, str(Split.CALIBRATION), str(Split.TEST)).astype("<U11")
