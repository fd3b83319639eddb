"""The overlap of masks, against a slow loop over pixels."""

import numpy as np
import pytest
import torch

from engine.masks.overlap import MEAN_IOU, PIXEL_ACCURACY, Overlap, pixel_counts

CLASSES, IGNORED, SIDE = 4, 255, 6


@pytest.fixture(scope="module")
def masks() -> tuple[np.ndarray, np.ndarray]:
    """Masks of two exits, (2, 9, 6, 6), and the true ones, (9, 6, 6). In one image no pixel counts, in one other a class is missing."""
    rng = np.random.default_rng(0)
    truth = rng.integers(CLASSES, size=(9, SIDE, SIDE)).astype(np.uint8)
    predicted = np.where(rng.random((2, 9, SIDE, SIDE)) < 0.6, truth, rng.integers(CLASSES, size=(2, 9, SIDE, SIDE))).astype(np.uint8)
    truth[rng.random(truth.shape) < 0.1] = IGNORED
    truth[3] = IGNORED
    truth[4][truth[4] == 2] = 0
    predicted[:, 4][predicted[:, 4] == 2] = 0
    return predicted, truth


def counted(predicted: np.ndarray, truth: np.ndarray) -> Overlap:
    both, either = zip(*(pixel_counts(one, truth, CLASSES, IGNORED) for one in predicted), strict=True)
    return Overlap(np.stack(both), np.stack(either))


def slowly(predicted: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """The mean intersection over union and the accuracy of one image."""
    pixels = [(int(a), int(b)) for a, b in zip(predicted.ravel(), truth.ravel(), strict=True) if b != IGNORED]
    ratios = []
    for number in range(CLASSES):
        either = sum(number in pair for pair in pixels)
        if either:
            ratios.append(sum(a == b == number for a, b in pixels) / either)
    if not pixels:
        return 1.0, 1.0
    return sum(ratios) / len(ratios), sum(a == b for a, b in pixels) / len(pixels)


def test_it_equals_a_slow_loop(masks: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, truth = masks
    qualities = counted(predicted, truth).qualities()
    expected = np.array([[slowly(one, other) for one, other in zip(of_exit, truth, strict=True)] for of_exit in predicted])
    np.testing.assert_allclose(qualities[MEAN_IOU], expected[..., 0], rtol=1e-6)
    np.testing.assert_allclose(qualities[PIXEL_ACCURACY], expected[..., 1], rtol=1e-6)


def test_tensors_give_the_same_counts(masks: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, truth = masks
    for ours, theirs in zip(
        pixel_counts(predicted[0], truth, CLASSES, IGNORED),
        pixel_counts(torch.from_numpy(predicted[0]), torch.from_numpy(truth), CLASSES, IGNORED),
        strict=True,
    ):
        assert ours.dtype == np.int32 and theirs.dtype == torch.int32
        np.testing.assert_array_equal(ours, theirs.numpy())


def test_a_data_set_is_one_large_image(masks: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, truth = masks
    overlap = counted(predicted, truth)
    whole = counted(predicted.reshape(2, 1, -1, SIDE), truth.reshape(1, -1, SIDE))
    np.testing.assert_allclose(overlap.iou_of_the_set(), (whole.intersection / whole.union)[:, 0])
    np.testing.assert_array_equal(overlap.take(np.array([2, 0])).union, overlap.union[:, [2, 0]])


def test_impossible_counts_are_refused() -> None:
    one, two = np.ones((1, 1, 2), np.int32), np.full((1, 1, 2), 2, np.int32)
    Overlap(one, two)
    for intersection, union in ((two, one), (-one, two), (one[0], two[0]), (one, two[:, :, :1])):
        with pytest.raises(ValueError, match="intersection"):
            Overlap(intersection, union)
