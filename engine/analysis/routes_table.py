"""The routes of one rule as a table: one row per example, to be read by people, spreadsheets and other programs.

| column | type | |
|---|---|---|
| id | text | the example's id, as it was given |
| label, label_name | int32, text | its class, counted from 0, and the name of that class; left out where there are no labels |
| exit, exit_name | int32, text | the exit it leaves at, counted from 1, and its name |
| prediction, prediction_name | int32, text | the predicted class; left out where the exits predict none |
| correct | bool | whether it leaves correctly; where quality is graded, `quality` takes its place |
| quality | float64 | how good it is where it leaves, in [0, 1] |
| cost | float64 | what it costs, as a share of the full network's cost |
| score, margin | float64 | the score at that exit, and by how much it is above the threshold; empty where no finite threshold decides |
| budget_below, budget_above | float64 | the nearest budgets of the sweep at which it leaves at another exit; empty if there are none |
| exit_below, exit_above | int32 | the exits it leaves at then, counted from 1 |
"""

from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.analysis.steps_to_exit_change import NextChange, next_changes
from engine.bundle.bundle import Bundle
from engine.errors import UserError
from engine.exit_values import Quality, at_exits, is_binary
from engine.outputs import Outputs
from engine.policies.core.base import Rule
from engine.policies.saved import SavedPolicy, class_names, exit_names
from engine.splits import Split
from engine.storage.files import write_synced
from engine.sweep import Sweep

#: A spreadsheet takes a cell that begins like this for a formula, in full width too.
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
ENDINGS = (".csv", ".parquet")


def routes_table(sweep: Sweep, cascade: Bundle | Outputs, point: int) -> pa.Table:
    """The routes of the reported examples at one budget of a sweep.

    cascade: what was swept; point: the number of the budget
    """
    outputs = cascade.outputs if isinstance(cascade, Bundle) else cascade
    part, at = outputs.part(sweep.split), sweep.routes.at(point)
    changes = next_changes(sweep.budgets, sweep.exit, point)
    left = Left(at["exit"], at.get("answer"), at["quality"], at_exits(sweep.path_cost, at["path"]))
    return _table(cascade, part, sweep.rules[point], left, changes)


def routes_by(saved: SavedPolicy, cascade: Bundle | Outputs, split: Split | None = Split.TEST) -> pa.Table:
    """The routes of the examples of a split, or of all if it is None, by a saved policy. Changes of exit are not known.

    Costs are the examples' own in the policy's unit, or those it was saved with where the outputs have none in it.

    Raises UserError if the outputs do not fit the policy.
    """
    outputs = cascade.outputs if isinstance(cascade, Bundle) else cascade
    part = outputs if split is None else outputs.part(split)
    route = saved.route(part)
    unknown = NextChange.unknown(part.examples)
    own = saved.unit in part.stage_cost
    cost = route.cost(part.cost_in(saved.unit)) / part.full_cost(saved.unit) if own else route.cost(saved.stage_cost) / saved.full_cost
    return _table(cascade, part, saved.rule, Left(route.exit, route.prediction, route.known_quality, cost), (unknown, unknown))


@dataclass(frozen=True, eq=False)
class Left:
    """Where and how examples left, (examples,) each; prediction is None where the exits predict no classes."""

    exit: NDArray[np.integer]
    prediction: NDArray[np.integer] | None
    quality: Quality
    cost: NDArray[np.float64]


def _table(cascade: Bundle | Outputs, part: Outputs, rule: Rule, left: Left, changes: tuple[NextChange, NextChange]) -> pa.Table:
    """`left` and both of `changes`, below and above, are in the order of `part`."""
    below, above = changes
    exits, classes = np.array(exit_names(cascade), object), np.array(class_names(cascade), object)
    score, margin = _score_and_margin(rule, part, left.exit)

    def of_classes(name: str, numbers: NDArray[np.integer] | None) -> dict[str, pa.Array]:
        if numbers is None:
            return {}
        return {name: pa.array(numbers, pa.int32()), f"{name}_name": pa.array(classes[numbers], pa.string())}

    graded = not is_binary(left.quality)
    return pa.table(
        {
            "id": pa.array(_id_texts(cascade, part), pa.string()),
            **of_classes("label", part.labels),
            "exit": pa.array(left.exit.astype(np.int32) + 1, pa.int32()),
            "exit_name": pa.array(exits[left.exit], pa.string()),
            **of_classes("prediction", left.prediction),
            "quality" if graded else "correct": pa.array(left.quality, pa.float64() if graded else pa.bool_()),
            "cost": pa.array(left.cost, pa.float64()),
            "score": _with_gaps(score),
            "margin": _with_gaps(margin),
            "budget_below": _with_gaps(below.budget),
            "budget_above": _with_gaps(above.budget),
            "exit_below": pa.array(below.exit + 1, pa.int32(), from_pandas=True),
            "exit_above": pa.array(above.exit + 1, pa.int32(), from_pandas=True),
        }
    )


