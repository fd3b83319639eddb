"""Which examples of a large bundle its sample holds.

Of fit and calibration examples: those whose ids have the smallest hashes, so which ones does not depend on the order of the rows. Of test
examples: a stratified sample. The strata are the sets of exits that are correct; each has its share of the sample, rounded by largest
remainders, and within each the smallest hashes count. Means over the sample are therefore unbiased.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.bundle.table import as_array, splits_of
from engine.bundle.whole import row_groups
from engine.hashing import hash_uniform
from engine.splits import Split

#: Of the hashes that decide, apart from those that split ties and mix rules.
SEED = 1001
#: Exits whose correctness tells strata apart. Of more exits as many are taken, evenly spaced, with the last.
MOST_EXITS = 8
_FIT, _CALIBRATION, _FIRST_TEST = 0, 1, 2


@dataclass(frozen=True)
class Sizes:
    """Most examples in a sample: of each split for tuning, and of the test split."""

    tuning: int
    shown: int


@dataclass(frozen=True, eq=False)
class Picked:
    """rows: of the table, ascending;  splits: the number of examples of each split that has any, in the whole table"""

    rows: NDArray[np.int64]
    splits: dict[Split, int]


def pick(path: Path, exits: int, sizes: Sizes) -> Picked:
    """Choose the rows of a sample, reading the table twice, a few columns of a shard at a time."""
    judged = _judged(exits)
    strata = Counter[int]()
    columns = _columns(path, judged)
    for table in row_groups(path, path.parent, columns):
        for stratum, count in zip(*np.unique(_strata(table, judged), return_counts=True), strict=True):
            strata[int(stratum)] += int(count)
    tests = {stratum: count for stratum, count in strata.items() if stratum >= _FIRST_TEST}
    quota = {_FIT: sizes.tuning, _CALIBRATION: sizes.tuning, **_allotted(tests, sizes.shown)}
    kept = _Smallest(quota)
    start = 0
    for table in row_groups(path, path.parent, columns):
        kept.add(_strata(table, judged), hash_uniform(as_array(table["id"]), SEED), start)
        start += table.num_rows
    splits = {Split.FIT: strata[_FIT], Split.CALIBRATION: strata[_CALIBRATION], Split.TEST: sum(tests.values())}
    return Picked(kept.rows(), {split: count for split, count in splits.items() if count})


def _judged(exits: int) -> list[int]:
    return sorted({int(k) for k in np.linspace(0, exits - 1, min(exits, MOST_EXITS)).round()})


def _columns(path: Path, judged: list[int]) -> list[str]:
    names = set(pq.read_schema(path).names)
    if "exit0.quality" in names:
        return ["id", "split", *(f"exit{k}.quality" for k in judged)]
    return ["id", "split", "label", *(f"exit{k}.prediction" for k in judged)]


def _strata(table: pa.Table, judged: list[int]) -> NDArray[np.int64]:
    """The stratum of each row: fit, calibration, or one of the test split's, (rows,)."""
    split = splits_of(table["split"])
    pattern = np.zeros(table.num_rows, np.int64)
    label = as_array(table["label"]) if "label" in table.column_names else None
    for k in judged:
        if label is not None:
            correct = as_array(table[f"exit{k}.prediction"]) == label
        else:
            correct = as_array(table[f"exit{k}.quality"]) >= 0.5
        pattern = 2 * pattern + correct
    pattern += _FIRST_TEST
    pattern[split == str(Split.FIT)] = _FIT
    pattern[split == str(Split.CALIBRATION)] = _CALIBRATION
    return pattern


def _allotted(counts: dict[int, int], total: int) -> dict[int, int]:
    """How many of each stratum belong to a sample of `total`: its share, rounded by largest remainders."""
    examples = sum(counts.values())
    if examples <= total:
        return dict(counts)
    strata = sorted(counts)
    shares = np.array([counts[stratum] for stratum in strata]) * (total / examples)
    whole = np.floor(shares).astype(np.int64)
    most = np.argsort(whole - shares, kind="stable")[: total - int(whole.sum())]
    whole[most] += 1
    return dict(zip(strata, whole.tolist(), strict=True))


#: Candidates are merged once there are so many new ones.
_MERGED_AT = 262_144


@dataclass(eq=False)
class _Smallest:
    """Of each stratum the rows with the smallest hashes, as many as its quota."""

    quota: dict[int, int]

    def __post_init__(self) -> None:
        self._quota = np.zeros(max(self.quota) + 1, np.int64)
        self._quota[list(self.quota)] = list(self.quota.values())
        self._most = np.where(self._quota > 0, np.inf, -np.inf)  # the largest hash that can still be among the smallest
        self._parts: list[tuple[NDArray, NDArray, NDArray]] = []  # stratum, hash and row; the first part is what was merged
        self._new = 0

    def add(self, stratum: NDArray[np.int64], hashed: NDArray[np.float64], start: int) -> None:
        """start: number of the first of these rows"""
        may = np.flatnonzero(hashed < self._most[stratum])
        self._parts.append((stratum[may], hashed[may], may + start))
        self._new += len(may)
        if self._new >= _MERGED_AT:
            self._merge()

    def rows(self) -> NDArray[np.int64]:
        """Ascending."""
        self._merge()
        return np.sort(self._parts[0][2])

    def _merge(self) -> None:
        stratum, hashed, row = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
        order = np.lexsort((row, hashed, stratum))
        stratum = stratum[order]
        rank = np.arange(len(order)) - np.searchsorted(stratum, stratum)
        keep = rank < self._quota[stratum]
        stratum, hashed, row, rank = stratum[keep], hashed[order][keep], row[order][keep], rank[keep]
        full = rank == self._quota[stratum] - 1
        self._most[stratum[full]] = hashed[full]
        self._parts, self._new = [(stratum, hashed, row)], 0
