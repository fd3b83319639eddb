"""Whole numbers in arrays of any type: which elements are exactly one, and how large they may be."""

import numpy as np
from numpy.typing import NDArray


def whole_numbers(name: str, array: NDArray) -> NDArray[np.int64]:
    """An int64 copy of an array that holds only whole numbers, of any type.

    Raises ValueError otherwise, also for floating-point numbers too large for their type to represent every whole number.
    """
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} are of type {array.dtype}, expected whole numbers")
    invalid = array[~exactly_whole(array)]
    if len(invalid):
        most = largest_exact(array.dtype)
        raise ValueError(f"{name} contain {invalid[:1].tolist()}; {array.dtype} holds whole numbers up to {most:,} only")
    return array.astype(np.int64)


def largest_exact(dtype: np.dtype) -> int:
    """The largest n such that the type represents all whole numbers up to n exactly and int64 holds n."""
    return 2 ** (np.finfo(dtype).nmant + 1) if dtype.kind == "f" else 2**63 - 1


def exactly_whole(array: NDArray) -> NDArray[np.bool_]:
    """Which elements are whole numbers that their type and int64 represent exactly."""
    if array.dtype.kind == "f":
        whole = array.astype(np.float64)  # in float16 the limits themselves would overflow
        return (np.abs(whole) <= largest_exact(array.dtype)) & (whole == np.floor(whole))  # NaN fails both
    return array <= largest_exact(array.dtype) if array.dtype.kind == "u" else np.ones(array.shape, bool)
