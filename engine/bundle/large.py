"""Large bundles: more examples in a split than fit into memory several times.

Their table has a row group for each shard, so that it is written and read in memory that does not depend on the number of examples. Beside
it lies a sample of the rows, see `engine.bundle.sample`, with their logits, images and masks. Opening a bundle reads the sample: policies
are fitted on it, its test examples are what people look at, and `Bundle.whole` streams all examples, so that results over them are exact.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.bundle.bundle import FEW_CLASSES, Draft, facts_of, replacing, write_manifest
from engine.bundle.contents import outputs_in
from engine.bundle.images import ImagePack, Place
from engine.bundle.manifest import IMAGES, LARGE_SCHEMA, LOGITS, MASKS, SAMPLE, SAMPLE_LOGITS, TABLE
from engine.bundle.masks import MaskPack
from engine.bundle.sample import Picked, Sizes, pick
from engine.bundle.table import as_array, parquet_options, read_table, splits_of, sync, table_of
from engine.bundle.whole import repeated_id, row_groups
from engine.display_text import printable
from engine.errors import UserError
from engine.outputs import Outputs
from engine.splits import Split
from engine.storage.tensors import RowsWriter, map_tensor, read_rows

pc: Any = pyarrow.compute  # makes its functions when it is imported, so type checkers do not know them

#: With more fit or calibration examples, knobs are set and gates learn on a sample of as many of each.
MOST_TUNING = 200_000
#: Most test examples that people look at.
MOST_SHOWN = 20_000
#: Of texts in a sample; if there would be more, only test examples keep theirs.
MOST_CHARACTERS = 64_000_000
#: Examples of a shard.
SHARD = 65_536


@dataclass(frozen=True, eq=False)
class Piece:
    """Consecutive examples of a large bundle; id_texts and texts as in `engine.bundle.bundle.Draft`."""

    outputs: Outputs
    id_texts: Sequence[str] | None = None
    texts: Sequence[str] | None = None


#: Ids of test examples -> (id, encoded image or packed masks) of those that have any.
Faces = Callable[[NDArray[np.int64]], Iterable[tuple[int, bytes]]]


@dataclass(frozen=True, eq=False)
class LargeDraft:
    """A large bundle to be written. Most fields as in `engine.bundle.bundle.Draft`.

    pieces:        of any size, in order, read once
    stage_cost:    {unit: (exits,), or None where it depends on the example}
    images, masks: ids of the sample's test examples -> (id, encoded) of those that have any
    about:         outputs of the sample -> what to add to the provenance. May raise UserError, and then nothing is written
    logits_shape:  (exits, examples, classes), where there are logits;  logits_dtype: in which they are kept
    """

    id: str
    title: str
    class_names: tuple[str, ...]
    exit_names: tuple[str, ...]
    unit_notes: Mapping[str, str]
    provenance: Mapping[str, Any]
    pieces: Iterable[Piece]
    stage_cost: Mapping[str, NDArray[np.float64] | None]
    images: Faces | None = None
    masks: Faces | None = None
    mask_size: tuple[int, int] | None = None
    about: Callable[[Outputs], Mapping[str, Any]] = lambda outputs: {}
    logits_shape: tuple[int, int, int] | None = None
    logits_dtype: np.dtype | None = None


def is_large(splits: Mapping[Split, int]) -> bool:
    """Whether a bundle with so many examples in its splits should be a large one."""
    return max(splits.values(), default=0) > MOST_TUNING


def write_large(draft: LargeDraft, folder: Path, sizes: Sizes | None = None) -> Path:
    """Write a large bundle, as `engine.bundle.bundle.write_bundle` writes others.

    Raises UserError if two examples have the same id, or if there is something else in that place.
    """
    with replacing(draft.id, folder) as new:
        first = _write_pieces(draft, new)
        repeated = repeated_id(new / TABLE)
        if repeated is not None:
            raise UserError(f"Two examples have the same id, {_shown(new / TABLE, repeated)}; give every example its own id.")
        picked = pick(new / TABLE, first.exits, sizes or Sizes(MOST_TUNING, MOST_SHOWN))
        sample = _with_faces(new, _take(new / TABLE, picked.rows), draft)
        pq.write_table(sample, new / SAMPLE, **parquet_options(sample.schema))
        sync(new / SAMPLE)
        del sample  # before it is read as arrays
        logits = None
        if first.logits is not None:
            _take_logits(new, picked.rows, first.logits)
            logits = map_tensor(new / SAMPLE_LOGITS, "logits")
        facts = _facts(draft, first, picked)
        facts["provenance"] |= draft.about(outputs_in(facts, read_table(new / SAMPLE, first.exits), logits))
        write_manifest(facts, new)
    return folder


def _facts(draft: LargeDraft, first: Outputs, picked: Picked) -> dict[str, Any]:
    names = {name: getattr(draft, name) for name in ("id", "title", "class_names", "exit_names", "unit_notes", "provenance", "mask_size")}
    costs = {unit: None if cost is None else cost.tolist() for unit, cost in draft.stage_cost.items()}
    facts = facts_of(Draft(outputs=first, **names), LARGE_SCHEMA, sum(picked.splits.values()), costs)
    return {**facts, "splits": {str(split): count for split, count in picked.splits.items()}}


def _write_pieces(draft: LargeDraft, folder: Path) -> Outputs:
    """Write the table and the logits; returns the outputs of the first piece. Raises ValueError if there is none."""
    own_cost = [unit for unit, cost in draft.stage_cost.items() if cost is None]
    masks: Mapping[int, Place] | None = None if draft.mask_size is None else {}
    first: Outputs | None = None
    table: pq.ParquetWriter | None = None
    logits: RowsWriter | None = None
    waiting: list[pa.Table] = []  # rows of less than a shard
    try:
        for piece in draft.pieces:
            outputs = piece.outputs
            tabled = replace(outputs, logits=None) if outputs.classes <= FEW_CLASSES else outputs
            rows = table_of(tabled, {}, piece.id_texts, piece.texts, masks, own_cost)
            if first is None or table is None:
                first = outputs
                table = pq.ParquetWriter(folder / TABLE, rows.schema, **parquet_options(rows.schema))
                if draft.logits_shape is not None and draft.logits_dtype is not None:
                    logits = RowsWriter(folder / LOGITS, "logits", draft.logits_dtype, draft.logits_shape)
            waiting.append(rows)
            if sum(rows.num_rows for rows in waiting) >= SHARD:
                together = pa.concat_tables(waiting)
                whole = together.num_rows // SHARD * SHARD
                table.write_table(together.slice(0, whole), row_group_size=SHARD)
                waiting = [together.slice(whole)]
            if logits is not None and outputs.logits is not None:
                logits.write(outputs.logits)
        if table is not None and any(rows.num_rows for rows in waiting):
            table.write_table(pa.concat_tables(waiting))
    finally:
        if table is not None:
            table.close()
    if first is None:
        raise ValueError("a bundle without examples")
    sync(folder / TABLE)
    if logits is not None:
        logits.close()
    return first


def _take(path: Path, rows: NDArray[np.int64]) -> pa.Table:
    """Some rows of a table, ascending. Where texts are long, those of rows that people do not see are left empty."""
    start, parts, characters = 0, [], 0.0
    for group in row_groups(path, path.parent):
        some = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + group.num_rows)] - start
        taken = group.take(pa.array(some))  # copied, so that the group is not kept
        if "text" in taken.column_names:
            if start == 0:
                characters = pc.sum(pc.utf8_length(group["text"])).as_py() / group.num_rows * len(rows)
            if characters > MOST_CHARACTERS:
                shown = pc.if_else(pc.equal(taken["split"], str(Split.TEST)), taken["text"], pa.scalar("", pa.large_string()))
                taken = taken.set_column(taken.column_names.index("text"), "text", shown)
        parts.append(taken)
        start += group.num_rows
    return pa.concat_tables(parts)


def _take_logits(folder: Path, rows: NDArray[np.int64], like: NDArray[np.floating]) -> None:
    """Write the logits of some rows, ascending. like: some logits, (exits, examples, classes)"""
    exits, _, classes = like.shape
    dtype = map_tensor(folder / LOGITS, "logits").dtype
    writer = RowsWriter(folder / SAMPLE_LOGITS, "logits", dtype, (exits, len(rows), classes))
    for start in range(0, int(rows[-1]) + 1, SHARD):
        some = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + SHARD)] - start
        if len(some):
            writer.write(read_rows(folder / LOGITS, "logits", slice(start, start + SHARD))[:, some])
    writer.close()


def _with_faces(folder: Path, sample: pa.Table, draft: LargeDraft) -> pa.Table:
    """Write the images and masks of the sample's test examples; returns its table with their places."""
    ids = as_array(sample["id"])
    tests = ids[splits_of(sample["split"]) == Split.TEST]
    places: dict[str, Mapping[int, Place]] = {}
    if draft.images is not None:
        places["image"] = ImagePack.write(folder / IMAGES, draft.images(tests))
    if draft.masks is not None:
        places["mask"] = MaskPack.write(folder / MASKS, draft.masks(tests))
    for kind, of in places.items():
        listed = np.array([of.get(id, (0, 0)) for id in ids.tolist()], np.int64).reshape(-1, 2)
        for name, values in zip((f"{kind}_offset", f"{kind}_bytes"), listed.T, strict=True):
            sample = sample.set_column(sample.column_names.index(name), name, pa.array(values))
    return sample


def _shown(path: Path, id: int) -> str:
    """An id as it was given."""
    for group in row_groups(path, path.parent):
        at = np.flatnonzero(as_array(group["id"]) == id)
        if len(at) and "id_text" in group.column_names:
            return repr(printable(group["id_text"][int(at[0])].as_py()))
    return str(id)
