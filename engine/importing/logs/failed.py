"""Rows of models that failed: they are worth nothing and still cost, and no example should leave there."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.importing.logs.column_names import unit_in_words
from engine.importing.logs.log import Log


def settle_cells(log: Log, notes: list[str]) -> Log:
    """A log in which every cell that ran has a quality: a failed one has 0, and one without quality and cost was not run.

    An empty quality beside a cost of its own counts as failed. Raises UserError if a cell lacks its cost or confidence.
    """
    own_costs = [cost for cost in log.costs.values() if cost.ndim == 2]
    empty = log.ran & ~log.failed & np.isnan(log.quality)
    paid = np.any([~np.isnan(cost) for cost in own_costs], axis=0) if own_costs else np.zeros_like(empty)
    failed = log.failed & log.ran | empty & paid
    ran = log.ran & ~(empty & ~paid)
    quality = np.where(failed, 0.0, log.quality)
    for unit, cost in log.costs.items():
        lacking = ran & np.isnan(cost) if cost.ndim == 2 else np.zeros_like(ran)
        if lacking.any():
            where, more = _first(log, lacking)
            if failed[lacking].all():
                raise UserError(f"There is no {unit_in_words(unit)} of the failed {where}{more}; give what the attempt cost, 0 if nothing.")
            raise UserError(f"There is a quality but no {unit_in_words(unit)} of {where}{more}; add the cost, or leave these examples out.")
    conf = log.conf
    if conf is not None:
        lacking = ran & ~failed & np.isnan(conf)
        if lacking.any():
            where, more = _first(log, lacking)
            raise UserError(f"There is a quality but no confidence of {where}{more}; add it, or leave the column out with --map conf=.")
    features = {name: _of_all(log, name, values, ran & ~failed) for name, values in log.features.items()}
    if failed.any():
        counts = [f"{name} {count:,}" for name, count in zip(log.names, (failed & ran).sum(axis=1).tolist(), strict=True) if count]
        leaving = ", and have a confidence below all others, so that examples go on" if conf is not None else ""
        some = f"{failed.sum():,} rows" if failed.sum() > 1 else "1 row"
        notes.append(f"Failed: {some} ({', '.join(counts)}). They count as quality 0 at their cost{leaving}.")
    return replace(log, quality=quality, ran=ran, failed=failed, features=features)


def _of_all(log: Log, name: str, values: NDArray[np.float64], needed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A feature without gaps: where a model failed, its mean. Raises UserError if it is missing elsewhere."""
    lacking = needed & np.isnan(values)
    if lacking.any():
        where, more = _first(log, lacking)
        raise UserError(f"There is no feature_{name} of {where}{more}; add it, or leave the column out.")
    count = np.maximum(needed.sum(axis=1), 1)
    mean = np.where(needed, values, 0.0).sum(axis=1) / count
    return np.where(np.isnan(values), mean[:, None], values)


def _first(log: Log, cells: np.ndarray) -> tuple[str, str]:
    """Where the first of these cells is, and how many others there are, in words."""
    example, model = (int(i) for i in np.argwhere(cells.T)[0])
    more = int(cells.sum()) - 1
    return f"{log.names[model]} in {log.place(model, example)}", f" and {more:,} more" if more else ""
