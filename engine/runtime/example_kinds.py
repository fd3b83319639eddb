"""A kind of example, such as an image or a text: what is kept of it and of what the exits give for it, and how that becomes a bundle.

Each kind is one file here. `engine.runtime.compute` knows this interface only.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine.bundle.kept_precision import in_kept_precision
from engine.outputs import CascadeKind, Outputs
from engine.runtime.shards import Shards

#: Some examples of a data set, and the data set.
Taken = TypeVar("Taken")
Set = TypeVar("Set")


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of a run's outputs besides what the exits give, named as in `Outputs`.

    kept: the type of logits in the bundle; if None, these are all logits and decide it
    """

    ids: NDArray[np.int64]
    split: NDArray[np.str_]
    stage_cost: Mapping[str, NDArray[np.float64]]
    kind: CascadeKind
    factors: Mapping[str, NDArray[np.float32]]
    kept: np.dtype | None = None


class ExampleKind(ABC, Generic[Set, Taken]):
    """How one kind of example is computed and kept. `Set` is the protocol of its data sets, `Taken` that of their examples."""

    @abstractmethod
    def about(self, dataset: Set) -> dict[str, Any]:
        """What the provenance says about the inputs."""

    @abstractmethod
    def shown(self, examples: Taken, row: int) -> bytes:
        """What people see of an example."""

    def of_exits(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """What is kept of the logits of a batch, (exits, batch, ...) each, on their device.

        logits: (exits, batch, classes, ...) float32;  labels: those of the batch, on the same device
        """
        return {"logits": logits}

    def kept(self, columns: dict[str, NDArray], is_test: NDArray[np.bool_], keeps_examples: bool) -> dict[str, NDArray]:
        """The arrays of a shard that are written.

        is_test: (examples,);  keeps_examples: whether the bundle holds what people see of the test examples
        """
        return columns

    def outputs(self, shards: Shards, facts: Facts) -> Outputs:
        """The outputs of a finished run, or of some of its shards."""
        logits = shards.joined("logits", axis=1)
        return Outputs.from_logits(
            in_kept_precision(logits) if facts.kept is None else logits.astype(facts.kept),
            shards.joined("labels"),
            facts.split,
            facts.stage_cost,
            ids=facts.ids,
            kind=facts.kind,
            factors=facts.factors,
        )

    @abstractmethod
    def faces(self, ids: NDArray[np.int64], shards: Shards) -> dict[str, Any]:
        """What people see of the examples, as fields of `engine.bundle.bundle.Draft`. Called only if the bundle holds it."""

    def pictured_outputs(self, dataset: Set, ids: NDArray[np.int64], shards: Shards) -> dict[str, Any]:
        """What people see of the outputs, likewise. Every bundle holds it."""
        return {}


def all_shown(shards: Shards) -> Iterator[bytes]:
    """What people see of every example of a run, in order; empty if they do not see it."""
    for lengths, packed in zip(shards.column("shown_bytes"), shards.column("shown"), strict=True):
        for end, length in zip(np.cumsum(lengths), lengths, strict=True):
            yield packed[end - length : end].tobytes()


def shown_images(ids: NDArray[np.int64], shards: Shards) -> Iterator[tuple[int, bytes]]:
    """(example id, encoded image) of the examples that people see."""
    return ((id, image) for id, image in zip(ids.tolist(), all_shown(shards), strict=True) if image)
