"""The parts of a bundle from a log of models."""

from typing import Any

from engine.importing.checks import check_exit_names
from engine.importing.equal_rows import equal_rows
from engine.importing.logs.dominated import best_last, check_reference, dominated_facts
from engine.importing.logs.log import Log
from engine.importing.logs.outputs_of_log import columns_of_log, outputs_of, settle
from engine.importing.parts import Parts
from engine.importing.splits import settled_split
from engine.outputs import CascadeKind


def parts_of_log(log: Log, notes: list[str]) -> Parts:
    check_exit_names(log.names)
    settled = settle(log, notes)
    complete = settled.log
    first = None if complete.has_ids else equal_rows(columns_of_log(complete))
    split = settled_split(complete.split, complete.examples, complete.texts, first, notes, lambda at: settled.log.place(None, *at))
    facts: dict[str, Any] = {}
    if complete.examples < settled.given:
        facts["complete"] = {"examples": complete.examples, "of": settled.given}
    if complete.failed.any():
        facts["failed"] = {name: int(count) for name, count in zip(complete.names, complete.failed.sum(axis=1), strict=True) if count}
    if complete.kind is CascadeKind.FAMILY:
        order = best_last(complete.quality, complete.costs, split, complete.names, notes)
        complete, facts = complete.models_at(order.kept), facts | dominated_facts(order)
    check_reference(complete.kind, complete.costs, split, complete.names)
    outputs = outputs_of(complete, split, notes)
    return Parts(
        outputs=outputs,
        class_names=complete.class_names,
        exit_names=complete.names,
        split_given=complete.split is not None,
        id_texts=complete.id_texts,
        texts=complete.texts,
        first=first,
        facts=facts,
    )
