"""Outputs: what every exit said about every example. The one thing everything else is a function of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.scores import all_scores
from engine.splits import Split

#: What the exits were recorded as. Each kind supports fewer policies than the one before it.
Said = Literal["logits", "probabilities", "confidence"]
Topology = Literal["chain", "family"]
Part = TypeVar("Part", bound="Outputs")


@dataclass(frozen=True, eq=False)
class Outputs:
    """Frozen arrays of one cascade on one data set.

    prediction: (exits, examples) int32, the top class of every exit
    scores:     {name: (exits, examples) float32}, see `engine.scores`; larger = surer
    logits:     (exits, examples, classes) float16/32 or None where only confidences are known;
                log-probabilities where `said` is "probabilities"
    labels:     (examples,) int32
    ids:        (examples,) int64, unique: the same example has the same id in every bundle of its data set
    split:      (examples,) of `Split` values
    stage_cost: {unit: (exits,) float64}, the cost of running one stage and its exit, per example
    factors:    {name: (examples,) float32}, covariates such as ground-truth difficulty
    topology:   "chain" if stage k needs stage k - 1, "family" if every stage is a network of its own and may be skipped
    """

    prediction: NDArray[np.int32]
    scores: Mapping[str, NDArray[np.float32]]
    labels: NDArray[np.int32]
    ids: NDArray[np.int64]
    split: NDArray[np.str_]
    stage_cost: Mapping[str, NDArray[np.float64]]
    classes: int
    topology: Topology = "chain"
    said: Said = "logits"
    logits: NDArray[np.floating] | None = None
    factors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        exits, examples = self.prediction.shape
        per_example = {"labels": self.labels, "ids": self.ids, "split": self.split, **self.factors}
        for name, array in per_example.items():
            _demand(array.shape == (examples,), f"{name} has shape {array.shape}, expected ({examples},)")
        for name, array in self.scores.items():
            _demand(array.shape == (exits, examples), f"score {name} has shape {array.shape}, expected ({exits}, {examples})")
            _demand(not np.isnan(array).any(), f"score {name} contains NaN")
        for unit, cost in self.stage_cost.items():
            _demand(cost.shape == (exits,), f"cost {unit} has shape {cost.shape}, expected ({exits},)")
            _demand(bool((np.isfinite(cost) & (cost > 0)).all()), f"cost {unit} has a stage whose cost is not a positive number")
        logits = () if self.logits is None else (self.logits,)
        for array in (self.prediction, *logits, *per_example.values(), *self.scores.values(), *self.stage_cost.values()):
            array.flags.writeable = False  # shared by every visitor of the page

    @classmethod
    def from_logits(
        cls,
        logits: NDArray[np.floating],
        labels: NDArray[np.integer],
        split: NDArray[np.str_],
        stage_cost: Mapping[str, NDArray[np.floating]],
        *,
        ids: NDArray[np.integer] | None = None,
        topology: Topology = "chain",
        raw: bool = True,
        factors: Mapping[str, NDArray[np.floating]] | None = None,
    ) -> "Outputs":
        """Outputs of a network whose logits (exits, examples, classes) are known.

        raw: false if `logits` are log-probabilities, whose scale says nothing
        """
        shape = "(exits, examples, 2 or more classes)"
        _demand(logits.ndim == 3 and logits.shape[2] >= 2, f"logits have shape {logits.shape}, expected {shape}")
        _demand(bool(np.isfinite(logits).all()), "logits contain NaN or infinity")
        return cls(
            prediction=logits.argmax(axis=-1).astype(np.int32),
            scores=all_scores(logits, raw),
            logits=logits.view(),  # frozen; the caller's own array stays as it is
            labels=np.array(labels, np.int32),
            ids=np.arange(logits.shape[1]) if ids is None else np.array(ids, np.int64),
            split=np.array(split, dtype="<U11"),
            stage_cost={unit: np.array(cost, np.float64) for unit, cost in stage_cost.items()},
            classes=logits.shape[2],
            topology=topology,
            said="logits" if raw else "probabilities",
            factors={name: np.array(values, np.float32) for name, values in (factors or {}).items()},
        )

    @property
    def exits(self) -> int:
        return self.prediction.shape[0]

    @property
    def examples(self) -> int:
        return self.prediction.shape[1]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each exit's prediction is the label, (exits, examples)."""
        return self.prediction == self.labels

    def cost_in(self, unit: str) -> NDArray[np.float64]:
        """Cost of each stage in a unit, (stages,)."""
        if unit not in self.stage_cost:
            raise UserError(f"There are no costs in {unit!r} here; choose one of: {', '.join(self.stage_cost)}.")
        return self.stage_cost[unit]

    def cascade_cost(self, unit: str) -> NDArray[np.float64]:
        """What leaving at each exit costs when every stage before it ran too, (exits,). Increasing."""
        return np.cumsum(self.cost_in(unit))

    def static_cost(self, unit: str) -> NDArray[np.float64]:
        """What leaving at each exit costs when one aims straight at it, (exits,): a family skips its other networks."""
        return self.cost_in(unit) if self.topology == "family" else self.cascade_cost(unit)

    @property
    def full(self) -> int:
        """The exit of the full network: a chain's last, a family's largest (the last: families are listed from small to large)."""
        return self.exits - 1

    def full_cost(self, unit: str) -> float:
        """Cost of the full network run alone: the measure of every budget."""
        return float(self.static_cost(unit)[self.full])

    def tuning(self, split: Split) -> "Tuning":
        """The examples of FIT or CALIBRATION, as the type that fitting accepts."""
        _demand(split in (Split.FIT, Split.CALIBRATION), f"nothing may be tuned on the {split} split")
        return self._part(split, Tuning)

    def test(self) -> "Test":
        """The examples that numbers are reported on, as a type that nothing can be fitted to."""
        return self._part(Split.TEST, Test)

    def part(self, split: Split) -> "Outputs":
        """The examples of any one split, for reading."""
        return self.test() if split is Split.TEST else self.tuning(split)

    def _part(self, split: Split, kind: type[Part]) -> Part:
        chosen = np.flatnonzero(self.split == split)
        if len(chosen) == 0:
            raise UserError(f"There are no {split} examples in these outputs; name at least one row {str(split)!r} in `split`.")
        return self.take(_as_slice(chosen), kind)

    def take(self, chosen: NDArray[np.integer] | slice, kind: type[Part] | None = None) -> Part:
        """Some examples, by position, in the order given."""
        arrays = {
            "prediction": self.prediction[:, chosen],
            "scores": {name: array[:, chosen] for name, array in self.scores.items()},
            "labels": self.labels[chosen],
            "ids": self.ids[chosen],
            "split": self.split[chosen],
            "logits": None if self.logits is None else self.logits[:, chosen],
            "factors": {name: array[chosen] for name, array in self.factors.items()},
        }
        if kind is None:
            return replace(self, **arrays)
        return kind(stage_cost=self.stage_cost, classes=self.classes, topology=self.topology, said=self.said, **arrays)


class Tuning(Outputs):
    """Outputs that gates may learn from and knobs may be chosen on. A policy's `fit` takes nothing else."""


class Test(Outputs):
    """Outputs that numbers are reported on."""

    __test__ = False  # not a pytest class


def _as_slice(chosen: NDArray[np.integer]) -> NDArray[np.integer] | slice:
    """Neighbouring positions as a slice, so that a split of a memory-mapped file is a view and not a copy."""
    first, last = int(chosen[0]), int(chosen[-1])
    return slice(first, last + 1) if last - first + 1 == len(chosen) else chosen


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
