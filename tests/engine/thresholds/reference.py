"""The plain loop: example by example, exit by exit. Every fast evaluation must equal it, and benchmarks compare with it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def walk(scores, correct, thresholds: Sequence[float]) -> tuple[list[int], list[int]]:
    """How many examples leave at each exit, and how many of them with a correct prediction, (exits,) each.

    scores, correct (exits, examples): numpy arrays or torch tensors; thresholds (exits - 1,). An example leaves at the first exit whose
    score is at least its threshold; the last exit takes the rest. The semantics of published evaluation scripts, which hold tensors.
    """
    exits, examples = scores.shape
    leaving, good = [0] * exits, [0] * exits
    for example in range(examples):
        for exit in range(exits):
            if exit == exits - 1 or scores[exit, example].item() >= thresholds[exit]:
                leaving[exit] += 1
                if correct[exit, example].item():
                    good[exit] += 1
                break
    return leaving, good


def made_up(examples: int, exits: int, seed: int, distinct: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Scores, and whether each exit is correct, (exits, examples) each. distinct: the fewer distinct scores, the more ties."""
    rng = np.random.default_rng(seed)
    scores = (rng.normal(size=examples) + rng.normal(size=(exits, examples)) + 0.3 * np.arange(exits)[:, None]).astype(np.float32)
    correct = rng.random((exits, examples)) < 1 / (1 + np.exp(-scores))
    if distinct is not None:
        scores = np.round(scores * distinct / 8).astype(np.float32)
    return scores, correct


def awkward_thresholds(scores: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float64]:
    """Thresholds equal to scores, between scores, beyond all scores, and at either infinity, (count, exits - 1)."""
    rng = np.random.default_rng(seed)
    gates = len(scores) - 1
    on = np.stack([rng.choice(row, count) for row in scores[:-1]], axis=-1).astype(np.float64) if gates else np.empty((count, 0))
    kind = rng.integers(6, size=(count, gates))
    return np.select([kind == 1, kind == 2, kind == 3, kind == 4], [on + 1e-3, np.inf, -np.inf, on + 100], on)
