"""What the files of a bundle hold, as outputs. Everything in them is checked."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from engine.bundle.manifest import name_of, one_line
from engine.bundle.origin import remedy
from engine.bundle.table import Rows, TopAnswers
from engine.errors import UserError
from engine.outputs import Outputs, Recorded

_UNIT = re.compile(r"\w{1,64}")


@contextmanager
def consistent(folder: Path) -> Generator[None]:
    """Raise UserError where what is read from a bundle is not valid.

    The checksums match, so the bundle was written like this: by another program, or by hand.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError) as problem:
        raise UserError(f"Bundle {name_of(folder)} is inconsistent ({one_line(problem)}); {remedy(folder)}") from problem


def names_in(listed: Any) -> tuple[str, ...]:
    """Names of exits or classes. Raises ValueError if these are none."""
    if not isinstance(listed, list) or not listed:
        raise ValueError("a list of names is empty or not a list")
    return tuple(str(name)[:100] for name in listed)


def class_names_in(manifest: Mapping[str, Any], rows: Rows) -> tuple[str, ...]:
    return names_in(manifest["class_names"]) if rows.judged is None or manifest["class_names"] else ()


def outputs_in(manifest: Mapping[str, Any], rows: Rows, logits: NDArray[np.floating] | None) -> Outputs:
    """The outputs in rows of the table. logits: of the same rows.  Raises KeyError, TypeError or ValueError if anything is not valid."""
    stage_cost = {
        unit: rows.own_cost[unit] if entry["stage_cost"] is None else _numbers(entry["stage_cost"])
        for unit, entry in manifest["units"].items()
    }
    quality_name, qualities = "", dict[str, NDArray[np.float32]]()
    if "quality" in manifest and rows.judged is not None:
        quality_name = str(manifest["quality"])
        qualities = {quality_name: rows.judged.astype(np.float32), **rows.qualities}
    return Outputs(
        prediction=rows.prediction,
        scores=rows.scores,
        labels=rows.labels,
        ids=rows.ids,
        split=rows.split,
        stage_cost=stage_cost,
        classes=len(class_names_in(manifest, rows)),
        kind=manifest["topology"],
        recorded=manifest["said"],
        logits=logits,
        factors=rows.factors,
        judged=rows.judged,
        features=rows.features,
        before=rows.before,
        qualities=qualities,
        quality_name=quality_name,
        overlap=rows.overlap,
    )


def check_outputs(outputs: Outputs, top: TopAnswers) -> None:
    """Raise ValueError if outputs that were read are not those of a bundle."""
    if outputs.recorded not in get_args(Recorded):
        raise ValueError("it records an unknown kind of outputs")
    for classes in (outputs.labels, outputs.prediction, top.classes):
        if classes is not None and classes.size and (classes.min() < 0 or classes.max() >= outputs.classes):
            raise ValueError("a label or prediction is not one of its classes")
    if outputs.logits is not None:
        _check_logits(outputs.logits, (outputs.exits, outputs.examples, outputs.classes))
    if not outputs.stage_cost or not all(_UNIT.fullmatch(unit) for unit in outputs.stage_cost):
        raise ValueError("it has no costs, or the name of a unit is invalid")


def _check_logits(logits: NDArray, shape: tuple[int, int, int]) -> None:
    if logits.dtype.kind != "f" or logits.shape != shape:
        raise ValueError(f"its logits are {logits.dtype} with shape {logits.shape}")
    if not all(np.isfinite(exit).all() for exit in logits):  # exit by exit, as there may be hundreds of megabytes
        raise ValueError("its logits contain NaN or infinity")


def _numbers(listed: Any) -> NDArray[np.float64]:
    if not isinstance(listed, list) or not all(type(number) in (int, float) for number in listed):
        raise ValueError("a cost is not a list of numbers")
    return np.array(listed, np.float64)
