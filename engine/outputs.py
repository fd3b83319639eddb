"""Outputs: the predictions, scores and logits of every exit for every example. Everything else is a function of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.scores import all_scores
from engine.splits import Split

#: What was recorded of the exits. Each kind supports fewer policies than the one before it.
Recorded = Literal["logits", "probabilities", "confidence"]
Part = TypeVar("Part", bound="Outputs")
#: Exit numbers take one byte wherever routes are stored or sent.
MAX_EXITS = 255
#: With more classes than this, logits are stored in half precision: they are what makes a bundle large.
MAX_CLASSES_IN_FULL = 1000


class CascadeKind(StrEnum):
    """How the stages of a cascade are connected."""

    CHAIN = "chain"  # exits of one network: stage k continues from what stage k - 1 computed
    FAMILY = "family"  # separate networks, small to large: each starts from the image, and any may be skipped


@dataclass(frozen=True, eq=False)
class Outputs:
    """Read-only arrays of one cascade on one data set.

    prediction: (exits, examples) int32, the top class of every exit
    scores:     {name: (exits, examples) float32}, see `engine.scores`; larger = more confident
    logits:     (exits, examples, classes) float16/32, or None if only confidences are known;
                log-probabilities where `recorded` is "probabilities"
    labels:     (examples,) int32
    ids:        (examples,) int64, unique: the same example has the same id in every bundle of its data set
    split:      (examples,) of `Split` values
    stage_cost: {unit: (exits,) float64}, the cost of running one stage and its exit, per example
    factors:    {name: (examples,) float32}, covariates such as ground-truth difficulty
    kind:       chain or family, as a `CascadeKind` or its value
    """

    prediction: NDArray[np.int32]
    scores: Mapping[str, NDArray[np.float32]]
    labels: NDArray[np.int32]
    ids: NDArray[np.int64]
    split: NDArray[np.str_]
    stage_cost: Mapping[str, NDArray[np.float64]]
    classes: int
    kind: CascadeKind = CascadeKind.CHAIN
    recorded: Recorded = "logits"
    logits: NDArray[np.floating] | None = None
    factors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", CascadeKind(self.kind))
        exits, examples = self.prediction.shape
        _demand(1 <= exits <= MAX_EXITS, f"there are {exits} exits, expected 1 to {MAX_EXITS}")
        per_example = {"labels": self.labels, "ids": self.ids, "split": self.split, **self.factors}
        for name, array in per_example.items():
            _demand(array.shape == (examples,), f"{name} has shape {array.shape}, expected ({examples},)")
        for name, array in self.scores.items():
            _demand(array.shape == (exits, examples), f"score {name} has shape {array.shape}, expected ({exits}, {examples})")
            _demand(not np.isnan(array).any(), f"score {name} contains NaN")
        for unit, cost in self.stage_cost.items():
            _demand(cost.shape == (exits,), f"cost {unit} has shape {cost.shape}, expected ({exits},)")
            _demand(bool((np.isfinite(cost) & (cost > 0)).all()), f"cost {unit} has a stage whose cost is not a positive number")
        for name in ("prediction", "labels", "ids", "split", "logits"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _frozen(getattr(self, name)))
        for name in ("scores", "stage_cost", "factors"):
            object.__setattr__(self, name, {key: _frozen(array) for key, array in getattr(self, name).items()})

    def __repr__(self) -> str:
        size = f"{self.kind}, {self.exits} exits, {self.examples:,} examples, {self.classes:,} classes"
        return f"{type(self).__name__}({size}; costs in {', '.join(self.stage_cost)})"

    @classmethod
    def from_logits(
        cls,
        logits: NDArray[np.floating],
        labels: NDArray[np.integer],
        split: NDArray[np.str_],
        stage_cost: Mapping[str, NDArray[np.floating]],
        *,
        ids: NDArray[np.integer] | None = None,
        kind: CascadeKind = CascadeKind.CHAIN,
        raw: bool = True,
        factors: Mapping[str, NDArray[np.floating]] | None = None,
    ) -> "Outputs":
        """Outputs of a network whose logits (exits, examples, classes) are known.

        raw: False if `logits` are log-probabilities, whose scale carries no information
        Raises ValueError if shapes disagree, a label is not a whole number or outside the classes, or an id is repeated.
        """
        logits = np.asarray(logits)
        shape = "(exits, examples, 2 or more classes)"
        _demand(logits.ndim == 3 and logits.shape[2] >= 2, f"logits have shape {logits.shape}, expected {shape}")
        _demand(bool(np.isfinite(logits).all()), "logits contain NaN or infinity")
        classes = logits.shape[2]
        labels = whole_numbers("labels", np.asarray(labels))
        outside = labels[(labels < 0) | (labels >= classes)]
        _demand(len(outside) == 0, f"labels contain {outside[:1].tolist()}, and the {classes} classes are numbered 0 to {classes - 1}")
        unknown = sorted(set(np.unique(split)) - {str(known) for known in Split})
        _demand(not unknown, f"split contains {unknown[:1]}, expected {', '.join(Split)}")
        _demand(len(stage_cost) > 0, "stage_cost is empty; give the cost of each stage in at least one unit")
        ids = np.arange(logits.shape[1]) if ids is None else whole_numbers("ids", np.asarray(ids))
        _demand(len(np.unique(ids)) == len(ids), "ids contain the same number twice")
        return cls(
            prediction=logits.argmax(axis=-1).astype(np.int32),
            scores=all_scores(logits, raw),
            logits=logits,
            labels=labels.astype(np.int32),
            ids=ids,
            split=np.array(split, dtype="<U11"),
            stage_cost={unit: np.array(cost, np.float64) for unit, cost in stage_cost.items()},
            classes=classes,
            kind=kind,
            recorded="logits" if raw else "probabilities",
            factors={name: np.array(values, np.float32) for name, values in (factors or {}).items()},
        )

    @property
    def exits(self) -> int:
        return self.prediction.shape[0]

    @property
    def examples(self) -> int:
        return self.prediction.shape[1]

    @property
    def nbytes(self) -> int:
        """Memory taken by the arrays. Memory-mapped logits are not counted: the system reclaims that memory when it needs to."""
        per_example = (self.prediction, self.labels, self.ids, self.split, *self.scores.values(), *self.factors.values())
        logits = () if self.logits is None or isinstance(self.logits, np.memmap) else (self.logits,)
        return sum(array.nbytes for array in (*per_example, *logits))

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each exit's prediction equals the label, (exits, examples)."""
        return self.prediction == self.labels

    def cost_in(self, unit: str) -> NDArray[np.float64]:
        """Cost of each stage in a unit, (stages,)."""
        if unit not in self.stage_cost:
            raise UserError(f"These outputs have no costs in {unit!r}; choose one of: {', '.join(self.stage_cost)}.")
        return self.stage_cost[unit]

    def cascade_cost(self, unit: str) -> NDArray[np.float64]:
        """Cost of leaving at each exit if every stage before it ran too, (exits,). Increasing."""
        return np.cumsum(self.cost_in(unit))

    def static_cost(self, unit: str) -> NDArray[np.float64]:
        """Cost of leaving at each exit if only the stages it needs run, (exits,): a family skips its other networks."""
        return self.cost_in(unit) if self.kind is CascadeKind.FAMILY else self.cascade_cost(unit)

    @property
    def full(self) -> int:
        """The exit of the full network: a chain's last, a family's largest (the last: families are listed from small to large)."""
        return self.exits - 1

    def full_cost(self, unit: str) -> float:
        """Cost of the full network run alone. Budgets are shares of it."""
        return float(self.static_cost(unit)[self.full])

    @property
    def known_logits(self) -> NDArray[np.floating]:
        """The logits, (exits, examples, classes), for policies that declare `Need.PROBABILITIES`. Raises ValueError without them."""
        if self.logits is None:
            raise ValueError("these outputs have no logits; a policy that reads them must declare Need.PROBABILITIES")
        return self.logits

    def tuning(self, split: Split) -> "Tuning":
        """The FIT or CALIBRATION examples, as the type that fitting accepts."""
        _demand(split in (Split.FIT, Split.CALIBRATION), f"nothing may be tuned on the {split} split")
        return self._part(split, Tuning)

    def test(self) -> "Test":
        """The TEST examples, on which results are reported, as a type that nothing can be fitted to."""
        return self._part(Split.TEST, Test)

    def part(self, split: Split) -> "Outputs":
        """The examples of any split, for evaluation."""
        return self.test() if split is Split.TEST else self.tuning(split)

    def _part(self, split: Split, part: type[Part]) -> Part:
        rows = np.flatnonzero(self.split == split)
        if len(rows) == 0:
            raise UserError(f"There are no {split} examples in these outputs; name at least one row {str(split)!r} in `split`.")
        return self.take(_as_slice(rows), part)

    def take(self, rows: NDArray[np.integer] | slice, part: type[Part] | None = None) -> Part:
        """Some examples, by position, in the given order."""
        arrays = {
            "prediction": self.prediction[:, rows],
            "scores": {name: array[:, rows] for name, array in self.scores.items()},
            "labels": self.labels[rows],
            "ids": self.ids[rows],
            "split": self.split[rows],
            "logits": None if self.logits is None else self.logits[:, rows],
            "factors": {name: array[rows] for name, array in self.factors.items()},
        }
        if part is None:
            return cast(Part, replace(self, **arrays))
        return part(stage_cost=self.stage_cost, classes=self.classes, kind=self.kind, recorded=self.recorded, **arrays)


