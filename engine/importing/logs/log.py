"""A log: for each example and model, whether it was run, how good the result was and what it cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.outputs import CascadeKind


@dataclass(frozen=True, eq=False)
class Log:
    """What a log holds, with one row for each model, or for each exit of a network. Messages call both models.

    keys:     of the models, as written in the file
    names:    of the models, as shown
    kind:     a family of models, or the exits of one network
    quality:  (models, examples) in [0, 1], NaN where none was recorded
    ran:      (models, examples) bool, where there is a result; elsewhere all other arrays are meaningless
    failed:   (models, examples) bool, where the model ran and gave nothing
    costs:    {unit: (models,) or (models, examples)}; NaN where none was recorded
    totals:   units whose costs are what leaving at an exit costs in total, not what the stage costs alone
    conf:     (models, examples) the probability of being correct, NaN where none was recorded; None without any
    pred:     (models, examples) int64, the predicted class, -1 where none was recorded; None without classes
    labels:   (examples,) int64, the true class, or None
    ids:      (examples,) int64
    id_texts: their text, or None if they are numbers
    texts:    what the examples say, or None
    split:    (examples,) as given, or None
    factors, before: {name: (examples,)}, and features: {name: (models, examples)}, as in `engine.outputs.Outputs`; NaN where not recorded
    has_ids:  whether the ids are of the file; else they are the numbers of its rows
    place:    (model, or None for any, example) -> where that is in the file, in words
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    kind: CascadeKind
    quality: NDArray[np.float64]
    ran: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    costs: Mapping[str, NDArray[np.float64]]
    totals: frozenset[str]
    ids: NDArray[np.int64]
    place: Callable[[int | None, int], str]
    has_ids: bool = True
    conf: NDArray[np.float64] | None = None
    pred: NDArray[np.int64] | None = None
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    id_texts: list[str] | None = None
    texts: list[str] | None = None
    split: NDArray[np.str_] | None = None
    factors: Mapping[str, NDArray] = field(default_factory=dict)
    before: Mapping[str, NDArray] = field(default_factory=dict)
    features: Mapping[str, NDArray] = field(default_factory=dict)

    @property
    def models(self) -> int:
        return len(self.names)

    @property
    def examples(self) -> int:
        return len(self.ids)

    def id_in_words(self, example: int) -> str:
        return str(self.ids[example]) if self.id_texts is None else self.id_texts[example]

    def take(self, examples: NDArray[np.integer]) -> "Log":
        """Some examples, by position."""

        def of(array: NDArray | None) -> NDArray | None:
            return None if array is None else array[..., examples]

        def texts_of(texts: list[str] | None) -> list[str] | None:
            return None if texts is None else [texts[i] for i in examples.tolist()]

        arrays = {name: of(getattr(self, name)) for name in ("quality", "ran", "failed", "ids", "conf", "pred", "labels", "split")}
        return replace(
            self,
            **arrays,
            costs={unit: cost if cost.ndim == 1 else cost[:, examples] for unit, cost in self.costs.items()},
            **{
                kind: {name: values[..., examples] for name, values in getattr(self, kind).items()}
                for kind in ("factors", "before", "features")
            },
            id_texts=texts_of(self.id_texts),
            texts=texts_of(self.texts),
            place=lambda model, example: self.place(model, int(examples[example])),
        )

    def models_at(self, order: NDArray[np.integer]) -> "Log":
        """Some models, in this order."""
        of = {
            name: None if (array := getattr(self, name)) is None else array[order] for name in ("quality", "ran", "failed", "conf", "pred")
        }
        return replace(
            self,
            **of,
            keys=tuple(self.keys[k] for k in order.tolist()),
            names=tuple(self.names[k] for k in order.tolist()),
            costs={unit: cost[order] for unit, cost in self.costs.items()},
            features={name: values[order] for name, values in self.features.items()},
            place=lambda model, example: self.place(None if model is None else int(order[model]), example),
        )
