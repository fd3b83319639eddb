"""The parts of a bundle from arrays of what the exits gave, such as logits."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.importing.arrays.costs import check_costs
from engine.importing.arrays.exit_outputs import read_exit_outputs
from engine.importing.arrays.log_of_arrays import check_texts
from engine.importing.arrays.names import check_names, check_topology
from engine.importing.arrays.numbers import numbers_of_examples, numbers_of_exits
from engine.importing.checks import check_exit_names, check_labels, check_names_differ
from engine.importing.equal_rows import columns_of, equal_rows
from engine.importing.ids import check_ids
from engine.importing.logs.dominated import best_last, check_reference, dominated_facts, of_exits
from engine.importing.parts import Parts
from engine.importing.schema import Given
from engine.importing.splits import settled_split
from engine.outputs import CascadeKind
from engine.splits import Split

logger = logging.getLogger("offramp.importing")

Arrays = Mapping[str, NDArray]


def parts_of_arrays(given: Given, arrays: Arrays, kind: CascadeKind | None, notes: list[str]) -> Parts:
    labels = check_labels(_labels(given, arrays))
    kind = kind or check_topology(arrays, notes)
    logger.info("2 of 3: checking %s examples and computing their scores", f"{len(labels):,}")
    recorded = read_exit_outputs(arrays, labels, given.missing)
    texts = check_texts(arrays["texts"], len(labels)) if "texts" in arrays else None
    ids, id_texts = check_ids(arrays["ids"], len(labels)) if "ids" in arrays else (np.arange(len(labels)), None)
    outputs = recorded.outputs(
        labels=labels.astype(np.int32),
        split=np.full(len(labels), str(Split.TEST)),  # until it is known
        stage_cost=check_costs(arrays, recorded.exits, len(labels), kind == CascadeKind.FAMILY, given.missing),
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
    split = settled_split(arrays.get("split"), len(labels), texts, first, notes)
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
        facts = dominated_facts(order)
    return Parts(
        outputs=outputs,
        class_names=_names(arrays, "class_names", [f"Class {c}" for c in range(outputs.classes)]),
        exit_names=names,
        split_given="split" in arrays,
        id_texts=id_texts,
        texts=texts,
        first=first,
        facts=facts,
    )


def _labels(given: Given, arrays: Arrays) -> NDArray:
    if "labels" not in arrays:
        what, name = ("column label", "label") if given.columns else ("labels array", "labels (examples,)")
        raise UserError(f"There is no {what}, only {given.missing.present(arrays)}; add {name}, the true class of every example.")
    return arrays["labels"]


def _names(arrays: Arrays, name: str, defaults: list[str]) -> tuple[str, ...]:
    return check_names(name, arrays[name], defaults) if name in arrays else tuple(defaults)
