"""All examples of a large bundle, read shard by shard in memory that does not depend on their number.

A shard is a row group of the table, with the same rows of the logits.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.bundle.contents import check_outputs, consistent, outputs_in
from engine.bundle.manifest import LOGITS, TABLE, check_files
from engine.bundle.table import as_array, rows_of
from engine.hashing import hash_uniform
from engine.outputs import Outputs
from engine.progress import Progress, no_progress
from engine.splits import BUNDLE_SPLITS, Split
from engine.storage.tensors import read_rows

#: Most rows of a row group: a reader holds one of them in memory.
MOST_ROWS = 1_048_576
#: Ids that are compared at a time, in bytes of memory about a hundred times as many.
_IDS_AT_ONCE = 2_000_000
_IDS_SEED = 1002


@dataclass(frozen=True, eq=False)
class Whole:
    """examples: the number of examples in each split that has any;  quality: by which they are judged, the bundle's own if None"""

    folder: Path
    manifest: Mapping[str, Any]
    examples: Mapping[Split, int]
    quality: str | None = None

    @classmethod
    def of(cls, folder: Path, manifest: Mapping[str, Any]) -> "Whole":
        """Raises KeyError or ValueError if the manifest does not tell the sizes of the splits."""
        counts = {Split(split): count for split, count in manifest["splits"].items()}
        if not set(counts) <= set(BUNDLE_SPLITS) or not all(type(count) is int and count > 0 for count in counts.values()):
            raise ValueError("the sizes of its splits are not valid")
        return cls(folder, manifest, counts)

    def __repr__(self) -> str:
        return f"Whole({', '.join(f'{count:,} {split}' for split, count in self.examples.items())})"

    @property
    def all_examples(self) -> int:
        return sum(self.examples.values())

    @property
    def path(self) -> Path:
        return self.folder / TABLE

    def tuning_counts(self, sample: Outputs) -> dict[str, dict[str, int]]:
        """{split: {"examples": those of the sample, "of": all}} of the splits for tuning. sample: the outputs of the opened bundle"""
        splits = [split for split in (Split.FIT, Split.CALIBRATION) if split in self.examples]
        return {str(split): {"examples": int(np.count_nonzero(sample.split == split)), "of": self.examples[split]} for split in splits}

    def tuning_note(self, sample: Outputs) -> str:
        """On how many examples knobs are set and gates learn, in a sentence. sample: the outputs of the opened bundle"""
        counts = self.tuning_counts(sample)
        parts = {split: _of_all(part["examples"], part["of"], split) for split, part in counts.items()}
        if Split.CALIBRATION not in parts:
            return "There are no calibration examples, so no knob can be set."
        learn = f", and gates learn on {parts[Split.FIT]}" if Split.FIT in parts else ", on which gates learn too"
        is_drawn = any(part["examples"] < part["of"] for part in counts.values())
        return f"Knobs are set on {parts[Split.CALIBRATION]}{learn}{', drawn by a hash of their ids' if is_drawn else ''}."

    def sample_note(self, sample: Outputs, split: Split) -> str:
        """That results are those of the sample, in a sentence."""
        reported = f"{np.count_nonzero(sample.split == split):,} of {self.examples[split]:,} {split} examples"
        return f"Of a large bundle, this reads the sample: {reported}; `sweep` reports on all of them."

    def costs_vary(self, unit: str) -> bool:
        """Whether costs in this unit depend on the example."""
        return self.manifest["units"][unit]["stage_cost"] is None

    def check(self) -> None:
        """Check the checksums of all files and every row. Raises UserError if anything is wrong."""
        check_files(self.folder, self.manifest)
        counted = dict.fromkeys(self.examples, 0)
        for shard in self.shards():
            for split, count in zip(*np.unique(shard.split, return_counts=True), strict=True):
                counted[Split(split)] = counted.get(Split(split), 0) + int(count)
        with consistent(self.folder):
            if counted != self.examples or repeated_id(self.path) is not None:
                raise ValueError("its table does not have the stated number of examples with distinct ids")

    def shards(self, split: Split | None = None, progress: Progress = no_progress) -> Iterator[Outputs]:
        """The examples of a split, or all, in the order of the table. Raises UserError if they are not valid.

        progress: called with the rows read and the rows in all
        """
        exits, has_logits = len(self.manifest["exit_names"]), LOGITS in self.manifest["files"]
        start = 0
        for table in row_groups(self.path, self.folder):
            progress(start, self.all_examples)
            with consistent(self.folder):
                rows = rows_of(table, exits)
                end = start + len(rows.ids)
                logits = read_rows(self.folder / LOGITS, "logits", slice(start, end)) if has_logits else None
                outputs = outputs_in(self.manifest, rows, logits)
                check_outputs(outputs, rows.top)
            outputs = outputs if self.quality is None else outputs.with_quality(self.quality)
            start = end
            if split is None:
                yield outputs
            elif split in outputs.split:
                yield outputs.part(split)
        progress(self.all_examples, self.all_examples)


def row_groups(path: Path, folder: Path, columns: Collection[str] | None = None) -> Iterator[pa.Table]:
    """The row groups of the table of a large bundle, some columns or all. Raises UserError if they cannot be read."""
    with consistent(folder), pq.ParquetFile(path, page_checksum_verification=True) as file:
        groups = file.metadata.num_row_groups
        if any(file.metadata.row_group(group).num_rows > MOST_ROWS for group in range(groups)):
            raise ValueError(f"its table has a row group of more than {MOST_ROWS:,} rows")
        for group in range(groups):
            yield file.read_row_group(group, columns if columns is None else list(columns))
    pa.default_memory_pool().release_unused()


def repeated_id(path: Path) -> int | None:
    """An id that two rows of a table have, or None. A part of the ids is compared at a time, so memory does not depend on their number."""
    with pq.ParquetFile(path) as file:
        rows, groups = file.metadata.num_rows, file.metadata.num_row_groups

        def column() -> Iterator[NDArray[np.int64]]:
            for group in range(groups):
                yield as_array(file.read_row_group(group, ["id"])["id"])

        parts = -(-rows // _IDS_AT_ONCE)
        for part in range(parts):
            ids = np.concatenate([ids if parts == 1 else ids[_part_of(ids, parts) == part] for ids in column()])
            ids.sort()
            twice = np.flatnonzero(ids[1:] == ids[:-1])
            if len(twice):
                return int(ids[twice[0]])
    return None


def _part_of(ids: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    return (hash_uniform(ids, _IDS_SEED) * parts).astype(np.int64)


def _of_all(number: int, of: int, split: str) -> str:
    return f"{f'{number:,} of' if number < of else 'all'} {of:,} {split} examples"
