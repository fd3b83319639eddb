"""The table of a bundle: one row per example, with everything that sweeps and pages read."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.special import logsumexp

from engine.bundle.images import Place
from engine.bundle.texts import MOST_ID, MOST_TEXT, as_column, read_texts
from engine.exit_values import Quality
from engine.masks.overlap import Overlap
from engine.outputs import Outputs
from engine.scores import SCORES
from engine.splits import BUNDLE_SPLITS

pc: Any = pyarrow.compute  # makes its functions when it is imported, so type checkers do not know them

#: Number of most probable classes kept per exit: enough for top-5 accuracy, few enough to read.
TOP = 5


@dataclass(frozen=True, eq=False)
class TopAnswers:
    """The most probable classes of every exit, in descending order: classes int32, probability float32, both (exits, examples, top).

    Without classes, `top` is 0. Where only the prediction is known, its probability is NaN.
    """

    classes: NDArray[np.int32]
    probability: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Rows:
    """The columns of the table as arrays, named and shaped as in `Outputs`.

    own_cost:        its costs that depend on the example
    qualities:       of several qualities, those other than `judged`
    mask_offset, mask_bytes: (examples,) as those of the images, or None
    id_texts, texts: (examples,) of str, or None: the ids as text, and what the examples say
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int32] | None
    split: NDArray[np.str_]
    prediction: NDArray[np.int32] | None
    judged: Quality | None
    own_cost: Mapping[str, NDArray[np.float64]]
    scores: Mapping[str, NDArray[np.float32]]
    factors: Mapping[str, NDArray[np.float32]]
    features: Mapping[str, NDArray[np.float32]]
    before: Mapping[str, NDArray[np.float32]]
    top: TopAnswers
    image_offset: NDArray[np.int64]
    image_bytes: NDArray[np.int64]
    qualities: Mapping[str, NDArray[np.float32]]
    overlap: Overlap | None
    mask_offset: NDArray[np.int64] | None
    mask_bytes: NDArray[np.int64] | None
    id_texts: NDArray[np.object_] | None
    texts: NDArray[np.object_] | None


def write_table(
    path: Path,
    outputs: Outputs,
    images: Mapping[int, Place],
    id_texts: Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
    masks: Mapping[int, Place] | None = None,
) -> None:
    """Write the table of a bundle as Parquet."""
    table = table_of(outputs, images, id_texts, texts, masks)
    pq.write_table(table, path, **parquet_options(table.schema))
    sync(path)


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """How Parquet is written: with zstd and page checksums, without dictionaries, so that any reader can read parts of it.

    The first bytes of all scores are stored together, then the second ones and so on: signs and exponents are similar, so the file is 7%
    smaller.
    """
    return {
        "compression": "zstd",
        "compression_level": 6,
        "use_dictionary": False,
        "column_encoding": {field.name: "BYTE_STREAM_SPLIT" if pa.types.is_floating(field.type) else "PLAIN" for field in schema},
        "write_page_checksum": True,
        "version": "2.6",
    }


