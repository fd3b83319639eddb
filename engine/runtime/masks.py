"""Images with masks, as a kind of example, and what a run keeps of the masks of its exits.

The logits of every pixel would be thousands of numbers an example. Kept are the pixels that a mask shares with the true one by class, what
the mask tells of the picture as a whole (`engine.masks.features`), and the masks themselves of the test examples.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.bundle.images import encode
from engine.bundle.masks import pack_masks
from engine.datasets.base import IGNORED, MaskDataset, MaskedImages
from engine.errors import UserError
from engine.masks.features import FEATURES, NAMES, SCORES, summarize_masks
from engine.masks.overlap import Overlap, pixel_counts
from engine.outputs import Outputs
from engine.policies.core.features import Feature, RecordedFeature, ScoreFeature
from engine.policies.core.logit_store import LogitStore, Rows
from engine.runtime.example_kinds import ExampleKind, Facts, shown_images
from engine.runtime.shards import Shards

#: Receives the masks that examples leave with, as they leave: ids (examples,), masks (examples, height, width) uint8.
ReceiveMasks = Callable[[NDArray[np.int64], NDArray[np.uint8]], None]


class MaskKind(ExampleKind[MaskDataset, MaskedImages]):
    """Exits give a mask. An image costs what every image costs, and people see it with its true mask and those of the exits."""

    def about(self, dataset: MaskDataset) -> dict[str, Any]:
        return {"image_size": list(dataset.image_size), "transform": "pixels / 255"}

    def shown(self, examples: MaskedImages, row: int) -> bytes:
        return encode(examples.pixels[row])

    def of_exits(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        intersection, union, values, masks = [], [], [], []
        for one_exit in logits:
            summary = summarize_masks(one_exit, masks[-1] if masks else None)
            both, either = pixel_counts(summary.masks, labels, one_exit.shape[1], IGNORED)
            intersection.append(both)
            union.append(either)
            values.append(summary.values)
            masks.append(summary.masks)
        kept = {"intersection": intersection, "union": union, "values": values, "masks": masks}
        return {name: torch.stack(of_exit) for name, of_exit in kept.items()}

    def kept(self, columns: dict[str, NDArray], is_test: NDArray[np.bool_], keeps_examples: bool) -> dict[str, NDArray]:
        """Only the masks of test examples, and without the true ones where the bundle holds no examples."""
        truths, masks = columns.pop("labels")[is_test], columns.pop("masks")[:, is_test]
        packed = [pack_masks(truth if keeps_examples else None, masks[:, row]) for row, truth in enumerate(truths)]
        lengths = np.zeros(len(is_test), np.int64)
        lengths[is_test] = [len(data) for data in packed]
        return {**columns, "mask_bytes": lengths, "masks": np.frombuffer(b"".join(packed) or b"\0", np.uint8)}

    def outputs(self, shards: Shards, facts: Facts) -> Outputs:
        values = shards.joined("values", axis=1)
        named = {name: np.ascontiguousarray(values[:, :, k]) for k, name in enumerate(NAMES)}
        return Outputs.from_overlap(
            Overlap(shards.joined("intersection", axis=1), shards.joined("union", axis=1)),
            scores={name: named[name] for name in SCORES},
            features={name: named[name] for name in FEATURES},
            ids=facts.ids,
            split=facts.split,
            stage_cost=facts.stage_cost,
            kind=facts.kind,
            factors=facts.factors,
        )

    def faces(self, ids: NDArray[np.int64], shards: Shards) -> dict[str, Any]:
        return {"images": shown_images(ids, shards)}

    def pictured_outputs(self, dataset: MaskDataset, ids: NDArray[np.int64], shards: Shards) -> dict[str, Any]:
        return {"masks": _packed_masks(ids, shards), "mask_size": dataset.image_size}


def _packed_masks(ids: NDArray[np.int64], shards: Shards) -> Iterator[tuple[int, bytes]]:
    """(example id, packed masks) of the test examples."""
    first = 0
    for lengths, packed in zip(shards.column("mask_bytes"), shards.column("masks"), strict=True):
        for id, end, length in zip(ids[first : first + len(lengths)].tolist(), np.cumsum(lengths), lengths, strict=True):
            if length:
                yield id, packed[end - length : end].tobytes()
        first += len(lengths)


@dataclass(frozen=True, eq=False)
class MaskStore(LogitStore):
    """The masks of one exit in a run, in place of its logits: what they tell, and the masks themselves until their examples leave.

    logits: (rows, len(NAMES)) float32 on the host, what the masks tell; NaN in the rows of examples that were not sent to this exit
    masks:  (rows, height, width) uint8, on the device of the network
    before: the store of the exit before, or None at the first exit
    """

    masks: Tensor = field(kw_only=True)
    before: "MaskStore | None" = field(default=None, kw_only=True)

    @classmethod
    def empty(cls, rows: int, like: Tensor, before: "MaskStore | None") -> "MaskStore":
        """like: (batch, classes, height, width)"""
        masks = torch.empty((rows, *like.shape[2:]), dtype=torch.uint8, device=like.device)
        return cls(np.full((rows, len(NAMES)), np.nan, np.float32), masks=masks, before=before)

    def read(self, feature: Feature, rows: Rows) -> NDArray[np.floating]:
        """A score or a feature of each example, by name."""
        if not isinstance(feature, ScoreFeature | RecordedFeature) or feature.name not in NAMES:
            raise UserError(
                "This policy reads the logits of an exit, and of masks only scores and features are kept; choose another policy."
            )
        return self.logits[rows, NAMES.index(feature.name)]

    def keep(self, rows: Rows, logits: Tensor) -> None:
        """Store what logits (rows, classes, height, width) give.

        Where an example skipped the exit before, how much its mask changed is NaN, which no rule reads.
        """
        there = torch.from_numpy(rows).to(self.masks.device)
        summary = summarize_masks(logits, None if self.before is None else self.before.masks[there])
        values = summary.values.cpu().numpy()
        if self.before is not None:
            skipped = np.isnan(self.before.logits[rows, 0])
            values[skipped, NAMES.index("changed_pixels")] = np.nan
        self.logits[rows] = values
        self.masks[there] = summary.masks

    def at(self, rows: Rows) -> NDArray[np.uint8]:
        """The masks of some examples that were sent to this exit, (rows, height, width)."""
        return self.masks[torch.from_numpy(rows).to(self.masks.device)].cpu().numpy()
