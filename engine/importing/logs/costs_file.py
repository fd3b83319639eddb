"""Costs that are not in the log itself: a second file, of costs for each model or for each example and model, or costs that were typed."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.display_text import listed, printable
from engine.errors import UserError
from engine.hashing import hash_texts
from engine.importing.ids import are_numbers
from engine.importing.logs.column_names import COST_NAMES, guess, is_unit
from engine.importing.logs.log import Log
from engine.importing.logs.stage_costs import checked_costs, total_units
from engine.importing.logs.table import Table, row_in_words
from engine.importing.options import Options
from engine.outputs import CascadeKind

#: The unit of costs whose name gives none.
UNNAMED = "cost"


def priced(log: Log, options: Options, table: Table | None) -> Log:
    """The log with the costs that were typed or that are in a second table, if there are any, in the unit that the user names."""
    check_unit(options.cost_unit)
    if options.cost:
        log = typed_costs(log, options.cost)
    log = log if table is None else costs_of_file(log, table)
    return log if options.cost_unit == UNNAMED or not log.costs else with_unit(log, options.cost_unit)


def with_unit(log: Log, unit: str) -> Log:
    """The log with a unit for the costs that have none. Raises UserError if all have one, or one that has is in that unit already."""
    units = listed(list(log.costs))
    if UNNAMED not in log.costs:
        raise UserError(
            f"--cost-unit {unit} is for costs without a unit, and those of the log are in {units} by their names; leave it out."
        )
    if unit in log.costs:
        raise UserError(f"The log has costs in {unit} already, beside some without a unit ({units}); give those another --cost-unit.")
    costs = {unit if name == UNNAMED else name: cost for name, cost in log.costs.items()}
    return replace(log, costs=costs, totals=frozenset(unit if name == UNNAMED else name for name in log.totals))


def check_unit(unit: str) -> None:
    """Raise UserError if this cannot name a unit of costs."""
    if not is_unit(unit):
        raise UserError(f"--cost-unit {printable(unit)!r} cannot name a unit; use lower-case letters, digits and underscores, such as usd.")


def typed_costs(log: Log, cost: Mapping[str, float]) -> Log:
    """The log with one cost for each model. Raises UserError if one is missing, unknown or negative."""
    _check_none(log, "--cost")
    keys = {**dict(zip(log.names, log.keys, strict=True)), **{key: key for key in log.keys}}
    for name, number in cost.items():
        if name not in keys:
            known = listed([printable(key) for key in log.keys])
            raise UserError(f"--cost names {printable(name)!r}, which the log does not have; its models are: {known}.")
        if not 0 <= number < 1e30:
            raise UserError(f"--cost {printable(name)}={number:g} is no cost; give a number of 0 or more, below 1e30.")
    by_key = {keys[name]: number for name, number in cost.items()}
    lacking = [printable(key) for key in log.keys if key not in by_key]
    if lacking:
        raise UserError(f"--cost gives no cost for {listed(lacking)}; add --cost {lacking[0]}=NUMBER.")
    costs = {UNNAMED: np.array([by_key[key] for key in log.keys], np.float64)}
    return replace(log, costs=costs, totals=_totals(log, {UNNAMED}))


def costs_of_file(log: Log, table: Table) -> Log:
    """The log with the costs of a table: rows of a model and its cost, or of an example, a model and its cost there.

    Raises UserError if a model is missing; a missing cost of a single cell is refused later, where it is needed.
    """
    _check_none(log, "--costs")
    columns = guess(table.columns, {})
    if "model" in columns.roles and columns.costs:
        with _named(table):
            model_of, keys = table.full_codes(columns.roles["model"])
            values = {unit: checked_costs(table, cost.column) for unit, cost in columns.costs.items()}
        totals = total_units(columns.costs, log.kind)
    else:
        unit, model_of, keys, cost, table = _wide(log, table)
        values, totals = {unit: cost}, _totals(log, {unit})
    number = {key: k for k, key in enumerate(log.keys)}
    model = np.array([number.get(key, -1) for key in keys])[model_of]
    lacking = [printable(key) for key in log.keys if key not in keys]
    if lacking:
        raise UserError(f"{table.name} has no costs of {listed(lacking)}; add them, or select models with --models.")
    if "example" in columns.roles:
        example = _positions(log, table, columns.roles["example"])
        shape: tuple[int, ...] = (log.models, log.examples)
        if (example < 0).all():
            column = columns.roles["example"]
            here, there = printable(str(table.texts(column)[0].as_py())), printable(log.id_in_words(0))
            raise UserError(
                f"{table.name} has costs of no example of the log: {printable(column)} is {here!r}, for example, and {there!r} in the log;"
                " give both the same ids."
            )
        wanted = (model >= 0) & (example >= 0)
        cell = np.where(wanted, model * log.examples + example, -1)
    else:
        shape, wanted, cell = (log.models,), model >= 0, model
    rows = np.flatnonzero(wanted)
    _, first, count = np.unique(cell[rows], return_index=True, return_counts=True)
    if (count > 1).any():
        row = int(rows[first[(count > 1).argmax()]])
        again = int(rows[np.flatnonzero(cell[rows] == cell[row])[1]])
        what = "cell" if len(shape) > 1 else "model"
        raise UserError(f"{table.name} gives the costs of one {what} in rows {row} and {again} (counted from 0); leave one out.")
    costs: dict[str, NDArray[np.float64]] = {}
    for unit, cost in values.items():
        made = np.full(int(np.prod(shape)), np.nan)
        made[cell[rows]] = cost[rows]
        costs[unit] = made.reshape(shape)
        if len(shape) == 1 and np.isnan(made).any():
            row = int(np.flatnonzero(np.isnan(cost) & wanted)[0])
            raise UserError(f"{table.name} has no cost in {row_in_words(row)}; fill it.")
    return replace(log, costs=costs, totals=totals)


def _wide(log: Log, table: Table) -> tuple[str, NDArray[np.int64], list[str], NDArray[np.float64], Table]:
    """A table with a column of costs for each model, as rows of one model each: unit, model of each row, models, costs, and the table."""
    keys = [key for key in log.keys if key in table.columns]
    if not keys:
        raise UserError(
            f"{table.name} has no costs that can be read; give the columns model and cost, for each example with its id, or a column for"
            " each model."
        )
    with _named(table):
        costs = np.concatenate([checked_costs(table, key) for key in keys])
    model_of = np.repeat(np.arange(len(keys)), table.rows)
    return UNNAMED, model_of, keys, costs, table.take(np.tile(np.arange(table.rows), len(keys)))


def _positions(log: Log, table: Table, column: str) -> NDArray[np.int64]:
    """Which example of the log each row is about, -1 for others."""
    with _named(table):
        codes, texts = table.full_codes(column)
    if log.id_texts is not None:
        ids, known = hash_texts(texts), np.ones(len(texts), bool)
    else:
        known = np.array([are_numbers([text]) for text in texts])
        ids = np.array([int(text) if is_number else 0 for text, is_number in zip(texts, known, strict=True)], np.int64)
    order = np.argsort(log.ids)
    at = np.searchsorted(log.ids, ids, sorter=order).clip(max=log.examples - 1)
    position = order[at]
    return np.where(known & (log.ids[position] == ids), position, -1)[codes]


@contextmanager
def _named(table: Table) -> Generator[None]:
    """Errors name the table, so that its rows are not taken for those of the log."""
    try:
        yield
    except UserError as mistake:
        raise UserError(f"In {table.name}, {mistake}") from mistake


def _totals(log: Log, units: set[str]) -> frozenset[str]:
    return frozenset(units if log.kind is CascadeKind.CHAIN else ())


def _check_none(log: Log, option: str) -> None:
    if log.costs:
        units = listed(list(log.costs))
        raise UserError(
            f"The log has costs of its own ({units}), so {option} is not needed; leave it out, or leave theirs out with --map cost=."
        )


def check_any(log: Log, table: Table) -> None:
    """Raise UserError if the log has no costs."""
    if not log.costs:
        names, example = ", ".join(list(COST_NAMES)[:4]), printable(log.keys[0])
        raise UserError(
            f"No column gives costs among {table.columns_in_words()}; call it {names} or cost_UNIT, name it"
            f" with --map cost=COLUMN, or give --cost {example}=0.2 for each model or --costs FILE."
        )
