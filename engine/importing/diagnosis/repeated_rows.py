"""Rows that repeat another row: the same example twice, which must not be in calibration and in test."""

import numpy as np
from numpy.typing import NDArray

from engine.importing.diagnosis.subject import Subject


def repeated_rows(subject: Subject) -> str | None:
    outputs, group = subject.outputs, subject.first
    if group is None:
        return None
    repetitions = np.flatnonzero(group != np.arange(len(group)))
    # Without ids of their own, examples have the numbers of their rows in the file.
    first, second = outputs.ids[group[repetitions[0]]], outputs.ids[repetitions[0]]
    across = _across_splits(group, outputs.split)
    consequence = (
        f"{across:,} of them are in another split than their original, so results are too good; leave them out"
        if across
        else "they are kept in the same split; leave them out, or give ids if they are different examples"
    )
    return (
        f"{len(repetitions):,} of the {outputs.examples:,} rows repeat an earlier row in every number (the first: row {second} repeats row"
        f" {first}, counted from 0): {consequence}."
    )


def _across_splits(group: NDArray[np.int64], split: NDArray[np.str_]) -> int:
    return int(np.count_nonzero(split != split[group]))
