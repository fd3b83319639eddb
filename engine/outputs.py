"""Outputs: what every exit gave for every example, how good that is, and what it cost. Everything else is a function of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Literal, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.exit_values import Quality, is_binary, mean_over_examples
from engine.masks.overlap import MEAN_IOU, Overlap
from engine.scores import all_scores
from engine.splits import Split
from engine.whole_numbers import whole_numbers

#: What was recorded of the exits. Each kind supports fewer policies than the one before it.
Recorded = Literal["logits", "probabilities", "confidence"]
Part = TypeVar("Part", bound="Outputs")
#: Exit numbers take one byte wherever routes are stored or sent.
MAX_EXITS = 255


class CascadeKind(StrEnum):
    """How the stages of a cascade are connected."""

    CHAIN = "chain"  # exits of one network: stage k continues from what stage k - 1 computed
    FAMILY = "family"  # separate networks, small to large: each starts from the image, and any may be skipped


@dataclass(frozen=True, eq=False)
class Outputs:
    """Read-only arrays of one cascade on one data set.

    prediction: (exits, examples) int32, the top class of every exit, or None if what it gave is not a class
    scores:     {name: (exits, examples) float32}, see `engine.scores`; larger = more confident. Minus infinity where an exit failed: there
                the example goes on, unless it is the last exit
    labels:     (examples,) int32, or None
    ids:        (examples,) int64, unique: the same example has the same id in every bundle of its data set
    split:      (examples,) of `Split` values
    stage_cost: {unit: (exits,) float64}, the cost of running one stage and its exit on an example, or {unit: (exits, examples)} where it
                depends on the example, such as the tokens of a sentence
    classes:    number of classes, 0 if there are none
    kind:       chain or family, as a `CascadeKind` or its value
    recorded:   what was recorded of the exits
    logits:     (exits, examples, classes) float16/32, or None if only confidences are known;
                log-probabilities where `recorded` is "probabilities"
    factors:    {name: (examples,) float32}, covariates such as ground-truth difficulty
    judged:     (exits, examples), how good what each exit gave is: bool, correct or not, or float32 in [0, 1], such as the overlap of two
                masks. None for predictions of classes, which are correct if they equal the label
    features:   {name: (exits, examples) float32}, what else was recorded of each exit and may tell whether to go on, such as the share
                of unsure pixels. Unlike a score, it may rise or fall with confidence
    before:     {name: (examples,) float32}, what is known of an example before any stage runs, such as the length of a question
    qualities:  {name: (exits, examples) float32}, where quality was measured in several ways; `judged` is the one of `quality_name`
    overlap:    pixels of masks by class, where the exits give masks; `classes` are then those of the pixels
    """

    prediction: NDArray[np.int32] | None
    scores: Mapping[str, NDArray[np.float32]]
    labels: NDArray[np.int32] | None
    ids: NDArray[np.int64]
    split: NDArray[np.str_]
    stage_cost: Mapping[str, NDArray[np.float64]]
    classes: int
    kind: CascadeKind = CascadeKind.CHAIN
    recorded: Recorded = "logits"
    logits: NDArray[np.floating] | None = None
    factors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    judged: Quality | None = None
    features: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    before: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    qualities: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    quality_name: str = ""
    overlap: Overlap | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", CascadeKind(self.kind))
        _demand(
            self.judged is not None or (self.prediction is not None and self.labels is not None),
            "without judged, prediction and labels are needed to know which exits are correct",
        )
        exits, examples = self.exits, self.examples
        _demand(1 <= exits <= MAX_EXITS, f"there are {exits} exits, expected 1 to {MAX_EXITS}")
        for name, array in {"prediction": self.prediction, "judged": self.judged}.items():
            _demand(array is None or array.shape == (exits, examples), f"{name} has a shape other than ({exits}, {examples})")
        if self.judged is not None and not is_binary(self.judged):
            # NaN fails both comparisons.
            _demand(bool(((self.judged >= 0) & (self.judged <= 1)).all()), "judged has a quality outside [0, 1]")
        for name, array in self.qualities.items():
            _demand(array.shape == (exits, examples), f"quality {name} has shape {array.shape}, expected ({exits}, {examples})")
            _demand(bool(((array >= 0) & (array <= 1)).all()), f"quality {name} has a value outside [0, 1]")
        if self.qualities:
            _demand(self.quality_name in self.qualities, f"quality {self.quality_name!r} is not one of {', '.join(self.qualities)}")
            _demand(np.array_equal(cast(NDArray, self.judged), self.qualities[self.quality_name]), "judged is not the quality of its name")
        if self.overlap is not None:
            shape, expected = self.overlap.union.shape, (exits, examples, self.classes)
            _demand(shape == expected, f"the overlap has shape {shape}, expected {expected}")
        per_example: dict[str, NDArray] = {"ids": self.ids, "split": self.split, **self.factors}
        if self.labels is not None:
            per_example["labels"] = self.labels
        for name, array in per_example.items():
            _demand(array.shape == (examples,), f"{name} has shape {array.shape}, expected ({examples},)")
        for name, array in self.scores.items():
            _demand(array.shape == (exits, examples), f"score {name} has shape {array.shape}, expected ({exits}, {examples})")
            _demand(not np.isnan(array).any(), f"score {name} contains NaN")
        for values, shape in ((self.features, (exits, examples)), (self.before, (examples,))):
            for name, array in values.items():
                _demand(array.shape == shape, f"feature {name} has shape {array.shape}, expected {shape}")
                _demand(bool(np.isfinite(array).all()), f"feature {name} contains NaN or infinity")
        names = Counter([*self.scores, *self.features, *self.before])
        repeated = next((name for name, times in names.items() if times > 1), None)
        _demand(repeated is None, f"{repeated} names two of the scores, features and values known before any stage; rename one")
        for unit, cost in self.stage_cost.items():
            expected = f"({exits},) or ({exits}, {examples})"
            _demand(cost.shape in ((exits,), (exits, examples)), f"cost {unit} has shape {cost.shape}, expected {expected}")
            _demand(bool((np.isfinite(cost) & (cost >= 0)).all()), f"cost {unit} has a stage whose cost is negative or not a number")
            _demand(examples == 0 or self.full_cost(unit) > 0, f"cost {unit} is 0 for the full network, of which budgets are shares")
        for name in ("prediction", "labels", "ids", "split", "logits", "judged"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _frozen(getattr(self, name)))
        # Costs that do not vary take the quicker way, which gives the same to the last bit.
        object.__setattr__(self, "stage_cost", {unit: _without_repetition(cost) for unit, cost in self.stage_cost.items()})
        for name in ("scores", "stage_cost", "factors", "features", "before", "qualities"):
            object.__setattr__(self, name, {key: _frozen(array) for key, array in getattr(self, name).items()})

    def __repr__(self) -> str:
        worth = f"{self.classes:,} classes" if self.judged is None else "graded" if self.is_graded else "correct or not"
        size = f"{self.kind}, {self.exits} exits, {self.examples:,} examples, {worth}"
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

    @classmethod
    def from_overlap(
        cls,
        overlap: Overlap,
        scores: Mapping[str, NDArray[np.float32]],
        features: Mapping[str, NDArray[np.float32]],
        ids: NDArray[np.int64],
        split: NDArray[np.str_],
        stage_cost: Mapping[str, NDArray[np.float64]],
        *,
        kind: CascadeKind = CascadeKind.CHAIN,
        factors: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> "Outputs":
        """Outputs of a network whose exits give masks. Quality is the mean intersection over union of each image; see `with_quality`."""
        qualities = overlap.qualities()
        return cls(
            prediction=None,
            scores=scores,
            labels=None,
            ids=ids,
            split=np.array(split, dtype="<U11"),
            stage_cost=stage_cost,
            classes=overlap.union.shape[2],
            kind=kind,
            recorded="confidence",
            factors=factors or {},
            judged=qualities[MEAN_IOU],
            features=features,
            qualities=qualities,
            quality_name=MEAN_IOU,
            overlap=overlap,
        )

    def with_quality(self, name: str) -> Self:
        """The same outputs judged by another of their qualities. Raises UserError if they have none of this name."""
        if name not in self.qualities:
            known = f"choose one of: {', '.join(self.qualities)}" if self.qualities else "they were judged in one way only, so leave it out"
            raise UserError(f"These outputs have no quality {name!r}; {known}.")
        return replace(self, judged=self.qualities[name], quality_name=name)

    def top(self, count: int) -> Self:
        """The same outputs judged by top-`count` accuracy: an exit is correct if the label is among its `count` most probable classes.

        Policies that are fitted on them learn this quality. Equally probable classes count in their order, as for the top one.
        Raises UserError if there are no labels of classes, no probabilities, or no more classes than `count`, among which every label is.
        """
        if not self.has_classes:
            raise UserError(f"Top-{count} accuracy needs labels of classes, and these outputs have none; leave it out.")
        if not 1 <= count < self.classes:
            most = "1" if self.classes == 2 else f"a number from 1 to {self.classes - 1}"
            raise UserError(f"Top-{count} accuracy tells nothing about {self.classes} classes; give {most}.")
        if count == 1:
            return self
        if self.logits is None:
            raise UserError(f"Top-{count} accuracy needs the probabilities of every class, and these outputs do not hold them; give 1.")
        return replace(self, judged=np.stack([_among_top(logits, self.known_labels, count) for logits in self.logits]))

    @property
    def exits(self) -> int:
        return self._by_exit.shape[0]

    @property
    def examples(self) -> int:
        return self._by_exit.shape[1]

    @property
    def _by_exit(self) -> NDArray:
        """An array (exits, examples)."""
        return cast(NDArray, self.prediction if self.judged is None else self.judged)

    @property
    def nbytes(self) -> int:
        """Memory taken by the arrays. Memory-mapped logits are not counted: the system reclaims that memory when it needs to."""
        logits = None if isinstance(self.logits, np.memmap) else self.logits
        per_example = (self.prediction, self.labels, self.quality, logits, self.ids, self.split)
        named = (
            *self.scores.values(),
            *self.factors.values(),
            *self.stage_cost.values(),
            *self.features.values(),
            *self.before.values(),
            *(values for name, values in self.qualities.items() if name != self.quality_name),
        )
        counts = 0 if self.overlap is None else self.overlap.nbytes
        return counts + sum(array.nbytes for array in (*per_example, *named) if array is not None)

    @cached_property
    def quality(self) -> Quality:
        """What leaving at each exit is worth, (exits, examples): bool, correct or not, or float32 in [0, 1] where it is graded."""
        return _frozen(self.known_prediction == self.known_labels) if self.judged is None else self.judged

    @property
    def is_graded(self) -> bool:
        """Whether quality is a number in [0, 1] instead of correct or incorrect."""
        return self.judged is not None and not is_binary(self.judged)

    @property
    def has_classes(self) -> bool:
        """Whether the exits predict classes, whose labels are known, and are correct where they predict the label."""
        return self.judged is None

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each exit is correct, (exits, examples). Raises ValueError where quality is graded."""
        _demand(not self.is_graded, "these outputs are graded, not correct or incorrect; read their quality")
        return cast(NDArray[np.bool_], self.quality)

    @property
    def known_labels(self) -> NDArray[np.int32]:
        """The labels, (examples,), for policies that declare `Need.CLASSES`. Raises ValueError without them."""
        if self.labels is None:
            raise ValueError("these outputs have no labels; a policy that reads them must declare Need.CLASSES")
        return self.labels

    @property
    def known_prediction(self) -> NDArray[np.int32]:
        """The predictions, (exits, examples), for policies that declare `Need.PREDICTIONS`. Raises ValueError without them."""
        if self.prediction is None:
            raise ValueError("these outputs have no predictions; a policy that reads them must declare Need.PREDICTIONS")
        return self.prediction

    @property
    def default_unit(self) -> str:
        """The unit of cost where none is asked for: compute, or the first one of an import that has others only."""
        return "macs" if "macs" in self.stage_cost else next(iter(self.stage_cost))

    def cost_in(self, unit: str) -> NDArray[np.float64]:
        """Cost of each stage in a unit, (stages,), or of each stage on each example, (stages, examples)."""
        if unit not in self.stage_cost:
            raise UserError(f"These outputs have no costs in {unit!r}; choose one of: {', '.join(self.stage_cost)}.")
        return self.stage_cost[unit]

    def costs_vary(self, unit: str) -> bool:
        """Whether a stage costs more on some examples than on others."""
        return self.cost_in(unit).ndim == 2

    def cascade_cost(self, unit: str) -> NDArray[np.float64]:
        """Cost of leaving at each exit if every stage before it ran too, (exits,) or (exits, examples). It never falls."""
        return np.cumsum(self.cost_in(unit), axis=0)

    def static_cost(self, unit: str) -> NDArray[np.float64]:
        """Cost of leaving at each exit if only the stages it needs run, (exits,) or (exits, examples): a family skips other networks."""
        return self.cost_in(unit) if self.kind is CascadeKind.FAMILY else self.cascade_cost(unit)

    def mean_cascade_cost(self, unit: str) -> NDArray[np.float64]:
        """The mean of `cascade_cost` over these examples, (exits,)."""
        return mean_over_examples(self.cascade_cost(unit))

    def mean_static_cost(self, unit: str) -> NDArray[np.float64]:
        """The mean of `static_cost` over these examples, (exits,)."""
        return mean_over_examples(self.static_cost(unit))

    def most_cost(self, unit: str, share: float) -> float:
        """What all stages cost together on this share of the examples, at most."""
        return float(np.quantile(self.cascade_cost(unit)[-1], share))

    @property
    def full(self) -> int:
        """The exit of the full network: a chain's last, a family's largest (the last: families are listed from small to large)."""
        return self.exits - 1

    def full_cost(self, unit: str) -> float:
        """Mean cost, over these examples, of the full network run alone. Budgets are shares of it."""
        return float(self.static_cost(unit)[self.full].mean())

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
        return self.take(_as_slice(rows), part, split)

    def take(self, rows: NDArray[np.integer] | slice, part: type[Part] | None = None, split: Split | None = None) -> Part:
        """Some examples, by position, in the given order. split: of all of them, if known: then it is in memory only once"""
        made = cast(type[Part], type(self)) if part is None else part
        return made(
            prediction=None if self.prediction is None else _at(self.prediction, rows),
            scores={name: _at(array, rows) for name, array in self.scores.items()},
            labels=None if self.labels is None else self.labels[rows],
            ids=self.ids[rows],
            split=self.split[rows] if split is None else np.broadcast_to(np.array(split, self.split.dtype), self.ids[rows].shape),
            stage_cost={unit: cost if cost.ndim == 1 else _at(cost, rows) for unit, cost in self.stage_cost.items()},
            classes=self.classes,
            kind=self.kind,
            recorded=self.recorded,
            logits=None if self.logits is None else _at(self.logits, rows),
            factors={name: array[rows] for name, array in self.factors.items()},
            judged=None if self.judged is None else _at(self.judged, rows),
            features={name: _at(array, rows) for name, array in self.features.items()},
            before={name: array[rows] for name, array in self.before.items()},
            qualities={name: _at(array, rows) for name, array in self.qualities.items()},
            quality_name=self.quality_name,
            overlap=None if self.overlap is None else self.overlap.take(rows),
        )


