"""What a network is trained on: labelled inputs on the device, and the batches of an epoch.

Masks are shifted and mirrored with their images.

Texts of like length are put into one batch, or most of the work would be spent on padding. So that a batch is still random, pools of many
batches are drawn at random, and only within a pool the texts are sorted by length; then the batches are shuffled.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.datasets.base import IGNORED, AnyDataset
from engine.recipes import Training
from engine.runtime.inputs import are_texts, lengths, to_tensor
from engine.splits import Split
from engine.training.augment import augmented, augmented_with_masks

#: Batches in a pool of texts.
POOL = 32
#: What `torch.nn.functional.cross_entropy` leaves out, and what is the class of no pixel.
UNCOUNTED = -100


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs on the device as the data set has them, pixels (examples, height, width, 3) or tokens (examples, words), and their labels.

    labels: (examples,) int64, or masks (examples, height, width) uint8
    """

    inputs: Tensor
    labels: Tensor

    @classmethod
    def halves(cls, dataset: AnyDataset, validation: int, device: torch.device) -> "tuple[Examples, Examples]":
        """TRAIN, divided into examples to learn from and the last `validation` examples to validate on."""
        ids = dataset.ids(Split.TRAIN)
        taken = dataset.take(ids)
        inputs, labels = (torch.from_numpy(array).to(device) for array in (taken.inputs, taken.labels))
        cut = len(ids) - validation
        return cls(inputs[:cut], labels[:cut]), cls(inputs[cut:], labels[cut:])

    def steps(self, size: int) -> int:
        """Batches of an epoch. An incomplete last one is left out: the next epoch has another order."""
        return len(self.labels) // size

    def epoch(self, epoch: int, size: int, settings: Training, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of an epoch, as (inputs as the network takes them, labels). size: of a batch"""
        order = torch.randperm(len(self.labels), generator=generator)
        steps = self.steps(size)
        if are_texts(self.inputs):
            batches = _like_lengths(order[: steps * size], lengths(self.inputs).cpu(), size, generator)
        else:
            batches = list(order[: steps * size].split(size))
        for batch in batches:
            if self.labels.ndim > 1:
                inputs, masks = augmented_with_masks(self.inputs, self.labels, batch, epoch, settings, generator)
                yield inputs, targets(masks)
                continue
            if are_texts(self.inputs):
                inputs = to_tensor(self.inputs[batch.to(self.inputs.device)])
            else:
                inputs = augmented(self.inputs, batch, epoch, settings, generator)
            yield inputs, self.labels[batch.to(self.labels.device)]

    def in_order(self, size: int = 250) -> Iterator[tuple[Tensor, Tensor]]:
        """All examples, as (inputs as the network takes them, labels)."""
        for inputs, labels in zip(self.inputs.split(size), self.labels.split(size), strict=True):
            yield to_tensor(inputs), targets(labels)


def targets(labels: Tensor) -> Tensor:
    """Labels as the loss takes them, int64. Pixels of a mask that do not count have UNCOUNTED."""
    if labels.ndim == 1:
        return labels
    masks = labels.long()
    return torch.where(masks == IGNORED, UNCOUNTED, masks)


def _like_lengths(order: Tensor, words: Tensor, size: int, generator: torch.Generator) -> list[Tensor]:
    """Batches of examples in a random order, of like length within each. order: examples;  words: the length of each example"""
    pools = (pool[words[pool].argsort(stable=True)] for pool in order.split(POOL * size))
    batches = [batch for pool in pools for batch in pool.split(size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator)]
