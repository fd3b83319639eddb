"""Arrays as JSON carries them: base64 of their bytes, in the smallest type that holds them."""

import base64

import numpy as np
from numpy.typing import NDArray


def pack(array: NDArray, dtype: str) -> dict[str, str]:
    """For a typed array in the browser. dtype: u1, u2, u4 or f4"""
    little = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
    return {"type": dtype, "data": base64.b64encode(little.tobytes()).decode("ascii")}


def pack_share(array: NDArray[np.floating], dtype: str) -> dict[str, str | float]:
    """Numbers in [0, 1] as multiples of a small step: readers need no more digits. dtype: u1 or u2"""
    top = np.iinfo(dtype).max
    return {**pack(np.round(array * top), dtype), "scale": 1 / top}


def numbers(values: NDArray[np.floating]) -> list[float]:
    return np.round(values, 5).tolist()
