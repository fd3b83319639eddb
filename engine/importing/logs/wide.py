"""Wide form: one row for each example, and a column for each model that holds its quality.

Columns such as `small.cost` and `small.conf` hold more about the model of that name. Where there are any, only models that have some are
taken, because the other columns may be anything.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.bundle.texts import MOST_TEXT, clean_texts
from engine.display_text import printable
from engine.errors import UserError
from engine.importing.ids import numbered
from engine.importing.logs.cells import checked_confidence, missing_column
from engine.importing.logs.classes import class_numbers
from engine.importing.logs.column_names import Columns, ModelColumns, by_model, is_known
from engine.importing.logs.log import Log
from engine.importing.logs.model_names import exit_order, kind_of, shown_names
from engine.importing.logs.one_scale import check_one_scale
from engine.importing.logs.stage_costs import checked_costs, total_units
from engine.importing.logs.table import VERDICTS, Table, row_in_words
from engine.importing.options import Options
from engine.importing.quality import in_range
from engine.outputs import CascadeKind

#: What to do if a column of numbers was taken for a model.
NO_MODEL = "; if a column is not a model, name the models with --models A,B"


def model_columns(table: Table, columns: Columns, models: tuple[str, ...]) -> dict[str, ModelColumns]:
    """The columns of each model. Raises UserError if there is no model, or one that the user named has no column."""
    taken = {*columns.roles.values(), *columns.factors.values(), *columns.before.values()}
    free = [column for column in table.columns if column not in taken]
    parted = by_model(free)
    for model in models:
        if model not in parted and model not in table.columns:
            shown = ", ".join(printable(column) for column in table.columns[:10])
            raise UserError(f"--models names {printable(model)!r}, which is no column; the columns are: {shown}.")
    if models:
        named = {model: parted.get(model, ModelColumns(quality=model)) for model in dict.fromkeys(models)}
        return {model: of_model.leaving_out(columns.without) for model, of_model in named.items()}
    used = {column for model in parted.values() for column in model.used}
    unknown = (column for column in free if column not in used and not is_known(column))
    candidates = [column for column in unknown if table.is_numeric(column, VERDICTS)] if len(parted) < 2 else []
    if len(parted) == 1 and (others := [column for column in candidates if _is_quality(table, column)]):
        (model,), column = parted, next(column for column in table.columns if column in used - parted.keys())
        both = f"{printable(model)},{printable(others[0])}"
        raise UserError(
            f"Only {printable(model)} has a column such as {printable(column)}, so other models cannot be told from other columns, such as"
            f" {printable(others[0])}; name the models, for example with --models {both}."
        )
    if not parted:
        parted = {column: ModelColumns(quality=column) for column in candidates}
    if not parted or ("quality" in columns.roles and not any(model.costs for model in parted.values())):
        raise missing_column(table, "model", "the name of the model")
    return {model: of_model.leaving_out(columns.without) for model, of_model in parted.items()}


def _is_quality(table: Table, column: str) -> bool:
    """Whether a column of numbers may be qualities, by their range."""
    numbers = table.numbers(column, VERDICTS)
    return bool(((numbers >= 0) & (numbers <= 1) | np.isnan(numbers)).all())


def read_wide(
    table: Table, columns: Columns, models: Mapping[str, ModelColumns], options: Options, kind: CascadeKind | None, notes: list[str]
) -> Log:
    """The log of a table with columns for each model. Raises UserError, naming column and row, if anything in it is wrong."""
    roles, keys = columns.roles, list(models)
    kind = kind or kind_of(keys, None, notes)
    if kind is CascadeKind.CHAIN:
        keys = [keys[k] for k in exit_order(keys)]
    of_models = [models[key] for key in keys]
    shape = (len(keys), table.rows)
    quality, pred, labels, class_names = _results(table, columns, of_models, options, notes)
    failed = _stacked(table, shape, [model.failed for model in of_models], table.flags, False, bool)
    conf = None
    if any(model.conf for model in of_models):
        conf = _stacked(table, shape, [model.conf for model in of_models], lambda column: checked_confidence(table, column), np.nan)
    units = dict.fromkeys(unit for model in of_models for unit in model.costs)
    costs, totals = {}, frozenset()
    for unit in units:
        named = [model.costs[unit] if unit in model.costs else None for model in of_models]
        of_unit = [None if cost is None else cost.column for cost in named]
        costs[unit] = _stacked(table, shape, of_unit, lambda column: checked_costs(table, column), np.nan)
        totals |= total_units({unit: next(cost for cost in named if cost is not None)}, kind)
    ids, id_texts = _ids(table, roles.get("example"))
    split = np.array(_full(table, roles["split"])) if "split" in roles else None
    texts = None
    if "text" in roles:
        texts = clean_texts([text or "" for text in table.texts(roles["text"]).to_pylist()], MOST_TEXT)
    return Log(
        keys=tuple(keys),
        names=shown_names(keys),
        kind=kind,
        quality=quality,
        ran=~np.isnan(quality) | failed | np.any([~np.isnan(cost) for cost in costs.values()] or [np.zeros(shape, bool)], axis=0),
        failed=failed,
        costs=costs,
        totals=totals,
        ids=ids,
        place=lambda model, example: row_in_words(example),
        has_ids="example" in roles,
        conf=conf,
        pred=pred,
        labels=labels,
        class_names=class_names,
        id_texts=id_texts,
        texts=texts,
        split=split,
        factors={name: table.numbers(column) for name, column in columns.factors.items()},
        before={name: table.numbers(column) for name, column in columns.before.items()},
        features={
            name: _stacked(table, shape, [model.features.get(name) for model in of_models], table.numbers, np.nan)
            for name in dict.fromkeys(name for model in of_models for name in model.features)
        },
    )


def _results(
    table: Table, columns: Columns, models: list[ModelColumns], options: Options, notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64] | None, NDArray[np.int64] | None, tuple[str, ...]]:
    """Quality and pred, (models, examples), labels, (examples,), and the names of the classes."""
    label = columns.roles.get("label")
    coded = [table.codes(model.pred) for model in models if model.pred] + ([table.codes(label)] if label else [])
    numbers, names = class_numbers(coded)
    labels = numbers.pop() if label else None
    whole = label is not None and labels is not None and bool((labels >= 0).all())
    quality = np.full((len(models), table.rows), np.nan)
    pred = np.full(quality.shape, -1)
    judged = [model.quality for model in models if model.quality]
    if judged:
        given = np.stack([table.numbers(column, VERDICTS) for column in judged])
        check_one_scale(given, [printable(column) for column in judged], options, NO_MODEL)
    for k, model in enumerate(models):
        if model.pred:
            pred[k] = numbers.pop(0)
        if model.quality:
            quality[k] = _quality(table, model.quality, options, notes)
        elif whole:
            quality[k] = np.where(pred[k] < 0, np.nan, pred[k] == labels)
        else:
            raise UserError(f"{printable(model.pred or '')} is a prediction, but the label is not known for every row; add a column label.")
    predicted = all(model.pred for model in models) and names is not None
    if not whole or names is None:
        labels = None
    return quality, pred if predicted else None, labels, (names or ()) if predicted or labels is not None else ()


def _quality(table: Table, column: str, options: Options, notes: list[str]) -> NDArray[np.float64]:
    def place(at: tuple[int, ...]) -> str:
        return row_in_words(at[0])

    return in_range(table.numbers(column, VERDICTS), options, printable(column), place, notes, NO_MODEL)


def _stacked(table: Table, shape: tuple[int, int], columns: list[str | None], read, fill: object, dtype: type = float) -> NDArray:
    """(models, examples), with `fill` for models without such a column."""
    made = np.full(shape, fill, dtype)
    for k, column in enumerate(columns):
        if column is not None:
            made[k] = read(column)
    return made


def _full(table: Table, column: str) -> list[str]:
    codes, texts = table.full_codes(column)
    return [texts[code] for code in codes.tolist()]


def _ids(table: Table, column: str | None) -> tuple[NDArray[np.int64], list[str] | None]:
    """The ids and their texts; the numbers of the rows if there is no column of ids."""
    if column is None:
        return np.arange(table.rows), None
    codes, texts = table.full_codes(column)
    if len(texts) < table.rows:
        code = int(np.flatnonzero(np.bincount(codes) > 1)[0])
        first, again = np.flatnonzero(codes == code)[:2].tolist()
        raise UserError(
            f"{printable(column)} is {printable(texts[code])!r} in rows {first} and {again} (counted from 0); give each its own id."
        )
    return numbered(texts, printable(column))  # each row has a text of its own, in the order of the rows
