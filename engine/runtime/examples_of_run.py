"""Which examples a run computes, in memory that does not depend on their number where their ids are consecutive."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.datasets.base import AnyDataset
from engine.splits import BUNDLE_SPLITS, Split

Ids = NDArray[np.int64] | range
#: Ids that are looked at together.
BLOCK = 65_536
#: Long enough for the name of every split.
SPLIT_NAME = np.dtype(f"U{max(map(len, BUNDLE_SPLITS))}")


@dataclass(frozen=True, eq=False)
class RunExamples:
    """The examples of a run, one split after the other.

    by_split: the ids of each split; those that are consecutive numbers as a range
    """

    by_split: dict[Split, Ids]

    @classmethod
    def of(cls, dataset: AnyDataset, limit: int | None) -> "RunExamples":
        """The examples of a data set, at most `limit` of each split."""
        return cls({split: _shortened(dataset.ids(split)[:limit]) for split in BUNDLE_SPLITS})

    def __len__(self) -> int:
        return sum(map(len, self.by_split.values()))

    @property
    def counts(self) -> dict[Split, int]:
        return {split: len(ids) for split, ids in self.by_split.items()}

    def ids(self, rows: slice = slice(None)) -> NDArray[np.int64]:
        """The ids of consecutive examples, (rows,)."""
        return np.concatenate([np.asarray(self.by_split[split][part], np.int64) for split, part in self._parts(rows)])

    def splits(self, rows: slice = slice(None)) -> NDArray[np.str_]:
        """Their splits, (rows,)."""
        return np.concatenate([np.full(part.stop - part.start, split, SPLIT_NAME) for split, part in self._parts(rows)])

    def digest(self) -> str:
        """A hexadecimal digest of all ids."""
        hashed = hashlib.sha256()
        for start in range(0, len(self), BLOCK):
            hashed.update(self.ids(slice(start, start + BLOCK)).tobytes())
        return hashed.hexdigest()

    def _parts(self, rows: slice) -> Iterator[tuple[Split, slice]]:
        """What of each split belongs to consecutive examples."""
        first, last, _ = rows.indices(len(self))
        starts = np.cumsum([0, *self.counts.values()]).tolist()
        for split, (start, end) in zip(self.by_split, pairwise(starts), strict=True):
            low, high = max(first, start), min(last, end)
            yield split, slice(low - start, max(low, high) - start)


def _shortened(ids: NDArray[np.int64]) -> Ids:
    """Consecutive ids as a range, others as they are."""
    if not len(ids) or int(ids[-1]) - int(ids[0]) != len(ids) - 1:
        return ids
    blocks = (ids[start : start + BLOCK] for start in range(0, len(ids), BLOCK))
    if all((np.diff(block) == 1).all() for block in blocks) and (np.diff(ids[::BLOCK]) == BLOCK).all():
        return range(int(ids[0]), int(ids[-1]) + 1)
    return ids
