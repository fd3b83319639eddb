"""The bundle that a file or a frame would make: its parts, its likely mistakes, and where it comes from."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle.bundle import Draft
from engine.bundle.images import encode
from engine.bundle.texts import MOST_IN_ALL
from engine.display_text import printable
from engine.errors import UserError
from engine.importing.arrays.by_exit import stacked
from engine.importing.arrays.class_names import number_classes
from engine.importing.arrays.images import check_images
from engine.importing.arrays.log_of_arrays import is_log, log_of_arrays
from engine.importing.arrays.names import check_topology
from engine.importing.arrays.parts import parts_of_arrays
from engine.importing.budget import MOST_MEMORY
from engine.importing.diagnosis.registry import diagnose
from engine.importing.diagnosis.subject import Subject
from engine.importing.logs.costs_file import priced
from engine.importing.logs.parts import parts_of_log
from engine.importing.logs.read import read_log
from engine.importing.logs.table import Table
from engine.importing.options import Options
from engine.importing.readers import read_arrays
from engine.importing.schema import Given
from engine.importing.splits import SEED
from engine.outputs import CascadeKind
from engine.splits import Split

logger = logging.getLogger("offramp.importing")

Arrays = Mapping[str, NDArray]


@dataclass(frozen=True, eq=False)
class Origin:
    """Where outputs come from. facts: about it, for the provenance"""

    name: str
    given: Given
    facts: Mapping[str, Any] = field(default_factory=dict)


def draft_of(
    origin: Origin, id: str, title: str | None, kind: CascadeKind | str | None, options: Options, most: int = MOST_MEMORY
) -> tuple[Draft, tuple[str, ...]]:
    """The bundle that a source would make, and the notes about it."""
    kind = checked_kind(kind)
    given, notes = origin.given, []
    arrays = {} if given.table is not None else number_classes(stacked(given.arrays))
    if given.table is not None:
        logger.info("2 of 3: checking %s rows", f"{given.table.rows:,}")
        log = read_log(given.table, _costs_table(options, most), options, kind, notes)
        parts = parts_of_log(log, notes)
    elif is_log(arrays):
        options.refuse("columns", "models")
        log = log_of_arrays(arrays, options, kind or check_topology(arrays, notes), given.missing, notes)
        parts = parts_of_log(priced(log, options, _costs_table(options, most)), notes)
    else:
        options.refuse("columns", "models", "costs", "cost", "cost_unit", "scale", "clip", "quality_name")
        parts = parts_of_arrays(given, arrays, kind, notes)
    outputs = options.named(parts.outputs)
    if "cost" in outputs.stage_cost:
        named = "name the columns exit0.cost_macs and so on" if given.columns else "name the array cost_macs or cost_latency_ms"
        remedy = named if given.table is None else "name the column cost_usd or give --cost-unit usd"
        notes.append(f"The costs have no unit, which is shown as cost; to give one, {remedy}, for example.")
    if given.ignored and given.table is None:
        more = f" and {len(given.ignored) - 5} more" if len(given.ignored) > 5 else ""
        notes.append(f"Ignored, with names that are not known here: {', '.join(given.ignored[:5])}{more}.")
    texts = parts.texts
    if texts is not None and sum(map(len, texts)) > MOST_IN_ALL:
        notes.append(f"The texts of the examples have more than {MOST_IN_ALL:,} characters in all, so they are left out.")
        texts = None
    diagnosis = diagnose(Subject(outputs, parts.exit_names, parts.class_names, parts.facts.get("dominated", ()), parts.first))
    notes += diagnosis
    draft = Draft(
        id=id,
        title=printable(title or "", 200) or id,
        outputs=outputs,
        class_names=parts.class_names,
        exit_names=parts.exit_names,
        unit_notes={unit: f"As given in {origin.name}." for unit in outputs.stage_cost},
        provenance={
            "imported_from": origin.name,
            **origin.facts,
            "split": "as given" if parts.split_given else f"half calibration and half test, drawn with seed {SEED}",
            **parts.facts,
            "notes": notes,
            **({"diagnosis": diagnosis} if diagnosis else {}),
        },
        images=_images(arrays, outputs.ids, outputs.split),
        id_texts=parts.id_texts,
        texts=texts,
    )
    return draft, tuple(notes)


def checked_kind(kind: CascadeKind | str | None) -> CascadeKind | None:
    """A notebook gives text. Raises UserError if it is no kind."""
    if kind is not None and kind not in list(CascadeKind):
        raise UserError(f"kind is {printable(str(kind))!r}; use 'chain' for the exits of one network or 'family' for separate networks.")
    return CascadeKind(kind) if kind else None


def _images(arrays: Arrays, ids: NDArray[np.int64], split: NDArray[np.str_]) -> Iterator[tuple[int, bytes]] | list:
    """The images of the test examples, each encoded when it is written."""
    if "images" not in arrays:
        return []
    images = arrays["images"]
    check_images(images, len(ids))
    return ((int(ids[row]), encode(np.ascontiguousarray(images[row]))) for row in np.flatnonzero(split == Split.TEST))


def _costs_table(options: Options, most: int) -> Table | None:
    """The second table, with costs, read if it is a file."""
    if not isinstance(options.costs, Path):
        return options.costs
    table = read_arrays(options.costs, most).table
    if table is None:
        raise UserError(f"{printable(options.costs.name)} holds arrays, not a table of costs; give rows of a model and its cost.")
    return table
