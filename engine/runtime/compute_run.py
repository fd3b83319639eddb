"""A run: everything that determines the bytes of a computed bundle."""

import hashlib
import json
import platform
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.datasets.base import AnyDataset, MaskDataset, TextDataset
from engine.recipes import Recipe, weights_path
from engine.runtime.devices import device_name
from engine.runtime.example_kinds import ExampleKind
from engine.runtime.examples_of_run import RunExamples
from engine.runtime.images import ImageKind
from engine.runtime.masks import MaskKind
from engine.runtime.texts import TextKind
from engine.storage.files import sha256_of

FORM = 4  # of the columns of a shard


@dataclass(frozen=True)
class Environment:
    """What outputs depend on besides the run itself: the device that computes them, by name, and versions."""

    device: str
    python: str
    torch: str
    numpy: str

    @classmethod
    def here(cls, device: torch.device) -> "Environment":
        """That of this process, with a device of this machine."""
        return cls(device_name(device), platform.python_version(), torch.__version__, np.__version__)


@dataclass(frozen=True, eq=False)
class ComputeRun:
    """A recipe on some examples, computed in shards of `shard_size` examples.

    A run can be sent to another process with pickle. It travels without its data set, which is built again where it arrives.

    trained: provenance of the weights
    device:  as the user chose it, such as "auto"
    outputs_only: whether the bundle is to hold no images or texts
    """

    recipe: Recipe
    dataset: AnyDataset
    trained: dict[str, Any]
    device: str
    environment: Environment
    dtype: str
    batch_size: int
    cuda_graphs: bool
    shard_size: int
    examples: RunExamples
    outputs_only: bool = False

    @property
    def keeps_examples(self) -> bool:
        """Whether the bundle holds what people see of the test examples."""
        return self.dataset.shippable and not self.outputs_only

    @property
    def kind(self) -> ExampleKind[Any, Any]:
        return kind_of(self.dataset)

    @property
    def weights(self) -> Path:
        return weights_path(self.recipe.name)

    @property
    def shards(self) -> int:
        """The number of shards; the last one may be shorter."""
        return -(-len(self.examples) // self.shard_size)

    def examples_of(self, shard: int) -> slice:
        """The places of a shard's examples among all of the run."""
        return slice(shard * self.shard_size, min((shard + 1) * self.shard_size, len(self.examples)))

    def provenance(self) -> dict[str, Any]:
        environment = self.environment
        return {
            "recipe": self.recipe.listed,
            "variant": self.recipe.name,
            "weights_sha256": sha256_of(self.weights),
            "weights": self.trained,
            "dataset": self.dataset.name,
            "dataset_digest": self.dataset.digest(),
            **self.kind.about(self.dataset),
            "dtype": self.dtype,
            "batch_size": self.batch_size,
            "device": environment.device,
            **({"cuda_graphs": True} if self.cuda_graphs else {}),
            "versions": {"python": environment.python, "torch": environment.torch, "numpy": environment.numpy},
        }

    def key(self) -> str:
        """Identifies the run, so that shards of another run, or of another form, are never mixed in."""
        facts = [self.shard_size, FORM, self.examples.digest(), self.keeps_examples, self.provenance()]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def examples_in_all(self, shards: Collection[int]) -> int:
        """The number of examples of some shards, without repetitions."""
        missing = self.shards * self.shard_size - len(self.examples)  # in the last one
        return len(shards) * self.shard_size - missing * (self.shards - 1 in shards)

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_its_dataset, ({name: value for name, value in vars(self).items() if name != "dataset"},)


def _with_its_dataset(fields: dict[str, Any]) -> ComputeRun:
    return ComputeRun(dataset=fields["recipe"].dataset(), **fields)


def kind_of(dataset: AnyDataset) -> ExampleKind[Any, Any]:
    """The kind of a data set's examples."""
    return TextKind() if isinstance(dataset, TextDataset) else MaskKind() if isinstance(dataset, MaskDataset) else ImageKind()
