"""Long form: one row for each example and model."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.bundle.texts import MOST_TEXT, clean_texts
from engine.display_text import printable
from engine.errors import UserError
from engine.importing.ids import numbered
from engine.importing.logs.cells import checked_confidence, missing_column
from engine.importing.logs.classes import Coded, class_numbers
from engine.importing.logs.column_names import Columns
from engine.importing.logs.log import Log
from engine.importing.logs.model_names import exit_order, kind_of, selected, shown_names
from engine.importing.logs.one_scale import check_one_scale
from engine.importing.logs.stage_costs import checked_costs, total_units
from engine.importing.logs.table import VERDICTS, Table, row_in_words
from engine.importing.options import Options
from engine.importing.quality import in_range
from engine.outputs import CascadeKind


def read_long(table: Table, columns: Columns, options: Options, kind: CascadeKind | None, notes: list[str]) -> Log:
    """The log of a table with a column that names the model. Raises UserError, naming column and row, if anything in it is wrong."""
    roles = columns.roles
    column = roles["model"]
    model_of, keys = table.full_codes(column)
    rows = np.arange(table.rows)
    if options.models:
        wanted = np.array(selected(keys, options.models))
        rows = np.flatnonzero(np.isin(model_of, wanted))
        place_of = np.full(len(keys), -1)
        place_of[wanted] = np.arange(len(wanted))
        table, model_of, keys = table.take(rows), place_of[model_of[rows]], [keys[k] for k in wanted]
    kind = kind or kind_of(keys, column, notes)
    if kind is CascadeKind.CHAIN:
        order = exit_order(keys)
        model_of, keys = np.argsort(order)[model_of], [keys[k] for k in order]
    id_column = roles.get("example") or roles.get("text")
    if id_column is None:
        raise missing_column(table, "example", "the id of the example")
    example_of, ids_as_text = table.full_codes(id_column)
    cells = _Cells(table, rows, model_of, example_of, keys, ids_as_text)
    cells.check()
    ids, id_texts = numbered(ids_as_text, printable(id_column))
    quality, pred, labels, class_names = _results(cells, columns, options, notes)
    split = None
    if "split" in roles:
        codes, texts = table.full_codes(roles["split"])
        split = np.array(texts)[cells.of_example(codes, roles["split"])]
    texts = None
    if "text" in roles:
        column_of_texts = table.texts(roles["text"]).take(cells.first)
        texts = clean_texts([text or "" for text in column_of_texts.to_pylist()], MOST_TEXT)
    return Log(
        keys=tuple(keys),
        names=shown_names(keys),
        kind=kind,
        quality=quality,
        ran=cells.row >= 0,
        failed=cells.matrix(table.flags(roles["failed"]), False) if "failed" in roles else np.zeros(cells.row.shape, bool),
        costs={unit: cells.matrix(checked_costs(table, cost.column), np.nan) for unit, cost in columns.costs.items()},
        totals=total_units(columns.costs, kind),
        ids=ids,
        place=cells.place,
        conf=cells.matrix(checked_confidence(table, roles["conf"]), np.nan) if "conf" in roles else None,
        pred=pred,
        labels=labels,
        class_names=class_names,
        id_texts=id_texts if "example" in roles else None,  # else it is the text, which is kept as such
        texts=texts,
        split=split,
        factors={name: cells.number_of_example(table.numbers(column), column) for name, column in columns.factors.items()},
        before={name: cells.number_of_example(table.numbers(column), column) for name, column in columns.before.items()},
        features={name: cells.matrix(table.numbers(column), np.nan) for name, column in columns.features.items()},
    )


@dataclass(frozen=True, eq=False)
class _Cells:
    """Where each row of a table goes: model_of and example_of, (rows,) each. rows: their numbers in the file"""

    table: Table
    rows: NDArray[np.integer]
    model_of: NDArray[np.integer]
    example_of: NDArray[np.integer]
    models: list[str]
    examples: list[str]

    @cached_property
    def row(self) -> NDArray[np.int64]:
        """The row of each cell, (models, examples), -1 where there is none."""
        return self.matrix(np.arange(len(self.rows)), -1)

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """The first row of each example, (examples,)."""
        first = np.zeros(len(self.examples), np.int64)
        first[self.example_of[::-1]] = np.arange(len(self.rows))[::-1]
        return first

    def matrix(self, values: NDArray, fill: object) -> NDArray:
        """(rows,) -> (models, examples), with `fill` where there is no row."""
        made = np.full((len(self.models), len(self.examples)), fill, values.dtype)
        made[self.model_of, self.example_of] = values
        return made

    def place(self, model: int | None, example: int) -> str:
        return row_in_words(int(self.rows[self.first[example] if model is None else self.row[model, example]]))

    def check(self) -> None:
        """Raise UserError if two rows belong into one cell."""
        kept = self.row[self.model_of, self.example_of]
        twice = np.flatnonzero(kept != np.arange(len(kept)))
        if len(twice):
            first, second = int(self.rows[twice[0]]), int(self.rows[kept[twice[0]]])
            model, example = self.models[self.model_of[twice[0]]], self.examples[self.example_of[twice[0]]]
            raise UserError(
                f"{printable(model)} has two rows for example {printable(example)!r}, {first} and {second} (counted from 0); keep one,"
                " or give each its own id."
            )

    def of_example(self, codes: NDArray[np.int64], column: str) -> NDArray[np.int64]:
        """(rows,) -> (examples,). Raises UserError if the rows of one example differ."""
        self._check_same(codes, column)
        return codes[self.first]

    def number_of_example(self, numbers: NDArray[np.float64], column: str) -> NDArray[np.float64]:
        """As `of_example`, for numbers."""
        _, codes = np.unique(numbers, return_inverse=True)  # empty cells are equal
        self._check_same(codes, column)
        return numbers[self.first]

    def _check_same(self, codes: NDArray[np.integer], column: str) -> None:
        differs = np.flatnonzero(codes[self.first][self.example_of] != codes)
        if len(differs):
            here = int(self.rows[differs[0]])
            before = int(self.rows[self.first[self.example_of[differs[0]]]])
            example = printable(self.examples[self.example_of[differs[0]]])
            raise UserError(
                f"{printable(column)} of example {example!r} differs between rows {before} and {here} (counted from 0); make it one."
            )


def _results(
    cells: _Cells, columns: Columns, options: Options, notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64] | None, NDArray[np.int64] | None, tuple[str, ...]]:
    """Quality and pred, (models, examples), labels, (examples,), and the names of the classes."""
    table, roles = cells.table, columns.roles
    coded: dict[str, Coded] = {role: table.codes(roles[role]) for role in ("pred", "label") if role in roles}
    numbers, names = class_numbers(list(coded.values()))
    classes = dict(zip(coded, numbers, strict=True))
    labels = cells.of_example(classes["label"], roles["label"]) if "label" in classes else None
    if "quality" in roles:
        name = printable(roles["quality"])

        def place(at: tuple[int, ...]) -> str:
            return row_in_words(int(cells.rows[at[0]]))

        given = table.numbers(roles["quality"], VERDICTS)
        check_one_scale(cells.matrix(given, np.nan), [printable(model) for model in cells.models], options)
        quality = in_range(given, options, name, place, notes)
    elif "pred" in classes and labels is not None:
        unlabelled = np.flatnonzero(labels < 0)
        if len(unlabelled):
            where = row_in_words(int(cells.rows[cells.first[unlabelled[0]]]))
            raise UserError(f"{printable(roles['label'])} is empty in {where}; give the true class, or leave the example out.")
        pred = classes["pred"]
        quality = np.where(pred < 0, np.nan, pred == labels[cells.example_of])
    else:
        raise missing_column(table, "quality", "whether the result is correct, or how good it is,", "or pred and label")
    if names is None and coded:
        shown = " and ".join(printable(roles[role]) for role in coded)
        notes.append(f"{shown} hold free text, not classes, so only whether a result is correct is kept.")
        return cells.matrix(quality, np.nan), None, None, ()
    if labels is not None and (labels < 0).any():
        labels = None
    pred = cells.matrix(classes["pred"], -1) if "pred" in classes else None
    return cells.matrix(quality, np.nan), pred, labels, (names or ()) if pred is not None or labels is not None else ()
