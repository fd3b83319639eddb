"""The outputs of the exits in an imported file: logits, probabilities, or both by exit, or predictions with or without a confidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from engine.bundle.kept_precision import in_kept_precision
from engine.errors import UserError
from engine.importing.arrays.by_exit import other_classes
from engine.importing.checks import (
    all_log_probabilities,
    check_axes,
    check_class_numbers,
    check_conf,
    check_finite,
    check_in_range,
    check_logits,
    check_probs,
    check_size,
    whole_numbers,
)
from engine.importing.confidence import log_odds
from engine.importing.schema import Missing, of_exit
from engine.outputs import Outputs

Arrays = Mapping[str, NDArray]
_FORMS = {"logits": ("logits",), "probs": ("probs",), "pred with conf": ("pred", "conf")}
#: What the values of one exit are. Only those of `LOGITS` have a scale that means something.
LOGITS, PROBABILITIES, LOG_PROBABILITIES = "logits", "probabilities", "log-probabilities"


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
    """The predictions and the log-odds of their confidences, if there are any: (exits, examples) int32 and float32."""

    prediction: NDArray[np.int32]
    log_odds: NDArray[np.float32] | None
    classes: int
    notes: tuple[str, ...]

    @property
    def exits(self) -> int:
        return self.prediction.shape[0]

    def outputs(self, **rest: Any) -> Outputs:
        scores = {} if self.log_odds is None else {"maxprob": self.log_odds}
        return Outputs(prediction=self.prediction, scores=scores, classes=self.classes, recorded="confidence", **rest)


def read_exit_outputs(arrays: Arrays, labels: NDArray[np.int64], missing: Missing) -> Distributions | Confidences:
    """The checked outputs of the exits. Raises UserError if they are inconsistent or do not fit the labels."""
    mixed = {of: name for name in arrays if (of := of_exit(name)) is not None}
    if mixed:
        return _mixed({exit: (name, arrays[f"exit{exit}.{name}"]) for exit, name in sorted(mixed)}, labels)
    form = _form(arrays, missing)
    costs = {len(array) for name, array in arrays.items() if name.startswith(("cost", "stage_cost")) and array.ndim == 1}
    axes = {"exits": costs.pop() if len(costs) == 1 else None, "examples": len(labels)}
    named = len(arrays["class_names"]) if "class_names" in arrays and arrays["class_names"].ndim == 1 else None
    if form == "pred with conf":
        for name in _FORMS[form]:
            if name in arrays:
                check_axes(name, arrays[name], axes | {"exits": len(arrays["pred"])} if name == "conf" else axes)
        return _confidences(arrays["pred"], arrays.get("conf"), labels, named)
    recorded = arrays[form]
    check_axes(form, recorded, axes | {"classes": named})
    check_size(form, exits=recorded.shape[0], classes=recorded.shape[2])
    check_in_range("labels", labels, recorded.shape[2])
    return _probabilities(recorded) if form == "probs" else _logits(recorded)


def _form(arrays: Arrays, missing: Missing) -> str:
    """Which of the three forms the file uses."""
    present = [form for form, names in _FORMS.items() if any(name in arrays for name in names)]
    if not present:
        unknown = f", only {', '.join(missing.ignored[:5])}, not known here" if missing.ignored else ""  # one may be misspelt
        remedy = "add logits or probs (exits, examples, classes), or pred with conf, correct or quality (exits, examples)"
        raise UserError(f"The file has no outputs of exits{unknown}; {remedy}.")
    if len(present) > 1:
        raise UserError(f"The file has both {present[0]} and {present[1]}; leave one of them out.")
    if present == ["pred with conf"] and "pred" not in arrays:
        conf, pred, correct = (missing.of_exits(name) for name in ("conf", "pred", "correct"))
        raise UserError(f"There is {conf} without predictions, so nothing tells what it is of; add {pred}, or {correct}.")
    return present[0]


def _logits(logits: NDArray) -> Distributions:
    check_finite("logits", logits)
    kinds = [kind_of_values(of_exit) for of_exit in logits]
    if len(set(kinds)) > 1:
        return _as_log_probabilities(logits, kinds)
    raw = check_logits(logits)
    with np.errstate(over="ignore"):  # check_finite reports what float32 cannot hold
        kept = in_kept_precision(logits.astype(np.float16 if logits.dtype == np.float16 else np.float32))
    check_finite("logits", kept)
    note = "logits are log-probabilities, whose scale means nothing, so the scores that need it (energy, largest logit) are left out."
    return Distributions(kept, raw, () if raw else (note,))


def _probabilities(probs: NDArray) -> Distributions:
    """Finite log-probabilities: a probability rounded to 0 counts as the smallest number of its type."""
    check_probs(probs)
    return Distributions(in_kept_precision(_log_of(probs)), raw=False)


def _log_of(probs: NDArray) -> NDArray[np.float32]:
    fine = probs if probs.dtype.kind == "f" else probs.astype(np.float32)
    least = np.finfo(fine.dtype).smallest_subnormal
    # float16 has too few digits for the logarithm of a probability near 1.
    return np.log(np.maximum(fine, least), dtype=np.promote_types(fine.dtype, np.float32)).astype(np.float32)


def kind_of_values(values: NDArray) -> str:
    """What the values of one exit, (examples, classes), are."""
    loose = 2e-2 if values.dtype == np.float16 else 1e-3
    if values.min() >= 0 and (abs(values.sum(axis=-1, dtype=np.float64) - 1) < loose).all():
        return PROBABILITIES
    return LOG_PROBABILITIES if all_log_probabilities(values[None], loose) else LOGITS


def _mixed(parts: Mapping[int, tuple[str, NDArray]], labels: NDArray[np.int64]) -> Distributions:
    """parts: {exit: (logits or probs, (examples, classes))}"""
    check_size("logits and probs", exits=len(parts), classes=parts[0][1].shape[-1] if parts[0][1].ndim else 0)
    kinds = []
    for exit, (name, values) in parts.items():
        here = f"exit{exit}.{name}"
        of_first, first = parts[0]
        if values.ndim == first.ndim == 2 and len(values) == len(first) == len(labels) and values.shape != first.shape:
            raise other_classes(here, values.shape[1], f"exit0.{of_first}", first.shape[1])
        if values.shape != first.shape or values.ndim != 2 or len(values) != len(labels):
            raise UserError(
                f"{here} has shape {values.shape} but must be ({len(labels)}, classes), as at every exit; give the same examples in all."
            )
        if name == "probs":
            check_probs(values[None], first=exit)
        else:
            check_finite(here, values)
        kinds.append(PROBABILITIES if name == "probs" else kind_of_values(values))
    check_in_range("labels", labels, parts[0][1].shape[1])
    return _as_log_probabilities([values for _, values in parts.values()], kinds)


def _as_log_probabilities(parts: Sequence[NDArray] | NDArray, kinds: Sequence[str]) -> Distributions:
    """Log-probabilities of exits of which some have logits and others have not. parts: (examples, classes) for each exit"""
    made = np.stack([_log_probabilities(values, kind) for values, kind in zip(parts, kinds, strict=True)])
    listed = ", ".join(f"exit {exit} {kind}" for exit, kind in enumerate(kinds))
    note = f"The exits differ ({listed}), so all were turned into log-probabilities; scores that need logits are left out."
    return Distributions(in_kept_precision(made), False, (note,))


def _log_probabilities(values: NDArray, kind: str) -> NDArray[np.float32]:
    if kind == PROBABILITIES:
        return _log_of(values)
    if kind == LOG_PROBABILITIES:
        return values.astype(np.float32)
    return log_softmax(values.astype(np.float64), axis=-1).astype(np.float32)


def _confidences(pred: NDArray, conf: NDArray | None, labels: NDArray[np.int64], named: int | None) -> Confidences:
    pred = whole_numbers("pred", pred)
    if named is None:
        for name, numbers in (("labels", labels), ("pred", pred)):
            check_class_numbers(name, numbers)
    classes = named or max(2, int(pred.max(initial=0)) + 1, int(labels.max()) + 1)
    check_size("pred", exits=len(pred), classes=classes)
    check_in_range("pred", pred, classes)
    check_in_range("labels", labels, classes)
    if conf is None:
        notes = ["The file has only predictions, so policies that need a confidence or the probability of every class cannot run."]
        return Confidences(pred.astype(np.int32), None, classes, tuple(notes))
    check_conf(conf)
    notes = ["The file has only predictions and confidences, so policies that need the probability of every class cannot run."]
    return Confidences(pred.astype(np.int32), log_odds(conf), classes, tuple(notes))
