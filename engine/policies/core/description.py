"""What a gate reads of an exit: the largest log-probabilities in falling order, entropy, margin and top probability."""

import numpy as np
from numpy.typing import NDArray

#: Log-probabilities are floored here: one answer surer still would stretch the scale until all the others look alike.
FLOOR = -30.0
#: Numbers held at once in float64 while features are made, whatever the number of classes.
CHUNK = 2**19


def describe(logits: NDArray[np.floating], top: int = 10) -> NDArray[np.float64]:
    """What a gate reads of one exit.

    logits (examples, classes), of any float type, -> (examples, min(top, classes) + 3): the largest log-probabilities in falling order,
    entropy in nats, margin of the top class over the runner-up, top probability. The classes' order plays no part.
    """
    examples, classes = logits.shape
    kept = min(top, classes)
    read = np.empty((examples, kept + 3))
    rows = max(1, CHUNK // classes)
    for start in range(0, examples, rows):
        # Sorted before anything is summed, so that renaming the classes changes not even the rounding.
        falling = np.sort(np.array(logits[start : start + rows], np.float64, order="C"), axis=1)[:, ::-1]
        below = falling - falling[:, :1]  # from the top, at 0
        log_p = np.maximum(below - np.log1p(np.exp(below[:, 1:]).sum(axis=1, keepdims=True)), FLOOR)
        p = np.exp(log_p)
        part = read[start : start + rows]
        part[:, :kept] = log_p[:, :kept]
        part[:, kept] = -(p * log_p).sum(axis=1)
        part[:, kept + 1] = p[:, 0] - p[:, 1]
        part[:, kept + 2] = p[:, 0]
    return read
