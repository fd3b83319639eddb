"""Rows in batches of one size."""

from collections.abc import Iterable, Iterator

import pyarrow as pa


def regrouped(blocks: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of `rows`, the last of which may be smaller."""
    waiting: list[pa.RecordBatch] = []
    for block in blocks:
        waiting.append(block)
        if sum(batch.num_rows for batch in waiting) >= rows:
            together = pa.concat_batches(waiting)
            whole = together.num_rows // rows * rows
            yield from (together.slice(start, rows) for start in range(0, whole, rows))
            waiting = [together.slice(whole)]
    if sum(batch.num_rows for batch in waiting):
        yield pa.concat_batches(waiting)
