"""Imports someone's outputs into a bundle: arrays or a log, from one file or from memory. Every array and every column is checked.

`engine.importing.help_text` lists all arrays and columns with their shapes. The columns of a Parquet file that holds arrays are described
in `engine.importing.readers.parquet`. The arrays of a safetensors file hold no text: its metadata has names as JSON lists and topology as
text. Limits: 255 exits, 100,000 classes, 10 million examples, and the memory of the import, see `engine.importing.budget`. Parquet files in
the form of `engine.importing.large` are read in batches and limited neither to ten million nor by memory.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle.bundle import Draft, check_id, write_bundle
from engine.bundle.images import encode
from engine.bundle.lock import writing
from engine.bundle.replacing import is_imported, prepare_place, reporting
from engine.bundle.texts import MOST_IN_ALL
from engine.bundle.whole import Whole
from engine.display_text import counted, printable
from engine.errors import UserError
from engine.importing.array_log import check_texts, is_log, log_of_arrays
from engine.importing.budget import MOST_MEMORY
from engine.importing.by_exit import stacked
from engine.importing.checks import check_exit_names, check_labels, check_names_differ, in_words
from engine.importing.class_names import number_classes
from engine.importing.diagnosis.registry import diagnose
from engine.importing.diagnosis.repeated_rows import columns_of, equal_rows
from engine.importing.diagnosis.subject import Subject
from engine.importing.exit_outputs import read_exit_outputs
from engine.importing.extras import (
    check_costs,
    check_ids,
    check_images,
    check_names,
    check_split,
    check_topology,
    numbers_of_examples,
    numbers_of_exits,
)
from engine.importing.large.importer import import_large
from engine.importing.large.source import Source as LargeSource
from engine.importing.large.source import described
from engine.importing.logs.costs_file import priced
from engine.importing.logs.dominated import Order, best_last, check_reference, of_exits
from engine.importing.logs.log import Log
from engine.importing.logs.outputs_of_log import columns_of_log, outputs_of, settle
from engine.importing.logs.read import read_log
from engine.importing.logs.table import Table
from engine.importing.options import Options
from engine.importing.readers import read_arrays
from engine.importing.schema import Given
from engine.importing.splits import SEED, drawn_split, same_texts
from engine.outputs import CascadeKind, Outputs
from engine.paths import bundles_folder
from engine.splits import Split
from engine.storage.files import sha256_of

logger = logging.getLogger("offramp.importing")

Arrays = Mapping[str, NDArray]


@dataclass(frozen=True, eq=False)
class Imported:
    """A bundle made from a file.

    notes:    what its owner should know about it, one sentence each
    replaced: whether it took the place of an earlier import
    whole:    all examples of a large bundle, where the draft has the outputs of a sample, else None
    tested:   (exits,) mean quality of each exit on all test examples, where that is not the one of the draft
    """

    folder: Path
    draft: Draft
    notes: tuple[str, ...]
    replaced: bool
    whole: Whole | None = None
    tested: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        return f"Imported({self.draft.id!r} in {str(self.folder)!r}, {self.draft.outputs!r})"


@dataclass(frozen=True, eq=False)
class Source:
    """Where outputs come from. facts: about it, for the provenance"""

    name: str
    given: Given
    facts: Mapping[str, Any] = field(default_factory=dict)


def import_file(
    path: Path,
    id: str,
    title: str | None = None,
    kind: CascadeKind | str | None = None,
    out: Path | None = None,
    most: int = MOST_MEMORY,
    options: Options | None = None,
) -> Imported:
    """Check a file and write its bundle. Raises UserError, and writes nothing, if anything in the file is wrong.

    kind:    overrides the file's topology;  out: the bundle's folder, by default the one with that id in the library
    most:    memory that the import may take, in bytes; a file that declares more is refused before it is read
    options: how to read a log
    """
    folder = out or bundles_folder() / check_id(id)
    check_place(folder)
    source = described(path)
    if source is not None:
        return _imported_large(source, id, title, kind, options or Options(), folder)
    return written(*draft_from(path, id, title, kind, most, options), folder)


def _imported_large(
    source: LargeSource, id: str, title: str | None, kind: CascadeKind | str | None, options: Options, folder: Path
) -> Imported:
    check_id(id)
    prepare_place(folder)
    with reporting(folder), writing(folder):
        replaced = replaces(folder)
        made = import_large(source, id, title, checked_kind(kind), options, folder)
    bundle = made.bundle
    names = {name: getattr(bundle, name) for name in ("id", "title", "outputs", "class_names", "exit_names", "unit_notes", "provenance")}
    return Imported(folder, Draft(**names), made.notes, replaced, bundle.whole, made.accuracy)


def written(draft: Draft, notes: tuple[str, ...], folder: Path) -> Imported:
    """Write the bundle. Raises UserError if that fails."""
    logger.info("3 of 3: writing the bundle")
    prepare_place(folder)
    with reporting(folder), writing(folder):
        replaced = replaces(folder)  # once more: there may be another bundle by now
        write_bundle(draft, folder)
    return Imported(folder, draft, notes, replaced)


def draft_from(
    path: Path,
    id: str,
    title: str | None = None,
    kind: CascadeKind | str | None = None,
    most: int = MOST_MEMORY,
    options: Options | None = None,
) -> tuple[Draft, tuple[str, ...]]:
    """The bundle that a file would make, and the notes about it."""
    check_id(id)
    given = read_arrays(path, most)
    return draft_of(Source(printable(path.name), given, {"sha256": sha256_of(path)}), id, title, kind, options or Options(), most)


def draft_of(
    source: Source, id: str, title: str | None, kind: CascadeKind | str | None, options: Options, most: int = MOST_MEMORY
) -> tuple[Draft, tuple[str, ...]]:
    """The bundle that a source would make, and the notes about it."""
    kind = checked_kind(kind)
    given, notes = source.given, []
    arrays = {} if given.table is not None else number_classes(stacked(given.arrays))
    if given.table is not None:
        logger.info("2 of 3: checking %s rows", f"{given.table.rows:,}")
        log = read_log(given.table, _costs_table(options, most), options, kind, notes)
        parts = _parts_of_log(log, notes)
    elif is_log(arrays):
        options.refuse("columns", "models")
        log = log_of_arrays(arrays, options, kind or check_topology(arrays, notes), given.ignored, notes)
        parts = _parts_of_log(priced(log, options, _costs_table(options, most)), notes)
    else:
        options.refuse("columns", "models", "costs", "cost", "cost_unit", "scale", "clip", "quality_name")
        parts = _parts_of_arrays(given, arrays, kind, notes)
    outputs = options.named(parts.outputs)
    if "cost" in outputs.stage_cost:
        remedy = (
            "name the array cost_macs or cost_latency_ms" if given.table is None else "name the column cost_usd or give --cost-unit usd"
        )
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
        unit_notes={unit: f"As given in {source.name}." for unit in outputs.stage_cost},
        provenance={
            "imported_from": source.name,
            **source.facts,
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


@dataclass(frozen=True, eq=False)
class _Parts:
    """What a bundle is made of, from arrays or from a log.

    first: for examples without ids, see `equal_rows`;  facts: for the provenance
    """

    outputs: Outputs
    class_names: tuple[str, ...]
    exit_names: tuple[str, ...]
    split_given: bool
    id_texts: list[str] | None
    texts: list[str] | None
    first: NDArray[np.int64] | None
    facts: Mapping[str, Any] = field(default_factory=dict)


def _parts_of_arrays(given: Given, arrays: Arrays, kind: CascadeKind | None, notes: list[str]) -> _Parts:
    labels = check_labels(_labels(given, arrays))
    kind = kind or check_topology(arrays, notes)
    logger.info("2 of 3: checking %s examples and computing their scores", f"{len(labels):,}")
    recorded = read_exit_outputs(arrays, labels, given.ignored)
    texts = check_texts(arrays["texts"], len(labels)) if "texts" in arrays else None
    ids, id_texts = check_ids(arrays["ids"], len(labels)) if "ids" in arrays else (np.arange(len(labels)), None)
    outputs = recorded.outputs(
        labels=labels.astype(np.int32),
        split=np.full(len(labels), str(Split.TEST)),  # until it is known
        stage_cost=check_costs(arrays, recorded.exits, len(labels), kind == CascadeKind.FAMILY, given.ignored),
        ids=ids,
        kind=kind,
        factors=numbers_of_examples(arrays, "factor_", len(labels)),
    )
    features = {name: array.astype(np.float32) for name, array in numbers_of_exits(arrays, outputs.exits, len(labels)).items()}
    before = numbers_of_examples(arrays, "before_", len(labels))
    if features or before:
        check_names_differ([*outputs.scores, *features, *before])
        outputs = replace(outputs, features=features, before=before)
    first = equal_rows(columns_of(outputs)) if "ids" not in arrays else None
    split = _split(arrays.get("split"), len(labels), texts, first, notes)
    outputs = replace(outputs, split=split)
    notes += recorded.notes
    stages = "Network" if kind == CascadeKind.FAMILY else "Exit"
    names = _names(arrays, "exit_names", [f"{stages} {k + 1}" for k in range(outputs.exits)])
    facts: dict[str, Any] = {}
    check_exit_names(names)
    if kind == CascadeKind.FAMILY:
        order = best_last(outputs.quality, outputs.stage_cost, split, names, notes)
        names = tuple(names[k] for k in order.kept.tolist())
        check_reference(kind, {unit: cost[order.kept] for unit, cost in outputs.stage_cost.items()}, split, names)
        outputs = of_exits(outputs, order.kept)
        facts = _dominated(order)
    return _Parts(
        outputs=outputs,
        class_names=_names(arrays, "class_names", [f"Class {c}" for c in range(outputs.classes)]),
        exit_names=names,
        split_given="split" in arrays,
        id_texts=id_texts,
        texts=texts,
        first=first,
        facts=facts,
    )


def _dominated(order: Order) -> dict[str, Any]:
    return {"dominated": order.dominated} if order.dominated else {}


def _parts_of_log(log: Log, notes: list[str]) -> _Parts:
    check_exit_names(log.names)
    settled = settle(log, notes)
    complete = settled.log
    first = None if complete.has_ids else equal_rows(columns_of_log(complete))
    split = _split(complete.split, complete.examples, complete.texts, first, notes, lambda at: settled.log.place(None, *at))
    facts: dict[str, Any] = {}
    if complete.examples < settled.given:
        facts["complete"] = {"examples": complete.examples, "of": settled.given}
    if complete.failed.any():
        facts["failed"] = {name: int(count) for name, count in zip(complete.names, complete.failed.sum(axis=1), strict=True) if count}
    if complete.kind is CascadeKind.FAMILY:
        order = best_last(complete.quality, complete.costs, split, complete.names, notes)
        complete, facts = complete.models_at(order.kept), facts | _dominated(order)
    check_reference(complete.kind, complete.costs, split, complete.names)
    outputs = outputs_of(complete, split, notes)
    return _Parts(
        outputs=outputs,
        class_names=complete.class_names,
        exit_names=complete.names,
        split_given=complete.split is not None,
        id_texts=complete.id_texts,
        texts=complete.texts,
        first=first,
        facts=facts,
    )


def _costs_table(options: Options, most: int) -> Table | None:
    """The second table, with costs, read if it is a file."""
    if not isinstance(options.costs, Path):
        return options.costs
    table = read_arrays(options.costs, most).table
    if table is None:
        raise UserError(f"{printable(options.costs.name)} holds arrays, not a table of costs; give rows of a model and its cost.")
    return table


def _labels(given: Given, arrays: Arrays) -> NDArray:
    if "labels" not in arrays:
        present = ", ".join([*given.ignored, *arrays][:10]) or "nothing"  # unknown names first: one may be misspelt
        raise UserError(f"There is no labels array, only {present}; add labels (examples,), the true class of every example.")
    return arrays["labels"]


def _split(
    given: NDArray | None,
    examples: int,
    texts: list[str] | None,
    first: NDArray[np.int64] | None,
    notes: list[str],
    place: Callable[[tuple[int, ...]], str] = in_words,
) -> NDArray[np.str_]:
    """first: for each example the first one with the same row, see `equal_rows`;  place: the index of an example in words"""
    if given is not None:
        split = check_split(given, examples, place)
    else:
        group = same_texts(texts) if texts is not None else first
        split = drawn_split(np.arange(examples) if group is None else group)
        half, rest = (int((split == part).sum()) for part in (Split.CALIBRATION, Split.TEST))
        drawn = f"{counted(half, 'row')} drawn at random with seed {SEED} {'is' if half == 1 else 'are'} for calibration"
        notes.append(f"No split given: {drawn}, the other {rest:,} for testing.")
        if texts is not None and len(set(texts) - {""}) < examples - texts.count(""):
            notes.append("Some examples have the same text; they are kept in the same split.")
        for part in (Split.CALIBRATION, Split.TEST):
            if part not in split:
                same = "have the same text" if texts is not None else "are the same"
                raise UserError(f"No {part} examples could be drawn, because nearly all {same}; add a column split.")
    if Split.FIT not in split:
        notes.append("There are no fit rows, so policies with learned gates train them on the calibration rows.")
    return split


def _images(arrays: Arrays, ids: NDArray[np.int64], split: NDArray[np.str_]) -> Iterator[tuple[int, bytes]] | list:
    """The images of the test examples, each encoded when it is written."""
    if "images" not in arrays:
        return []
    images = arrays["images"]
    check_images(images, len(ids))
    return ((int(ids[row]), encode(np.ascontiguousarray(images[row]))) for row in np.flatnonzero(split == Split.TEST))


def _names(arrays: Arrays, name: str, defaults: list[str]) -> tuple[str, ...]:
    return check_names(name, arrays[name], defaults) if name in arrays else tuple(defaults)


def check_place(folder: Path) -> None:
    """Raise UserError, before the work, if a bundle may not be written to `folder` or another process is writing it."""
    replaces(folder)
    if folder.parent.is_dir():
        with reporting(folder), writing(folder):
            pass


def replaces(folder: Path) -> bool:
    """Whether there is an earlier import, the only thing that may be replaced: not a computed bundle, and not an unrelated folder."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if not is_imported(folder):
        raise UserError(f"{folder} already exists and is not an imported bundle; choose another --id or --out.")
    return True
