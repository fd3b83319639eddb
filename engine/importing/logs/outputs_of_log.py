"""A log as outputs: cells are settled, incomplete examples left out, and a split drawn if there is none."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.display_text import counted, printable
from engine.errors import UserError
from engine.importing.checks import MOST_EXAMPLES, check_names_differ
from engine.importing.confidence import log_odds
from engine.importing.logs.complete import only_complete
from engine.importing.logs.failed import settle_cells
from engine.importing.logs.log import Log
from engine.importing.logs.stage_costs import alone
from engine.outputs import MAX_EXITS, CascadeKind, Outputs


@dataclass(frozen=True, eq=False)
class Settled:
    """A log whose every cell has a quality and its costs. given: number of examples before incomplete ones were left out"""

    log: Log
    given: int


def settle(log: Log, notes: list[str]) -> Settled:
    """Raises UserError if too little is left."""
    if not 1 <= log.models <= MAX_EXITS:
        raise UserError(f"The log has {log.models:,} models; give between 1 and {MAX_EXITS}, for example with --models.")
    settled = only_complete(settle_cells(log, notes), notes)
    if not 2 <= settled.examples <= MOST_EXAMPLES:
        raise UserError(f"The log has {counted(settled.examples, 'complete example')}; give between 2 and {MOST_EXAMPLES:,}.")
    return Settled(alone(settled), log.examples)


def columns_of_log(log: Log) -> list[NDArray]:
    """Everything that tells examples apart, each (examples,) or (models, examples), before their split is known."""
    own_costs = [cost for cost in log.costs.values() if cost.ndim == 2]
    named = (*own_costs, *log.features.values(), *log.before.values(), *log.factors.values())
    return [column for column in (log.quality, log.conf, log.pred, log.labels, *named) if column is not None]


def outputs_of(log: Log, split: NDArray[np.str_], notes: list[str]) -> Outputs:
    """log: settled;  split: (examples,)"""
    quality = log.quality
    whole = bool(((quality == 0) | (quality == 1)).all())
    judged = quality == 1 if whole else quality.astype(np.float32)
    prediction = None
    if log.pred is not None and (log.pred >= 0).all() and not log.failed.any():
        prediction = log.pred.astype(np.int32)
    elif log.pred is not None:
        notes.append("Some rows have no prediction, so the predicted classes are left out.")
    labels = None if log.labels is None else log.labels.astype(np.int32)
    if prediction is not None and labels is not None and whole and bool(((prediction == labels) == judged).all()):
        judged = None  # classes, which more policies can use
    if log.conf is None:
        before = "" if log.before or log.kind is CascadeKind.CHAIN else ", or a column before_NAME, a number known before any model runs"
        notes.append(
            "There is no confidence, so policies that read one cannot run; add a column conf (in wide form MODEL.conf), the probability"
            f" that the result is correct{before}."
        )
    features = {name: _in_float32(f"feature_{name}", values) for name, values in log.features.items()}
    before = {name: _in_float32(f"before_{name}", values) for name, values in log.before.items()}
    check_names_differ([*(("maxprob",) if log.conf is not None else ()), *features, *before])
    for name, values in before.items():
        if np.isnan(values).any():
            example = log.id_in_words(int(np.isnan(values).argmax()))
            raise UserError(f"before_{name} is empty for example {printable(example)!r}; fill it, or leave the column out.")
    return Outputs(
        prediction=prediction,
        scores={} if log.conf is None else {"maxprob": np.where(log.failed, -np.inf, log_odds(log.conf)).astype(np.float32)},
        labels=labels,
        ids=log.ids,
        split=split,
        stage_cost=dict(log.costs),
        classes=len(log.class_names),
        kind=log.kind,
        recorded="confidence",
        factors={name: _in_float32(f"factor_{name}", values) for name, values in log.factors.items()},
        features=features,
        before=before,
        judged=judged,
    )


def _in_float32(name: str, values: NDArray) -> NDArray[np.float32]:
    """In float32, NaN where it is not known. Raises UserError if a number is too large."""
    if (np.abs(values.astype(np.float64)) > np.finfo(np.float32).max).any():
        raise UserError(f"{name} contains a number that overflows float32; give smaller numbers.")
    return values.astype(np.float32)