def _id_texts(cascade: Bundle | Outputs, part: Outputs) -> list[str]:
    """The ids of `part`, which is one split of the cascade, or all of it."""
    if not isinstance(cascade, Bundle) or cascade.id_texts is None:
        return [str(id) for id in part.ids.tolist()]
    return cascade.id_texts[np.isin(cascade.outputs.split, np.unique(part.split))].tolist()


@dataclass(frozen=True, eq=False)
class DecidingScores:
    """What the columns score and margin of every budget of a sweep are computed from, where the engine is not at hand.

    threshold: (points, exits), NaN where no finite threshold decides
    scores:    (tables, exits, examples) the scores that are compared with them; policies with one scorer have one table
    table:     (points,) the table of each budget, -1 where no threshold decides
    """

    threshold: NDArray[np.float64]
    scores: NDArray[np.floating]
    table: NDArray[np.int64]


def deciding_scores(sweep: Sweep, cascade: Bundle | Outputs) -> DecidingScores:
    """cascade: what was swept"""
    part = (cascade.outputs if isinstance(cascade, Bundle) else cascade).part(sweep.split)
    threshold = np.full((len(sweep.rules), part.exits), np.nan)
    table = np.full(len(sweep.rules), -1)
    tables: dict[bytes, tuple[int, NDArray[np.floating]]] = {}
    for point, rule in enumerate(sweep.rules):
        spec = rule.threshold_spec()
        if spec is None:
            continue
        threshold[point, :-1] = np.where(np.isfinite(spec.thresholds), spec.thresholds, np.nan)
        scores = rule.decision_scores(part)
        table[point], _ = tables.setdefault(sha256(np.ascontiguousarray(scores).tobytes()).digest(), (len(tables), scores))
    distinct = [scores for _, scores in tables.values()]
    return DecidingScores(threshold, np.stack(distinct) if distinct else np.empty((0, part.exits, part.examples)), table)


def _score_and_margin(rule: Rule, part: Outputs, exit: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(examples,) each; NaN where no finite threshold decides: at the last exit, at exits where all examples leave, or at all exits."""
    spec = rule.threshold_spec()
    if spec is None:
        nothing = np.full(part.examples, np.nan)
        return nothing, nothing
    threshold = np.append(spec.thresholds, np.inf)[exit]  # the last exit has none
    score = np.take_along_axis(rule.decision_scores(part), exit[None].astype(np.int64), axis=0)[0].astype(np.float64)
    decides = np.isfinite(threshold)
    score[~decides] = np.nan
    return score, np.subtract(score, threshold, out=np.full(len(score), np.nan), where=decides)


def _with_gaps(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True)  # NaN is empty


def check_ending(path: Path) -> None:
    """Raise UserError unless the name of the file tells in which form to write it."""
    if path.suffix not in ENDINGS:
        raise UserError(f"{path} has none of the endings {' and '.join(ENDINGS)}, which tell the form of the table; add one of them.")


def write_routes(table: pa.Table, path: Path) -> None:
    """Write a table as CSV or Parquet, by the ending of the path, atomically. Raises UserError if it cannot be written."""
    check_ending(path)
    try:
        write_synced(path, as_csv(table) if path.suffix == ".csv" else as_parquet(table))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as problem:
        raise UserError(f"{path} cannot be written ({problem.strerror}); name a file in a folder that exists.") from problem


def as_parquet(table: pa.Table) -> bytes:
    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def as_csv(table: pa.Table) -> bytes:
    """UTF-8 with commas, the names of the columns in the first line. Text is in quotes; numbers are not; what is empty is empty.

    The names of classes and exits come from files of others, and a spreadsheet would compute a cell that looks like a formula. Such text
    gets an apostrophe in front, which spreadsheets take for the mark of text. Whole numbers, such as negative ids, stay as they are.
    """
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    lines = [",".join(table.column_names), *(",".join(map(_cell, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    number = value.removeprefix("-").isdecimal() and value.isascii()
    if not number and (value.startswith(FORMULA) or value.lstrip().startswith(FORMULA)):
        value = f"'{value}"
    return '"' + value.replace('"', '""') + '"'