class Tuning(Outputs):
    """Outputs that gates may learn from and knobs may be set on. A policy's `fit` accepts nothing else."""


class Test(Outputs):
    """Outputs that results are reported on."""

    __test__ = False  # not a pytest class


def _among_top(logits: NDArray[np.floating], labels: NDArray[np.integer], count: int) -> NDArray[np.bool_]:
    """Whether fewer than `count` classes come before the label. logits (examples, classes), labels (examples,) -> (examples,)"""
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    earlier = np.arange(logits.shape[1]) < labels[:, None]
    return ((logits > own) | ((logits == own) & earlier)).sum(axis=1) < count


def _as_slice(rows: NDArray[np.integer]) -> NDArray[np.integer] | slice:
    """Contiguous positions as a slice, so that a split of a memory-mapped file is a view and not a copy."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def _at(array: NDArray, rows: NDArray[np.integer] | slice) -> NDArray:
    """(exits, examples, ...) -> (exits, rows, ...). Rows of a slice are a view; others are copied so that those of an exit are adjacent."""
    return array[:, rows] if isinstance(rows, slice) else np.take(np.asarray(array), rows, axis=1)


def _without_repetition(cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """(stages, examples) -> (stages,) if all examples cost the same."""
    same = cost.ndim == 2 and cost.shape[1] > 0 and bool((cost == cost[:, :1]).all())
    return cost[:, 0] if same else cost


def _frozen(array: NDArray) -> NDArray:
    """A read-only view, because all visitors of the page share it. The caller's own array is not changed."""
    view = array.view()
    view.flags.writeable = False
    return view


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
