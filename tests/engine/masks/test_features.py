"""What masks tell of a picture as a whole, against the definitions, on the host and as tensors."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from engine.masks.features import NAMES, SURE, MaskSummary, summarize_masks

LOGITS = 2 * np.random.default_rng(0).standard_normal((5, 3, 8, 6)).astype(np.float32)
BEFORE = np.random.default_rng(1).integers(3, size=(5, 8, 6)).astype(np.uint8)


def value(summary: MaskSummary, name: str) -> np.ndarray:
    return np.asarray(summary.values[:, NAMES.index(name)])


@pytest.mark.parametrize("as_tensor", [False, True])
def test_values_follow_their_definitions(as_tensor: bool) -> None:
    given = [torch.from_numpy(array) if as_tensor else array for array in (LOGITS, BEFORE)]
    summary = summarize_masks(*given)
    log_p = log_softmax(LOGITS.astype(np.float64), axis=1)
    top, masks = np.exp(log_p.max(axis=1)), log_p.argmax(axis=1)
    confidence = top.mean(axis=(1, 2))
    down, across = masks[:, 1:] != masks[:, :-1], masks[:, :, 1:] != masks[:, :, :-1]
    expected = {
        "maxprob": np.log(confidence / (1 - confidence)),
        "entropy": (np.exp(log_p) * log_p).sum(axis=1).mean(axis=(1, 2)),
        "unsure_pixels": (top < SURE).mean(axis=(1, 2)),
        "changed_pixels": (masks != BEFORE).mean(axis=(1, 2)),
        "boundary_length": (down.mean(axis=(1, 2)) + across.mean(axis=(1, 2))) / 2,
        "covered_pixels": (masks > 0).mean(axis=(1, 2)),
    }
    assert tuple(expected) == NAMES
    np.testing.assert_array_equal(np.asarray(summary.masks), masks)
    for name in NAMES:
        np.testing.assert_allclose(value(summary, name), expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_at_the_first_exit_nothing_has_changed() -> None:
    assert not value(summarize_masks(LOGITS), "changed_pixels").any()


def test_an_image_has_the_same_values_in_any_batch() -> None:
    alone = np.concatenate([summarize_masks(LOGITS[i : i + 1], BEFORE[i : i + 1]).values for i in range(5)])
    np.testing.assert_array_equal(alone, summarize_masks(LOGITS, BEFORE).values)


def test_certain_pixels_have_finite_log_odds() -> None:
    certain = np.where(np.arange(3)[:, None, None] == 1, 200.0, 0.0) * np.ones((1, 3, 4, 4))
    assert np.isfinite(summarize_masks(certain).values).all()
