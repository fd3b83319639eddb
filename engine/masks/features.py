"""What a predicted mask tells of a picture as a whole, without the true mask: how sure its pixels are, and how much it changed.

On masks, confidence is not gain: the least confident pictures may be hopeless, and gain nothing by going on. Gates that learn what going on
would gain read several numbers: the mean confidence and the mean entropy of the pixels, which are scores, and features that may point
either way.

Formulas follow the array API standard: they accept numpy arrays and PyTorch tensors, and results stay on the same device. Sums are taken
image by image in float64, so that an image has the same numbers in any batch, up to the rounding of its logits.
"""

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

#: Scores of a mask: the log-odds of the mean top probability of its pixels, and their mean entropy with a minus sign.
SCORES = ("maxprob", "entropy")
#: Features of a mask: the share of its pixels whose top probability is below SURE, of pixels whose class differs from that at the exit
#: before (0 at the first exit), of neighbouring pixels of different classes, and of pixels that are not of class 0, the background.
FEATURES = ("unsure_pixels", "changed_pixels", "boundary_length", "covered_pixels")
NAMES = (*SCORES, *FEATURES)
SURE = 0.7
#: A mean probability of 1 has no finite log-odds.
_LEAST_DOUBT = 1e-9


@dataclass(frozen=True, eq=False)
class MaskSummary:
    """The masks of one exit, and what they tell.

    masks:  (examples, height, width) uint8, the likeliest class of each pixel
    values: (examples, len(NAMES)) float32
    """

    masks: Any
    values: Any


def summarize_masks(logits: Any, before: Any = None) -> MaskSummary:
    """The masks that logits (examples, classes, height, width) give, and what they tell.

    before: (examples, height, width) uint8, the masks of the exit before, or None at the first exit
    """
    xp = array_namespace(logits)
    logits = xp.astype(logits, xp.float32)
    masks = xp.astype(xp.argmax(logits, axis=1), xp.uint8)
    below = logits - xp.max(logits, axis=1, keepdims=True)
    exponentials = xp.exp(below)
    total = xp.sum(exponentials, axis=1)
    top = 1 / total
    entropy = xp.log(total) - xp.sum(exponentials * below, axis=1) / total
    confidence = xp.clip(_mean(top), _LEAST_DOUBT, 1 - _LEAST_DOUBT)
    values = [
        xp.log(confidence / (1 - confidence)),
        -_mean(entropy),
        _mean(top < SURE),
        xp.zeros_like(confidence) if before is None else _mean(masks != before),
        (_mean(masks[:, 1:] != masks[:, :-1]) + _mean(masks[:, :, 1:] != masks[:, :, :-1])) / 2,
        _mean(masks != 0),
    ]
    return MaskSummary(masks, xp.astype(xp.stack(values, axis=1), xp.float32))


def _mean(values: Any) -> Any:
    """(examples, height, width) -> (examples,) float64"""
    xp = array_namespace(values)
    return xp.mean(xp.astype(values, xp.float64), axis=(1, 2))
