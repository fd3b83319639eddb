"""Pseudo-random numbers that depend on an example's id alone: the same on every machine, in any order, at any batch size."""

import numpy as np
from numpy.typing import NDArray


def hash_uniform(ids: NDArray[np.int64], seed: int = 0) -> NDArray[np.float64]:
    """A number in [0, 1) for every id, (examples,), by the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    z = ids.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) / 2**53
