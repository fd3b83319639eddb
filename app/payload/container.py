"""A resource of the page: named arrays and plain JSON values in one binary file, which the browser reads without copying.

    bytes 0-3    "OFRP"
    bytes 4-7    VERSION, little-endian
    bytes 8-11   length of the header in bytes
    header       UTF-8 JSON: {"values": {...}, "arrays": {name: {"type", "shape", "start", "scale"}}}
    arrays       little-endian, each starting at a multiple of 8 after the header, `start` bytes behind it

An array with a scale holds whole numbers that are to be multiplied by it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC, VERSION = b"OFRP", 1
_ALIGNMENT = 8


@dataclass(frozen=True, eq=False)
class Packed:
    """An array in the smallest type that holds it.

    type:  u1, u2, u4, f4 or f8
    scale: of whole numbers that stand for fractions, or None
    """

    array: NDArray
    type: str
    scale: float | None = None


def packed_share(array: NDArray[np.floating], type: str) -> Packed:
    """Numbers in [0, 1] as multiples of a small step, since readers need no more digits. type: u1 or u2"""
    top = np.iinfo(type).max
    return Packed(np.round(array * top), type, 1 / top)


def encode(values: Mapping[str, Any], arrays: Mapping[str, Packed]) -> bytes:
    """values: plain JSON values without NaN"""
    body, places = bytearray(), {}
    for name, packed in arrays.items():
        little = np.ascontiguousarray(packed.array, np.dtype(packed.type).newbyteorder("<"))
        place = {"type": packed.type, "shape": list(little.shape), "start": len(body)}
        places[name] = place if packed.scale is None else {**place, "scale": packed.scale}
        body += little.tobytes()
        body += b"\0" * (-len(body) % _ALIGNMENT)
    header = json.dumps({"values": dict(values), "arrays": places}, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()
    header += b" " * (-(len(header) + 12) % _ALIGNMENT)
    return MAGIC + VERSION.to_bytes(4, "little") + len(header).to_bytes(4, "little") + header + bytes(body)


def decode(content: bytes) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """The values and the arrays, scaled, of `encode`. Raises ValueError for another version or format."""
    if content[:4] != MAGIC or int.from_bytes(content[4:8], "little") != VERSION:
        raise ValueError(f"not a resource of version {VERSION}: it begins with {content[:8]!r}")
    end = 12 + int.from_bytes(content[8:12], "little")
    header = json.loads(content[12:end])
    arrays = {}
    for name, place in header["arrays"].items():
        dtype = np.dtype(place["type"]).newbyteorder("<")
        count = int(np.prod(place["shape"], dtype=np.int64))
        array = np.frombuffer(content, dtype, count, end + place["start"]).reshape(place["shape"])
        arrays[name] = array * np.float32(place["scale"]) if "scale" in place else array
    return header["values"], arrays
