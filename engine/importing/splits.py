"""The split of the examples: as given, or drawn at random."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.splits import Split

SEED = 0
#: Other names of the splits, in lower case.
OTHER_NAMES = {**dict.fromkeys(("val", "valid", "validation", "dev", "calib"), str(Split.CALIBRATION)), "training": str(Split.TRAIN)}


def known_split_names(split: NDArray[np.str_]) -> NDArray[np.str_]:
    """The names in lower case, those of validation sets as calibration."""
    distinct, place = np.unique(split, return_inverse=True)
    names = [name.strip().lower() for name in distinct.tolist()]
    known = [OTHER_NAMES.get(name, name) if name in OTHER_NAMES or name in list(Split) else original
             for name, original in zip(names, distinct.tolist(), strict=True)]  # fmt: skip
    return np.array(known)[place]


def drawn_split(group: NDArray[np.int64]) -> NDArray[np.str_]:
    """Half calibration and half test, drawn with a fixed seed. group: (examples,) of each example; a group stays together"""
    examples = len(group)
    split = np.full(examples, str(Split.TEST), dtype="<U11")
    members, sizes = np.unique(group, return_counts=True)
    order = np.random.default_rng(SEED).permutation(len(members))
    # Whole groups as long as they fit. If all examples differ, this is the first half of the permutation.
    fits = np.cumsum(sizes[order]) <= examples // 2
    split[np.isin(group, members[order[fits]])] = Split.CALIBRATION
    return split


def same_texts(texts: Sequence[str]) -> NDArray[np.int64]:
    """For each example the first one with the same text, (examples,). Examples without text are different."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(text, i) if text else i for i, text in enumerate(texts)])
