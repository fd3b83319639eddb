"""A made-up bundle whose exits give masks: discs on a ground, which later exits find more exactly."""

import numpy as np
from numpy.typing import NDArray

from engine.bundle.bundle import Draft
from engine.bundle.images import encode
from engine.bundle.masks import pack_masks
from engine.datasets.base import IGNORED
from engine.masks.overlap import Overlap, pixel_counts
from engine.outputs import Outputs
from tests import synthetic

CLASSES = ("ground", "disc", "other disc")
COLOURS = np.array([[150, 150, 150], [220, 120, 60], [60, 130, 200]], np.uint8)


def masks(examples: int, exits: int, side: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """True masks (examples, side, side) whose first row does not count, and those of the exits (exits, examples, side, side)."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    truth = np.zeros((examples, side, side), np.uint8)
    predicted = np.zeros((exits, examples, side, side), np.uint8)
    for number in (1, 2):
        across, down, radius = (
            rng.uniform(0.2, 0.8, examples) * side,
            rng.uniform(0.2, 0.8, examples) * side,
            rng.uniform(0.1, 0.3, examples),
        )
        for row in range(examples):
            away = np.hypot(x - across[row], y - down[row]) / side
            truth[row][away < radius[row]] = number
            for exit in range(exits):
                shift = rng.normal(0, 0.12 / (1 + exit))
                predicted[exit, row][away < radius[row] + shift] = number
    truth[:, 0] = IGNORED
    return truth, predicted


def masked_draft(id: str, examples: int = 200, exits: int = 3, side: int = 24, with_truth: bool = True) -> Draft:
    """examples: of each split. Masks and images of the test examples are kept, or masks without the true ones and no images."""
    truth, predicted = masks(3 * examples, exits, side)
    counts = [pixel_counts(of_exit, truth, len(CLASSES), IGNORED) for of_exit in predicted]
    ids = synthetic.ids_for(len(truth))
    rng = np.random.default_rng(1)
    outputs = Outputs.from_overlap(
        Overlap(*(np.stack(arrays) for arrays in zip(*counts, strict=True))),
        scores={"maxprob": rng.normal(2, 1, (exits, len(ids))).astype(np.float32)},
        features={"unsure_pixels": rng.random((exits, len(ids)), np.float32)},
        ids=ids,
        split=synthetic.split_names(examples),
        stage_cost={"macs": np.arange(1.0, exits + 1)},
    )
    shown = range(2 * examples, 3 * examples)
    drawn = COLOURS[np.where(truth == IGNORED, 0, truth)]
    return Draft(
        id=id,
        title="Discs",
        outputs=outputs,
        class_names=CLASSES,
        exit_names=tuple(f"Exit {number}" for number in range(1, exits + 1)),
        unit_notes={},
        provenance={},
        images=[(int(ids[row]), encode(drawn[row])) for row in shown if with_truth],
        masks=[(int(ids[row]), pack_masks(truth[row] if with_truth else None, predicted[:, row])) for row in shown],
        mask_size=(side, side),
    )
