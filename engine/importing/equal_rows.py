"""Examples without ids whose rows are the same, which must not be in calibration and in test."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.outputs import Outputs

#: Fewer distinct values than this do not tell examples apart.
FEWEST_VALUES = 30
#: Of the rows with the same value in the most telling column, this share must be the same altogether. Otherwise values are rounded.
REPETITIONS = 0.9
#: Rows that decide which column tells most.
_LOOKED_AT = 10_000


def columns_of(outputs: Outputs) -> list[NDArray]:
    """Everything that tells examples apart, each (examples,) or (columns, examples). Scores stand for the logits they come from."""
    given = (outputs.prediction, outputs.labels, outputs.judged)
    own_costs = [cost for cost in outputs.stage_cost.values() if cost.ndim == 2]
    named = (*outputs.scores.values(), *outputs.features.values(), *outputs.before.values(), *outputs.factors.values(), *own_costs)
    return [column for column in (*given, *named) if column is not None]


def equal_rows(columns: Sequence[NDArray]) -> NDArray[np.int64] | None:
    """For each example the first one with the same row, (examples,), or None if none is repeated or if equal rows say nothing.

    columns: each (examples,) or (columns, examples)
    """
    single = [row for column in columns for row in np.atleast_2d(column)]
    floats = [row for row in single if row.dtype.kind == "f"]
    if not floats:
        return None
    step = -(-len(floats[0]) // _LOOKED_AT)
    telling = max(floats, key=lambda row: len(np.unique(row[::step])))
    values, place, times = np.unique(telling, return_inverse=True, return_counts=True)
    if len(values) < FEWEST_VALUES:
        return None
    # At the ends of the scale many different examples may have the same value, such as a confidence of 1.
    times[[0, -1]] = np.where(times[[0, -1]] > times[1:-1].max(), 1, times[[0, -1]])
    tied = np.flatnonzero(times[place] > 1)
    if not len(tied):
        return None
    # Each column as whole numbers, so that rows can be compared whatever their types.
    rows = np.ascontiguousarray(np.stack([np.unique(row[tied], return_inverse=True)[1] for row in single], axis=1))
    _, first, row, same = np.unique(_as_single(rows), return_index=True, return_inverse=True, return_counts=True)
    if _pairs(same) < max(REPETITIONS * _pairs(times), 1):
        return None
    group = np.arange(len(telling))
    group[tied] = tied[first][row]
    return group


def _as_single(rows: NDArray[np.int64]) -> NDArray[np.void]:
    """(rows, columns) -> (rows,), equal where all columns are."""
    return rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]


def _pairs(times: NDArray[np.integer]) -> int:
    return int((times.astype(np.int64) * (times - 1) // 2).sum())
