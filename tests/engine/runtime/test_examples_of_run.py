"""Which examples a run computes, block by block."""

import hashlib
from typing import Any

import numpy as np
import pytest

from engine.runtime import examples_of_run
from engine.runtime.examples_of_run import RunExamples
from engine.splits import Split


class Ids:
    """A data set of which only the ids matter."""

    def __init__(self, *by_split: Any) -> None:
        self.by_split = dict(zip((Split.FIT, Split.CALIBRATION, Split.TEST), by_split, strict=True))

    def ids(self, split: Split) -> Any:
        return self.by_split[split]


SETS = {
    "consecutive": (np.arange(5), np.arange(100, 108), np.arange(8, 31)),
    "shuffled": (np.array([3, 1, 2]), np.array([9, 8, 4, 5]), np.array([6, 7, 11, 10])),
    "with a gap that another makes up for": (np.array([0, 1, 3, 2, 4, 5]), np.array([6, 8, 8, 9]), np.array([10])),
    "with an empty split": (np.arange(3), np.zeros(0, np.int64), np.arange(3, 9)),
    "across blocks": (np.array([0, 1, 2, 3, 8, 9, 10, 7]), np.arange(20, 29), np.array([30, 31, 32, 33, 35, 34, 36])),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("limit", [None, 4])
def test_examples_are_those_of_the_data_set(name: str, limit: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples_of_run, "BLOCK", 4)
    dataset: Any = Ids(*SETS[name])
    given = RunExamples.of(dataset, limit)
    ids = np.concatenate([dataset.ids(split)[:limit] for split in dataset.by_split])
    splits = np.concatenate([np.full(len(dataset.ids(split)[:limit]), str(split)) for split in dataset.by_split])
    assert len(given) == len(ids) and given.counts == {split: len(dataset.ids(split)[:limit]) for split in dataset.by_split}
    for rows in (slice(None), slice(0, 3), slice(2, 9), slice(7, 100), slice(3, 3)):
        assert given.ids(rows).tolist() == ids[rows].tolist() and given.ids(rows).dtype == np.int64
        assert given.splits(rows).tolist() == splits[rows].tolist() and given.splits(rows).dtype == splits.dtype
    assert given.digest() == hashlib.sha256(ids.tobytes()).hexdigest()


def test_consecutive_ids_take_no_memory() -> None:
    dataset: Any = Ids(*SETS["consecutive"])
    assert all(isinstance(ids, range) for ids in RunExamples.of(dataset, None).by_split.values())
