"""The outputs of the exits in an imported file, in any of three forms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from engine.errors import UserError
from engine.importing.checks import (
    check_axes,
    check_conf,
    check_finite,
    check_in_range,
    check_logits,
    check_probs,
    check_size,
    whole_numbers,
)
from engine.outputs import Outputs, in_kept_precision

Arrays = Mapping[str, NDArray]
_FORMS = {"logits": ("logits",), "probs": ("probs",), "pred with conf": ("pred", "conf")}


@dataclass(frozen=True, eq=False)
class Distributions:
    """Logits, or log-probabilities where `raw` is false: (exits, examples, classes) float16/32."""

    logits: NDArray[np.floating]
    raw: bool
    notes: tuple[str, ...] = ()

    @property
    def exits(self) -> int:
        return self.logits.shape[0]

    def outputs(self, **rest: Any) -> Outputs:
        """`Outputs` of these logits. rest: labels, costs and so on, named as in `Outputs`"""
        return Outputs.from_logits(self.logits, raw=self.raw, **rest)


@dataclass(frozen=True, eq=False)
class Confidences:
    """The predictions and the log-odds of their confidences: (exits, examples) int32 and float32."""

    prediction: NDArray[np.int32]
    log_odds: NDArray[np.float32]
    classes: int
    notes: tuple[str, ...]

    @property
    def exits(self) -> int:
        return self.prediction.shape[0]

    def outputs(self, **rest: Any) -> Outputs:
        return Outputs(prediction=self.prediction, scores={"maxprob": self.log_odds}, classes=self.classes, recorded="confidence", **rest)


def read_exit_outputs(arrays: Arrays, labels: NDArray[np.int64]) -> Distributions | Confidences:
    """The checked outputs of the exits. Raises UserError if they are inconsistent or do not fit the labels."""
    form = _form(arrays)
    costs = {len(array) for name, array in arrays.items() if name.startswith(("cost", "stage_cost")) and array.ndim == 1}
    axes = {"exits": costs.pop() if len(costs) == 1 else None, "examples": len(labels)}
    named = len(arrays["class_names"]) if "class_names" in arrays and arrays["class_names"].ndim == 1 else None
    if form == "pred with conf":
        for name in _FORMS[form]:
            check_axes(name, arrays[name], axes)
        return _confidences(arrays["pred"], arrays["conf"], labels, named)
    recorded = arrays[form]
    check_axes(form, recorded, axes | {"classes": named})
    check_size(form, exits=recorded.shape[0], classes=recorded.shape[2])
    check_in_range("labels", labels, recorded.shape[2])
    return _probabilities(recorded) if form == "probs" else _logits(recorded)


def _form(arrays: Arrays) -> str:
    """Which of the three forms the file uses."""
    present = [form for form, names in _FORMS.items() if any(name in arrays for name in names)]
    if not present:
        remedy = "add logits or probs (exits, examples, classes), or pred with conf (exits, examples)"
        raise UserError(f"The file has no outputs of exits; {remedy}.")
    if len(present) > 1:
        raise UserError(f"The file has both {present[0]} and {present[1]}; leave one of them out.")
    for name in _FORMS[present[0]]:
        if name not in arrays:
            raise UserError(f"{name} is missing; pred and conf (exits, examples) go together, so add it.")
    return present[0]


def _logits(logits: NDArray) -> Distributions:
    raw = check_logits(logits)
    with np.errstate(over="ignore"):  # check_finite reports what float32 cannot hold
        kept = in_kept_precision(logits.astype(np.float16 if logits.dtype == np.float16 else np.float32))
    check_finite("logits", kept)
    note = "logits are log-probabilities, whose scale means nothing, so the scores that need it (energy, largest logit) are left out."
    return Distributions(kept, raw, () if raw else (note,))


def _probabilities(probs: NDArray) -> Distributions:
    """Finite log-probabilities: a probability rounded to 0 counts as the smallest number of its type."""
    check_probs(probs)
    fine = probs if probs.dtype.kind == "f" else probs.astype(np.float32)
    least = np.finfo(fine.dtype).smallest_subnormal
    # float16 has too few digits for the logarithm of a probability near 1.
    logits = np.log(np.maximum(fine, least), dtype=np.promote_types(fine.dtype, np.float32))
    return Distributions(in_kept_precision(logits.astype(np.float32)), raw=False)


def _confidences(pred: NDArray, conf: NDArray, labels: NDArray[np.int64], named: int | None) -> Confidences:
    pred = whole_numbers("pred", pred)
    classes = named or max(2, int(pred.max(initial=0)) + 1, int(labels.max()) + 1)
    check_size("pred", exits=len(pred), classes=classes)
    check_in_range("pred", pred, classes)
    check_in_range("labels", labels, classes)
    check_conf(conf)
    notes = ["The file has only predictions and confidences, so policies that need the probability of every class cannot run."]
    conf = conf.astype(np.float64)
    distinct = min(len(np.unique(of_exit)) for of_exit in conf)
    if distinct < conf.shape[1] / 2:
        notes.append(
            f"conf has only {distinct:,} distinct values at one exit, for {conf.shape[1]:,} rows: tied examples are split by a hash of"
            " their ids, or leave together if a policy has one knob for all exits; save unrounded confidences to avoid ties."
        )
    least = np.finfo(np.float64).epsneg  # keeps the log-odds finite: no float64 below 1 is closer to it
    return Confidences(pred.astype(np.int32), logit(conf.clip(least, 1 - least)).astype(np.float32), classes, tuple(notes))