def sync(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def table_of(
    outputs: Outputs,
    images: Mapping[int, Place],
    id_texts: Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
    masks: Mapping[int, Place] | None = None,
    own_cost: Collection[str] = (),
) -> pa.Table:
    """The table of some examples, one row each. own_cost: units whose costs are written although all of these examples cost the same"""
    places = [images.get(int(id), (0, 0)) for id in outputs.ids] if images else [(0, 0)] * outputs.examples
    columns: dict[str, pa.Array] = {
        "id": pa.array(outputs.ids),
        **({} if id_texts is None else {"id_text": as_column(id_texts)}),
        **({} if texts is None else {"text": as_column(texts)}),
        **({} if outputs.labels is None else {"label": pa.array(outputs.labels)}),
        "split": pa.array(outputs.split.tolist(), pa.string()),
        "image_offset": pa.array([place[0] for place in places], pa.int64()),
        "image_bytes": pa.array([place[1] for place in places], pa.int64()),
    }
    if masks is not None:
        mask_places = [masks.get(int(id), (0, 0)) for id in outputs.ids]
        columns["mask_offset"] = pa.array([place[0] for place in mask_places], pa.int64())
        columns["mask_bytes"] = pa.array([place[1] for place in mask_places], pa.int64())
    for name, values in outputs.factors.items():
        columns[f"factor.{name}"] = pa.array(values)
    for name, values in outputs.before.items():
        columns[f"before.{name}"] = pa.array(values)
    for k in range(outputs.exits):
        if outputs.prediction is not None:
            columns[f"exit{k}.prediction"] = pa.array(outputs.prediction[k])
        if outputs.judged is not None:
            columns[f"exit{k}.quality"] = pa.array(outputs.judged[k])
        for name, values in outputs.qualities.items():
            if name != outputs.quality_name:
                columns[f"exit{k}.quality.{name}"] = pa.array(values[k])
        if outputs.overlap is not None:
            for name, counts in (("intersection", outputs.overlap.intersection), ("union", outputs.overlap.union)):
                columns[f"exit{k}.{name}"] = pa.FixedSizeListArray.from_arrays(pa.array(counts[k].ravel()), counts.shape[2])
        for unit, cost in outputs.stage_cost.items():
            if cost.ndim == 2:
                columns[f"exit{k}.cost.{unit}"] = pa.array(cost[k])
            elif unit in own_cost:
                columns[f"exit{k}.cost.{unit}"] = pa.array(np.full(outputs.examples, cost[k]))
        for name, values in outputs.scores.items():
            columns[f"exit{k}.score.{name}"] = pa.array(values[k])
        for name, values in outputs.features.items():
            columns[f"exit{k}.feature.{name}"] = pa.array(values[k])
        if outputs.logits is not None:
            columns |= {f"exit{k}.{name}": values for name, values in _top_columns(outputs.logits[k]).items()}
    return pa.table(columns)


def read_table(path: Path, exits: int) -> Rows:
    """The table of a bundle with `exits` exits. Raises KeyError, TypeError or ValueError if it is not valid."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:  # `pq.read_table` would load pandas
        try:
            return rows_of(_Columns(file), exits)
        finally:
            pa.default_memory_pool().release_unused()


class _Columns:
    """The columns of a file as a table that reads each when it is asked for, so that they are never all in memory twice."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        self.column_names, self.num_rows = file.schema_arrow.names, file.metadata.num_rows

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        return self._file.read([name])[name]  # names with this one as a prefix may be read too


def rows_of(table: "pa.Table | _Columns", exits: int) -> Rows:
    """The rows of a table, or of a part of it. Raises KeyError, TypeError or ValueError if it is not valid."""

    def column(name: str, dtype: type) -> NDArray:
        return _column(table[name], np.dtype(dtype))

    def stacked(name: str, dtype: type) -> NDArray:
        return _stacked(exits, lambda k: column(f"exit{k}.{name}", dtype))

    def named(prefix: str) -> list[str]:
        return [name.removeprefix(prefix) for name in table.column_names if name.startswith(prefix)]

    scores = sorted(named("exit0.score."), key=lambda name: list(SCORES).index(name) if name in SCORES else len(SCORES))
    factors, units = named("factor."), named("exit0.cost.")
    prediction = stacked("prediction", np.int32) if "exit0.prediction" in table.column_names else None
    return Rows(
        ids=column("id", np.int64),
        labels=column("label", np.int32) if "label" in table.column_names else None,
        split=splits_of(table["split"]),
        prediction=prediction,
        judged=_read_quality([table[f"exit{k}.quality"] for k in range(exits)]) if "exit0.quality" in table.column_names else None,
        own_cost={unit: stacked(f"cost.{unit}", np.float64) for unit in units},
        scores={name: stacked(f"score.{name}", np.float32) for name in scores},
        factors={name: column(f"factor.{name}", np.float32) for name in factors},
        features={name: stacked(f"feature.{name}", np.float32) for name in named("exit0.feature.")},
        before={name: column(f"before.{name}", np.float32) for name in named("before.")},
        top=_read_top(table, exits, prediction),
        image_offset=column("image_offset", np.int64),
        image_bytes=column("image_bytes", np.int64),
        qualities={name: stacked(f"quality.{name}", np.float32) for name in named("exit0.quality.")},
        overlap=_read_overlap(table, exits) if "exit0.union" in table.column_names else None,
        mask_offset=column("mask_offset", np.int64) if "mask_offset" in table.column_names else None,
        mask_bytes=column("mask_bytes", np.int64) if "mask_offset" in table.column_names else None,
        id_texts=read_texts(table["id_text"], MOST_ID) if "id_text" in table.column_names else None,
        texts=read_texts(table["text"], MOST_TEXT) if "text" in table.column_names else None,
    )


def _stacked(exits: int, of_exit: Callable[[int], NDArray]) -> NDArray:
    """The arrays of all exits, (exits, examples, ...), made one after the other. They must have the same shape and type."""
    if exits < 1:
        raise ValueError("there are no exits")
    first = of_exit(0)
    stacked = np.empty((exits, *first.shape), first.dtype)
    stacked[0] = first
    for k in range(1, exits):
        stacked[k] = of_exit(k)
    return stacked


def _column(column: pa.ChunkedArray, dtype: np.dtype) -> NDArray:
    """A column as an array of `dtype`. Raises TypeError or ValueError if it has missing values or they do not fit."""
    whole = dtype.kind == "i"
    if not (pa.types.is_integer(column.type) if whole else pa.types.is_floating(column.type)):
        raise TypeError(f"a column has type {column.type}")
    if column.null_count:
        raise ValueError("a column has missing values")
    if whole:
        column = column.cast(pa.from_numpy_dtype(dtype))  # raises if a number does not fit
    return np.ascontiguousarray(as_array(column), dtype)


def as_array(column: pa.ChunkedArray) -> NDArray:
    """The values of a column of numbers or booleans without missing ones. `to_numpy` would load pandas, which takes half a second."""
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if pa.types.is_boolean(column.type):
        return np.from_dlpack(array.cast(pa.uint8())).view(bool)
    return np.from_dlpack(array)


def _read_quality(columns: Sequence[pa.ChunkedArray]) -> Quality:
    """(exits, examples), correct or not, or graded."""
    if all(pa.types.is_boolean(column.type) and not column.null_count for column in columns):
        return np.stack([as_array(column) for column in columns])
    return np.stack([_column(column, np.dtype(np.float32)) for column in columns])


def _read_overlap(table: "pa.Table | _Columns", exits: int) -> Overlap:
    """Raises TypeError or ValueError if the counts are not valid."""

    def counts(name: str) -> NDArray[np.int32]:
        columns = [table[f"exit{k}.{name}"] for k in range(exits)]
        if not all(pa.types.is_fixed_size_list(column.type) and not column.null_count for column in columns):
            raise TypeError(f"{name} is not a list of one size")
        return np.stack([_column(pc.list_flatten(column), np.dtype(np.int32)).reshape(table.num_rows, -1) for column in columns])

    return Overlap(counts("intersection"), counts("union"))


def splits_of(column: pa.ChunkedArray) -> NDArray[np.str_]:
    """The splits of the examples, (examples,). Raises ValueError if one is missing or unknown."""
    distinct = column.combine_chunks().dictionary_encode()
    names = distinct.dictionary.to_pylist()
    if column.null_count or not set(names) <= set(map(str, BUNDLE_SPLITS)):
        raise ValueError("the split of an example is unknown")
    return np.array(names, dtype="<U11")[np.from_dlpack(distinct.indices)]


def top_answers(logits: NDArray[np.floating]) -> TopAnswers:
    """The most probable classes of every exit. logits: (exits, examples, classes)"""
    top, kept, total = (np.stack(arrays) for arrays in zip(*map(_top, logits), strict=True))
    return TopAnswers(top, np.exp(kept - total[..., None], dtype=np.float32))


def _top(logits: NDArray[np.floating]) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Top classes, their logits and the log-sum-exp of one exit: probabilities, margin and energy follow from these three."""
    top = np.argsort(-logits, axis=1, kind="stable")[:, :TOP].astype(np.int32)
    kept = np.take_along_axis(logits, top, axis=1).astype(np.float32)
    return top, kept, logsumexp(logits.astype(np.float64), axis=1).astype(np.float32)


def _top_columns(logits: NDArray[np.floating]) -> dict[str, pa.Array]:
    top, kept, total = _top(logits)
    width = top.shape[1]
    return {
        "top_class": pa.FixedSizeListArray.from_arrays(pa.array(top.ravel()), width),
        "top_logit": pa.FixedSizeListArray.from_arrays(pa.array(kept.ravel()), width),
        "log_sum_exp": pa.array(total),
    }


def _read_top(table: "pa.Table | _Columns", exits: int, prediction: NDArray[np.int32] | None) -> TopAnswers:
    if prediction is None:
        nothing = np.empty((exits, table.num_rows, 0))
        return TopAnswers(nothing.astype(np.int32), nothing.astype(np.float32))
    if "exit0.top_class" not in table.column_names:  # see FEW_CLASSES in engine.bundle.bundle
        # Only confidences were recorded, if any: the top class is the prediction, and a score is its confidence.
        if "exit0.score.maxprob" not in table.column_names:
            return TopAnswers(prediction[..., None], np.full((*prediction.shape, 1), np.nan, np.float32))
        shown = SCORES["maxprob"].shown
        maxprob = _stacked(exits, lambda k: shown(as_array(table[f"exit{k}.score.maxprob"])).astype(np.float32))
        return TopAnswers(prediction[..., None], maxprob[..., None])

    def listed(k: int, name: str) -> NDArray:
        lists = table[f"exit{k}.{name}"].combine_chunks()
        return np.from_dlpack(lists.flatten()).reshape(table.num_rows, -1)

    classes = _stacked(exits, lambda k: listed(k, "top_class"))
    logits = _stacked(exits, lambda k: listed(k, "top_logit"))
    total = _stacked(exits, lambda k: as_array(table[f"exit{k}.log_sum_exp"]))
    return TopAnswers(classes, np.exp(logits - total[..., None], dtype=np.float32))
