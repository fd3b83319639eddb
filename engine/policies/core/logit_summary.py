"""A summary of an exit's logits, the input of gates: its largest log-probabilities in falling order, entropy, margin, top probability."""

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

#: Log-probabilities are floored here: a single extreme one would stretch the scale until all others look the same.
FLOOR = -30.0
#: Numbers held in float64 at once while summaries are computed, whatever the number of classes.
CHUNK = 2**19


def summarize(logits: NDArray[np.floating], top: int = 10) -> NDArray[np.float64]:
    """The summary of one exit.

    logits (examples, classes), of any float type, -> (examples, min(top, classes) + 3): the largest log-probabilities in falling order,
    entropy in nats, margin of the top class over the runner-up, top probability. The order of the classes does not matter. A PyTorch
    tensor gives a tensor on its device.
    """
    xp = array_namespace(logits)
    examples, classes = logits.shape
    rows = max(1, CHUNK // classes)
    parts = [_summarize(logits[start : start + rows], top) for start in range(0, max(examples, 1), rows)]
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis=0)


def _summarize(logits: NDArray[np.floating], top: int) -> NDArray[np.float64]:
    xp = array_namespace(logits)
    if isinstance(logits, np.ndarray):
        logits = np.ascontiguousarray(logits)  # in another memory order, sums would be rounded in another order
    # Sorted before anything is summed, so that renaming the classes does not even change the rounding.
    falling = xp.sort(xp.astype(logits, xp.float64), axis=1, descending=True)
    below = falling - falling[:, :1]  # relative to the largest
    log_p = xp.clip(below - xp.log1p(xp.sum(xp.exp(below[:, 1:]), axis=1, keepdims=True)), FLOOR, None)
    p = xp.exp(log_p)
    entropy, margin = -xp.sum(p * log_p, axis=1), p[:, 0] - p[:, 1]
    return xp.concat([log_p[:, :top], xp.stack([entropy, margin, p[:, 0]], axis=1)], axis=1)
