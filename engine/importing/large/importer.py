"""Imports a Parquet file of many examples in memory that does not depend on their number.

The file is read several times: for what must be known of all rows, for a family also for the order of its models, and to write the table.
Its form is described in `engine.importing.readers.parquet`, with one value for each exit: exit0.pred and exit0.conf, exit0.correct or
exit0.quality.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle.bundle import Bundle, read_bundle
from engine.bundle.large import MOST_SHOWN, MOST_TUNING, LargeDraft, Piece, write_large
from engine.display_text import printable
from engine.exit_values import mean_over_examples
from engine.importing.arrays.costs import unit_of
from engine.importing.arrays.names import check_names, check_topology
from engine.importing.checks import MOST_CLASSES, check_exit_names, check_size
from engine.importing.diagnosis.registry import diagnose
from engine.importing.diagnosis.subject import Subject
from engine.importing.large.pieces import Settled, pieces
from engine.importing.large.scan import Scan, scan
from engine.importing.large.source import Source
from engine.importing.logs.costs_file import UNNAMED
from engine.importing.logs.dominated import Order, best_last, check_reference
from engine.importing.options import Options
from engine.importing.schema import texts
from engine.outputs import CascadeKind, Outputs
from engine.splits import Split
from engine.storage.files import sha256_of

logger = logging.getLogger("offramp.importing")


@dataclass(frozen=True, eq=False)
class ImportedLarge:
    """accuracy: (exits,) mean quality of each exit on all test examples"""

    bundle: Bundle
    accuracy: NDArray[np.float64]
    notes: tuple[str, ...]


def import_large(source: Source, id: str, title: str | None, kind: CascadeKind | None, options: Options, folder: Path) -> ImportedLarge:
    """Check a file and write its bundle. Raises UserError, and writes nothing, if anything in the file is wrong."""
    logger.info("1 of 3: looking through %s rows of %s", f"{source.rows:,}", printable(source.path.name))
    notes: list[str] = []
    named = dict(texts(source.metadata))
    kind = kind or check_topology(named, notes)
    named.pop("topology", None)
    options.refuse("columns", "models", "costs")
    made = scan(source, options.scale)
    settled = Settled(source, made, kind, options, _with_class_names(named, made, source))
    if settled.judged is None:
        options.refuse("cost", "cost_unit", "scale", "clip", "quality_name")
    stages = "Network" if kind is CascadeKind.FAMILY else "Exit"
    defaults = [f"{stages} {k + 1}" for k in range(source.exits)]
    names = check_names("exit_names", named["exit_names"], defaults) if "exit_names" in named else tuple(defaults)
    check_exit_names(names)
    dominated: list[dict[str, Any]] = []
    if kind is CascadeKind.FAMILY:
        order = _order(settled, names, notes)
        settled, names, dominated = replace(settled, order=order.kept), tuple(names[k] for k in order.kept.tolist()), order.dominated
    notes += _notes(settled)
    logger.info("2 of 3: checking %s rows and writing the table", f"{source.rows:,}")
    tested, class_names = _Tested(), _class_names(settled)
    parts = tested.counted(pieces(settled))
    first = next(parts)

    def about(sample: Outputs) -> Mapping[str, Any]:
        diagnosis = diagnose(Subject(sample, names, class_names, dominated))
        notes.extend(diagnosis)
        return {"notes": notes, **({"diagnosis": diagnosis} if diagnosis else {})}

    draft = LargeDraft(
        id=id,
        title=printable(title or "", 200) or id,
        class_names=class_names,
        exit_names=names,
        unit_notes={unit: f"As given in {printable(source.path.name)}." for unit in first.outputs.stage_cost},
        provenance={
            "imported_from": printable(source.path.name),
            "sha256": sha256_of(source.path),
            "split": "as given" if "split" in source.arrays else "half calibration and half test, drawn by a hash of the ids",
            **({"dominated": dominated} if dominated else {}),
        },
        pieces=chain([first], parts),
        stage_cost=_fixed_costs(settled, first.outputs),
        about=about,
    )
    bundle = read_bundle(write_large(draft, folder))
    return ImportedLarge(bundle, tested.quality / tested.examples, tuple(notes))


@dataclass(eq=False)
class _Tested:
    """The sum of the quality of each exit over the test examples so far."""

    examples: int = 0
    quality: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    def counted(self, parts: Iterator[Piece]) -> Iterator[Piece]:
        for piece in parts:
            is_test = piece.outputs.split == Split.TEST
            self.examples += int(np.count_nonzero(is_test))
            self.quality = self.quality + piece.outputs.quality[:, is_test].sum(axis=1, dtype=np.float64)
            yield piece


def _with_class_names(named: Mapping[str, NDArray], made: Scan, source: Source) -> dict[str, NDArray]:
    """With the names of all classes, as a batch may lack some. Quality needs none."""
    if "pred" not in source.arrays or not {"correct", "quality"}.isdisjoint(source.arrays):
        return {name: array for name, array in named.items() if name != "class_names"}
    if "class_names" in named:
        return dict(named)
    classes = max(2, made.most_class + 1)
    check_size("pred", exits=source.exits, classes=min(classes, MOST_CLASSES))
    if classes > MOST_CLASSES:
        return dict(named)  # refused with its row
    return {**named, "class_names": np.array(sorted(made.class_texts) or [f"Class {c}" for c in range(classes)])}


def _class_names(settled: Settled) -> tuple[str, ...]:
    names = settled.named.get("class_names")
    return () if names is None else check_names("class_names", names, [f"Class {c}" for c in range(names.size)])


def _fixed_costs(settled: Settled, outputs: Outputs) -> dict[str, NDArray[np.float64] | None]:
    """None for units whose costs depend on the example; those of `--cost` do not. outputs: some of them"""
    constant = {unit_of(name): costs is not None for name, costs in settled.scan.constant.items()}
    constant.setdefault(settled.options.cost_unit, constant.get(UNNAMED, True))
    return {unit: cost if constant.get(unit, True) else None for unit, cost in outputs.stage_cost.items()}


def _order(settled: Settled, names: tuple[str, ...], notes: list[str]) -> Order:
    """The order of a family's models, by their means over all calibration examples. Raises UserError if the best one is free."""
    sums = {part: _Sums() for part in (Split.CALIBRATION, Split.TEST)}
    for piece in pieces(settled):
        for part, of_part in sums.items():
            rows = np.flatnonzero(piece.outputs.split == part)
            if len(rows):
                of_part.add(piece.outputs.take(rows))
    # As if each split had one example, which is the mean of its own.
    split = np.array([str(part) for part in sums])
    quality = np.stack([of_part.quality / of_part.examples for of_part in sums.values()], axis=1)
    units = sums[Split.TEST].costs
    costs = {unit: np.stack([of_part.costs[unit] / of_part.examples for of_part in sums.values()], axis=1) for unit in units}
    order = best_last(quality, costs, split, names, notes)
    check_reference(settled.kind, {unit: cost[order.kept] for unit, cost in costs.items()}, split, [names[k] for k in order.kept])
    return order