class Tuning(Outputs):
    """Outputs that gates may learn from and knobs may be set on. A policy's `fit` accepts nothing else."""


class Test(Outputs):
    """Outputs that results are reported on."""

    __test__ = False  # not a pytest class


def _as_slice(rows: NDArray[np.integer]) -> NDArray[np.integer] | slice:
    """Contiguous positions as a slice, so that a split of a memory-mapped file is a view and not a copy."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def whole_numbers(name: str, array: NDArray) -> NDArray[np.int64]:
    """An int64 copy of an array that holds only whole numbers, of any type.

    Raises ValueError otherwise, also for floating-point numbers too large for their type to represent every whole number.
    """
    _demand(array.dtype.kind in "biuf", f"{name} are of type {array.dtype}, expected whole numbers")
    most = largest_exact(array.dtype)
    invalid = array[~exactly_whole(array)]
    _demand(len(invalid) == 0, f"{name} contain {invalid[:1].tolist()}; {array.dtype} holds whole numbers up to {most:,} only")
    return array.astype(np.int64)


def largest_exact(dtype: np.dtype) -> int:
    """The largest n such that the type represents all whole numbers up to n exactly and int64 holds n."""
    return 2 ** (np.finfo(dtype).nmant + 1) if dtype.kind == "f" else 2**63 - 1


def exactly_whole(array: NDArray) -> NDArray[np.bool_]:
    """Which elements are whole numbers that their type and int64 represent exactly."""
    if array.dtype.kind == "f":
        whole = array.astype(np.float64)  # in float16 the limits themselves would overflow
        return (np.abs(whole) <= largest_exact(array.dtype)) & (whole == np.floor(whole))  # NaN fails both
    return array <= largest_exact(array.dtype) if array.dtype.kind == "u" else np.ones(array.shape, bool)


def in_kept_precision(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """Logits, (exits, examples, classes), in the precision in which a bundle stores them for this number of classes.

    Half precision reduces 400 MB to 200 MB for 20,000 examples, 5 exits and 1,001 classes. Logits beyond its range stay as they are.
    """
    if logits.shape[2] <= MAX_CLASSES_IN_FULL or np.abs(logits).max(initial=0) > np.finfo(np.float16).max:
        return logits
    return logits.astype(np.float16)


def _frozen(array: NDArray) -> NDArray:
    """A read-only view, because all visitors of the page share it. The caller's own array is not changed."""
    view = array.view()
    view.flags.writeable = False
    return view


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
