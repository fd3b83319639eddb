"""A grid of threshold levels per exit, and the bin of every score between them."""

import numpy as np
from numpy.typing import NDArray


def quantile_levels(scores: NDArray[np.floating], levels: int) -> NDArray[np.float64]:
    """Levels with the same number of each exit's examples between them, from "all examples leave" to "no example leaves".

    scores (exits, examples), levels >= 2 -> (exits - 1, levels) rising from minus to plus infinity. All but the ends are scores that
    occur. Levels repeat where many scores tie. With more levels than examples, every possible cut is among them.
    """
    examples = scores.shape[1]
    grid = np.empty((len(scores) - 1, levels))
    grid[:, 0], grid[:, -1] = -np.inf, np.inf
    grid[:, 1:-1] = np.sort(scores[:-1], axis=1)[:, np.arange(1, levels - 1) * examples // (levels - 1)]
    return grid


def bins(scores: NDArray[np.floating], levels: NDArray[np.float64]) -> NDArray[np.unsignedinteger]:
    """The highest level each score reaches: score >= levels[k, q] exactly if its bin is at least q.

    scores (exits, examples), levels (exits - 1, levels) rising, the first minus infinity -> (exits - 1, examples), in the smallest type
    """
    if not np.isneginf(levels[:, 0]).all():
        raise ValueError("the first level of every exit must be minus infinity, which every score reaches")
    reached = [np.searchsorted(level, score, side="right") - 1 for level, score in zip(levels, scores[:-1], strict=True)]
    return np.array(reached, np.min_scalar_type(levels.shape[1] - 1)).reshape(len(levels), scores.shape[1])
