"""Values of the exits: one for all examples, or one for each of them."""

from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

#: What leaving is worth, (exits, examples) or (examples,): correct or incorrect, or graded in [0, 1].
Quality = NDArray[np.bool_ | np.float32]


def is_binary(quality: Quality) -> TypeGuard[NDArray[np.bool_]]:
    """Whether quality is correct or incorrect, not graded."""
    return quality.dtype == np.bool_


def at_exits(values: NDArray, exit: NDArray[np.integer]) -> NDArray:
    """The value of each example at its exit, (examples,). values: (exits,) if it is the same for all examples, or (exits, examples)"""
    if values.ndim == 1:
        return values[exit]
    if not values.flags.c_contiguous:
        return np.take_along_axis(values, exit[None], axis=0)[0]
    examples = values.shape[1]
    return values.ravel().take(exit * np.int64(examples) + np.arange(examples))  # a third of the time


def by_example(values: NDArray) -> NDArray:
    """(exits,) -> (exits, 1), which broadcasts against (exits, examples); the latter stays as it is."""
    return values[:, None] if values.ndim == 1 else values


def mean_over_examples(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """(exits,), or (exits, examples) -> (exits,)"""
    return values.astype(np.float64) if values.ndim == 1 else values.mean(axis=1, dtype=np.float64)
