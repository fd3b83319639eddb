"""A log in arrays: `correct` or `quality`, (exits, examples), in place of what the exits gave."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.bundle.texts import MOST_TEXT, clean_texts
from engine.errors import UserError
from engine.importing.arrays.costs import GivenCost, given_costs
from engine.importing.arrays.names import check_names
from engine.importing.arrays.numbers import numbers_of_examples, numbers_of_exits
from engine.importing.checks import (
    check_axes,
    check_class_numbers,
    check_in_range,
    check_rows,
    check_size,
    first_place,
    in_words,
    whole_numbers,
)
from engine.importing.ids import check_ids
from engine.importing.logs.log import Log
from engine.importing.logs.one_scale import check_one_scale
from engine.importing.options import Options
from engine.importing.quality import in_range
from engine.importing.schema import Missing
from engine.outputs import CascadeKind

Arrays = Mapping[str, NDArray]


def is_log(arrays: Arrays) -> bool:
    return "correct" in arrays or "quality" in arrays


def log_of_arrays(arrays: Arrays, options: Options, kind: CascadeKind, missing: Missing, notes: list[str]) -> Log:
    """Raises UserError if the arrays are inconsistent. Not a number in `quality`, or in `correct` as floats, means that there is none."""
    name = "correct" if "correct" in arrays else "quality"
    for other in ("correct", "quality", "logits", "probs"):
        if other in arrays and other != name:
            raise UserError(f"The file has both {name} and {other}; leave one of them out.")
    judged = arrays[name]
    per_example = [len(arrays[other]) for other in ("labels", "ids", "texts", "split") if other in arrays and arrays[other].ndim == 1]
    exits = len(arrays["exit_names"]) if "exit_names" in arrays and arrays["exit_names"].ndim == 1 else None
    axes = {"exits": exits, "examples": per_example[0] if per_example else None}
    if judged.dtype.kind not in "biuf":
        raise UserError(f"{name} has dtype {judged.dtype}; give booleans or numbers.")
    check_axes(name, judged, axes)
    axes = {"exits": judged.shape[0], "examples": judged.shape[1]}
    check_size(name, exits=judged.shape[0], classes=2)
    stage = "Network" if kind is CascadeKind.FAMILY else "Exit"
    defaults = [f"{stage} {k + 1}" for k in range(len(judged))]
    names = check_names("exit_names", arrays["exit_names"], defaults) if "exit_names" in arrays else tuple(defaults)
    if at := first_place(np.isinf(judged)):
        raise UserError(f"{name} is {judged[at]} at {in_words(at)}; give a finite number, or nan where there is none.")
    check_one_scale(judged, names, options)
    quality = in_range(judged, options, name, in_words, notes)
    if name == "correct" and (at := first_place(~np.isnan(quality) & (quality != 0) & (quality != 1))):
        raise UserError(f"correct contains {judged[at]:.4g} at {in_words(at)}; give 0 or 1, or call the array quality if it is graded.")
    failed = np.zeros(judged.shape, bool)
    if "failed" in arrays:
        check_axes("failed", arrays["failed"], axes)
        if arrays["failed"].dtype.kind not in "biuf":
            raise UserError(f"failed has dtype {arrays['failed'].dtype}; give booleans.")
        failed = arrays["failed"].astype(bool)
    costs: dict[str, GivenCost] = {}
    if not (options.cost or options.costs is not None) or any(name.startswith(("cost", "stage_cost")) for name in arrays):
        costs = given_costs(arrays, judged.shape[0], judged.shape[1], kind is CascadeKind.FAMILY, missing, gaps=True)
    for cost in costs.values():
        if at := first_place(~(np.isnan(cost.array) | (cost.array >= 0) & (cost.array < 1e30))):
            raise UserError(f"{cost.name} is {cost.array[at]:.6g} at {in_words(at, 'exit')}; a cost is 0 or more and less than 1e30.")
    conf = None
    if "conf" in arrays:
        check_axes("conf", arrays["conf"], axes)
        if arrays["conf"].dtype.kind not in "biuf":
            raise UserError(f"conf has dtype {arrays['conf'].dtype}; give floats.")
        conf = arrays["conf"].astype(np.float64)
        if at := first_place(~np.isnan(conf) & ~((conf >= 0) & (conf <= 1))):
            raise UserError(f"conf contains {conf[at]:.4g} at {in_words(at)}; give the probability of being correct, between 0 and 1.")
    labels = pred = None
    if "labels" in arrays:
        check_rows("labels", arrays["labels"], judged.shape[1])
        labels = whole_numbers("labels", arrays["labels"])
    if "pred" in arrays:
        check_axes("pred", arrays["pred"], axes)
        pred = whole_numbers("pred", arrays["pred"])
    class_names: tuple[str, ...] = ()
    if labels is not None or pred is not None:
        known = {of: numbers for of, numbers in (("labels", labels), ("pred", pred)) if numbers is not None}
        if "class_names" not in arrays:
            for of, numbers in known.items():
                check_class_numbers(of, numbers)
        largest = max(int(numbers.max()) for numbers in known.values())
        classes = len(arrays["class_names"]) if "class_names" in arrays else max(2, largest + 1)
        check_size("labels", exits=1, classes=classes)
        for of, numbers in known.items():
            check_in_range(of, numbers, classes)
        defaults = [f"Class {c}" for c in range(classes)]
        class_names = check_names("class_names", arrays["class_names"], defaults) if "class_names" in arrays else tuple(defaults)
    ids, id_texts = check_ids(arrays["ids"], judged.shape[1]) if "ids" in arrays else (np.arange(judged.shape[1]), None)
    keys = tuple(str(key) for key in arrays["exit_names"]) if "exit_names" in arrays else names
    return Log(
        keys=keys,
        names=names,
        kind=kind,
        quality=quality,
        ran=~np.isnan(quality)
        | failed
        | np.any([~np.isnan(cost.array) for cost in costs.values() if cost.array.ndim == 2] or [failed], axis=0),
        failed=failed,
        costs={unit: cost.array for unit, cost in costs.items()},
        totals=frozenset(unit for unit, cost in costs.items() if cost.total),
        ids=ids,
        place=lambda model, example: in_words((example,) if model is None else (model, example)),
        has_ids="ids" in arrays,
        conf=conf,
        pred=pred,
        labels=labels,
        class_names=class_names,
        id_texts=id_texts,
        texts=None if "texts" not in arrays else check_texts(arrays["texts"], judged.shape[1]),
        split=arrays.get("split"),
        factors=numbers_of_examples(arrays, "factor_", judged.shape[1]),
        before=numbers_of_examples(arrays, "before_", judged.shape[1]),
        features=numbers_of_exits(arrays, *judged.shape, gaps=True),
    )


def check_texts(texts: NDArray, examples: int) -> list[str]:
    """(examples,) text, cleaned and cut."""
    check_rows("texts", texts, examples)
    if texts.dtype.kind != "U":
        raise UserError(f"texts has dtype {texts.dtype}; give an array of strings, such as numpy.array(list_of_texts).")
    return clean_texts(texts.tolist(), MOST_TEXT)
