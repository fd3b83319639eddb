"""Random numbers that are the same on every machine.

Only `random.Random.random()` is used. Python guarantees its sequence for a given integer seed in every version, but not
that of `choice`, `gauss` or `shuffle`. The output of numpy's generators may change between versions too.
"""

import hashlib
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def _key_bytes(key: tuple[int | str, ...]) -> bytes:
    return "/".join(map(str, key)).encode()


def rain(length: int, *key: int | str) -> bytes:
    """`length` random bytes that depend only on the key; much faster than one roll of the dice per pixel."""
    return hashlib.shake_256(_key_bytes(key)).digest(length)


class Dice:
    """A stream of random numbers that depends only on its key, such as (seed, id, "background")."""

    def __init__(self, *key: int | str) -> None:
        seed = int.from_bytes(hashlib.sha256(_key_bytes(key)).digest()[:16], "big")
        self.roll = Random(seed).random

    def chance(self, probability: float) -> bool:
        return self.roll() < probability

    def span(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return low + (high - low) * self.roll()

    def whole(self, low: int, high: int) -> int:
        """An integer from low to high, inclusive."""
        return low + int(self.roll() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.roll() * len(options))]

    def weighted(self, options: Sequence[tuple[T, float]]) -> T:
        """The option of one of the (option, weight) pairs, drawn by weight."""
        left = self.roll() * sum(weight for _, weight in options)
        for option, weight in options:
            left -= weight
            if left < 0:
                return option
        return options[-1][0]

    def sign(self) -> int:
        return 1 if self.roll() < 0.5 else -1