@dataclass(eq=False)
class _Sums:
    """Over examples: quality (exits,), and costs {unit: (exits,)}."""

    examples: int = 0
    quality: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    costs: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, outputs: Outputs) -> None:
        self.examples += outputs.examples
        self.quality = self.quality + outputs.quality.sum(axis=1, dtype=np.float64)
        for unit, cost in outputs.stage_cost.items():
            self.costs[unit] = self.costs.get(unit, 0.0) + mean_over_examples(cost) * outputs.examples


def _notes(settled: Settled) -> list[str]:
    source, splits, notes = settled.source, settled.scan.splits, []
    if source.ignored:
        more = f" and {len(source.ignored) - 5} more" if len(source.ignored) > 5 else ""
        notes.append(f"Ignored, with names that are not known here: {', '.join(source.ignored[:5])}{more}.")
    if settled.judged and not {"labels", "pred"}.isdisjoint(source.arrays):
        notes.append(f"Labels and predictions are left out, as {settled.judged} says how good a result is.")
    if "conf" not in source.arrays:
        notes.append("There is no confidence, so policies that read one cannot run; add columns such as exit0.conf.")
    elif not settled.judged:
        notes.append("The file has only predictions and confidences, so policies that need the probability of every class cannot run.")
    if "split" not in source.arrays:
        drawn = f"{splits[Split.CALIBRATION]:,} rows for calibration, the other {splits[Split.TEST]:,} for testing"
        notes.append(f"No split given: a hash of each {'text' if 'texts' in source.arrays else 'id'} draws {drawn}.")
    if Split.FIT not in splits:
        notes.append("There are no fit rows, so policies with learned gates train them on the calibration rows.")
    shown = min(MOST_SHOWN, splits[Split.TEST])
    notes.append(
        f"A large bundle: knobs and gates are set on at most {MOST_TUNING:,} calibration and fit examples, and the page shows a stratified"
        f" sample of {shown:,} of {splits[Split.TEST]:,} test examples. `python -m engine sweep` reports on all of them."
    )
    return notes
