"""The rows of a large file as outputs, one batch at a time, with the checks that smaller files get."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.bundle.large import Piece
from engine.bundle.texts import MOST_ID, MOST_TEXT, clean_texts
from engine.errors import UserError
from engine.hashing import hash_texts
from engine.importing.arrays.class_names import number_classes
from engine.importing.arrays.costs import check_stage_cost, given_costs, stage_differences
from engine.importing.arrays.exit_outputs import read_exit_outputs
from engine.importing.arrays.log_of_arrays import log_of_arrays
from engine.importing.arrays.numbers import numbers_of_examples, numbers_of_exits
from engine.importing.checks import check_label_numbers, check_names_differ, first_place, in_words, rows_from, whole_numbers
from engine.importing.large.scan import Scan, splits_of
from engine.importing.large.source import Arrays, Source
from engine.importing.logs.costs_file import priced
from engine.importing.logs.dominated import of_exits
from engine.importing.logs.failed import settle_cells
from engine.importing.logs.outputs_of_log import outputs_of
from engine.importing.logs.stage_costs import alone
from engine.importing.options import Options
from engine.outputs import CascadeKind, Outputs


@dataclass(frozen=True, eq=False)
class Settled:
    """What is the same for all batches. named: class_names and exit_names as arrays, where they are known

    order: positions of the exits that are kept, in their order, or None for all
    """

    source: Source
    scan: Scan
    kind: CascadeKind
    options: Options
    named: Mapping[str, NDArray]
    order: NDArray[np.integer] | None = None

    @property
    def judged(self) -> str | None:
        """The array that says how good a result is, or None if predictions are compared with labels."""
        return next((name for name in ("correct", "quality") if name in self.source.arrays), None)


def pieces(settled: Settled) -> Iterator[Piece]:
    """Raises UserError, naming the array and the row, if anything is wrong."""
    source = settled.source
    ignored = {"labels", "pred"} if settled.judged else set()
    for start, arrays in source.batches(sorted(source.arrays - ignored)):
        with rows_from(start):
            yield _piece(settled, arrays, start)


def _piece(settled: Settled, arrays: Arrays, start: int) -> Piece:
    rows = next(array.shape[-1] for array in arrays.values())
    split = splits_of(arrays, start)
    ids, id_texts = _ids(settled, arrays, start, rows)
    texts = None
    if "texts" in arrays:
        texts = clean_texts(arrays.pop("texts").tolist(), MOST_TEXT)
    arrays = {**{name: array for name, array in arrays.items() if name not in ("ids", "split")}, **settled.named}
    for name, constant in settled.scan.constant.items():
        if constant is not None:
            arrays[name] = constant
    made = _judged(settled, arrays, split) if settled.judged else _predicted(settled, arrays, split, ids)
    made = replace(made, ids=ids)
    return Piece(made if settled.order is None else of_exits(made, settled.order), id_texts, texts)


def _ids(settled: Settled, arrays: Arrays, start: int, rows: int) -> tuple[NDArray[np.int64], list[str] | None]:
    """The ids, and their texts if any is no number. Whether two are the same is checked over the whole table."""
    if "ids" not in arrays:
        return np.arange(start, start + rows), None
    ids = arrays["ids"]
    if ids.dtype != object:
        return whole_numbers("ids", ids), None
    texts = ids.tolist()
    if not settled.scan.text_ids:
        return np.array([int(text) for text in texts], np.int64), None
    long = next((text for text in texts if len(text) > MOST_ID), None)
    if long is not None:
        raise UserError(f"ids has an id of more than {MOST_ID} characters, {long[:30]!r} and so on; give shorter ids.")
    return hash_texts(texts), clean_texts(texts, MOST_ID)


def _predicted(settled: Settled, arrays: Arrays, split: NDArray[np.str_], ids: NDArray[np.int64]) -> Outputs:
    arrays = number_classes(arrays)
    if "labels" not in arrays:
        present = settled.source.missing.present(settled.source.arrays)
        raise UserError(f"There is no column label, only {present}; add label, the true class of every example.")
    labels = check_label_numbers(arrays["labels"])
    recorded = read_exit_outputs(arrays, labels, settled.source.missing)
    made = recorded.outputs(
        labels=labels.astype(np.int32),
        split=split,
        stage_cost=_costs(settled, arrays, recorded.exits, len(labels)),
        ids=ids,
        kind=settled.kind,
        factors=numbers_of_examples(arrays, "factor_", len(labels)),
    )
    features = {name: array.astype(np.float32) for name, array in numbers_of_exits(arrays, made.exits, len(labels)).items()}
    before = numbers_of_examples(arrays, "before_", len(labels))
    check_names_differ([*made.scores, *features, *before])
    return replace(made, features=features, before=before)


def _judged(settled: Settled, arrays: Arrays, split: NDArray[np.str_]) -> Outputs:
    notes: list[str] = []
    log = log_of_arrays(arrays, settled.options, settled.kind, settled.source.missing, notes)
    log = settle_cells(priced(log, settled.options, None), notes)
    if at := first_place(~log.ran):
        raise UserError(
            f"{settled.judged} is not given at {in_words(at)}; leave that row out, or give 0 and mark it in exit{at[0]}.failed."
        )
    if log.failed.any() and log.features:
        raise UserError("A file of this size has either failed results or columns feature_NAME; leave one of the two out.")
    made = outputs_of(alone(log), split, notes)
    quality = made.quality
    graded = made if settled.judged == "correct" or settled.scan.binary else replace(made, judged=quality.astype(np.float32))
    return settled.options.named(graded)


def _costs(settled: Settled, arrays: Arrays, exits: int, rows: int) -> dict[str, NDArray[np.float64]]:
    """The cost of each stage alone. Which model of a family costs most is checked over the whole file."""
    given = given_costs(arrays, exits, rows, settled.kind is CascadeKind.FAMILY, settled.source.missing)
    return {
        unit: check_stage_cost(cost, stage_differences(cost.name, cost.array) if cost.total else cost.array, family=False)
        for unit, cost in given.items()
    }
