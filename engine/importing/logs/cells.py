"""Checks that both forms of a log share."""

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.logs.column_names import ROLES
from engine.importing.logs.table import Table, row_in_words


def checked_confidence(table: Table, column: str) -> NDArray[np.float64]:
    """The confidences in a column, (rows,), NaN where it is empty."""
    conf = table.numbers(column)
    with np.errstate(invalid="ignore"):
        outside = (conf < 0) | (conf > 1)
    if outside.any():
        row = int(outside.argmax())
        raise UserError(
            f"{printable(column)} is {conf[row]:.6g} in {row_in_words(row)}; give the probability of being correct, between 0 and 1, or"
            " leave the column out with --map conf=."
        )
    return conf


def missing_column(table: Table, role: str, what: str, otherwise: str = "") -> UserError:
    """The error of a log that lacks a column."""
    known = ", ".join(ROLES[role].names[:4])
    also = f", {otherwise}" if otherwise else ""
    return UserError(
        f"No column gives {what} among {table.columns_in_words()}; call it {known}{also}, or name it with --map {role}=COLUMN."
    )
