"""Costs of a log: checked, and for the exits of one network turned into those of each stage alone."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.logs.column_names import CostColumn, unit_in_words
from engine.importing.logs.log import Log
from engine.importing.logs.table import Table, row_in_words
from engine.outputs import CascadeKind

#: Costs are added, multiplied and divided: this limit keeps the results away from infinity.
MOST_COST = 1e30


def checked_costs(table: Table, column: str) -> NDArray[np.float64]:
    """The costs in a column, (rows,), NaN where it is empty."""
    costs = table.numbers(column, gaps=False)
    with np.errstate(invalid="ignore"):
        invalid = (costs < 0) | (costs >= MOST_COST)
    if invalid.any():
        row = int(invalid.argmax())
        raise UserError(f"{printable(column)} is {costs[row]:.6g} in {row_in_words(row)}; a cost is 0 or more and below 1e30.")
    return costs


def total_units(costs: Mapping[str, CostColumn], kind: CascadeKind) -> frozenset[str]:
    """The units whose columns hold the total cost of leaving at an exit."""
    return frozenset(unit for unit, cost in costs.items() if kind is CascadeKind.CHAIN and not cost.alone)


def alone(log: Log) -> Log:
    """The log with the cost of each stage alone. Raises UserError if a total does not rise from one exit to the next."""
    costs = dict(log.costs)
    for unit in log.totals & costs.keys():
        cost = costs[unit]
        stage = np.diff(cost, axis=0, prepend=0.0)
        # For single examples a stage may be free.
        falls = (stage < 0) | (stage.reshape(len(stage), -1) <= 0).all(axis=1).reshape(-1, *[1] * (stage.ndim - 1))
        falls[0] = False
        if falls.any():
            at = tuple(int(i) for i in np.unravel_index(falls.argmax(), falls.shape))
            before, here = cost[(at[0] - 1, *at[1:])], cost[at]
            where = f" in {log.place(at[0], at[1])}" if cost.ndim == 2 else ""
            pair = f"{before:.6g} at {log.names[at[0] - 1]} to {here:.6g} at {log.names[at[0]]}{where}"
            alone_name = "stage_cost" if unit == "cost" else f"stage_cost_{unit}"
            raise UserError(
                f"The {unit_in_words(unit)} does not rise from {pair}, but it is what leaving there costs in total; if it is the cost of"
                f" one stage, call the column {alone_name}, and if these are separate models, add --family."
            )
        costs[unit] = stage
    return replace(log, costs=costs, totals=frozenset())
