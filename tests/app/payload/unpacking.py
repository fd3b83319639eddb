"""The browser's side of packed arrays."""

import base64

import numpy as np


def unpack(packed: dict) -> np.ndarray:
    array = np.frombuffer(base64.b64decode(packed["data"]), np.dtype(packed["type"]).newbyteorder("<"))
    return array * packed["scale"] if "scale" in packed else array
