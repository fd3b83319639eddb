"""Hashes of ids: ids that are text become numbers, and numbers become pseudo-random ones.

They depend on the id alone: they are the same on every machine, in any order, at any batch size.
"""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def hash_texts(texts: Iterable[str]) -> NDArray[np.int64]:
    """A 64-bit number for every text, (texts,): the first eight bytes, least significant first, of a BLAKE2b hash of that size."""
    digests = (blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), "<i8").astype(np.int64)


def hash_uniform(ids: NDArray[np.int64], seed: int = 0) -> NDArray[np.float64]:
    """A number in [0, 1) for every id, (examples,), by the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    z = ids.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) / 2**53
