"""Chance that falls the same way on every machine.

Only `random.Random.random()` is used: Python promises its sequence for a given integer seed in every version, which it
does not promise for `choice`, `gauss` or `shuffle`; numpy's generators may change their draws between versions too.
"""

import hashlib
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def _key_bytes(key: tuple[int | str, ...]) -> bytes:
    return "/".join(map(str, key)).encode()


def rain(length: int, *key: int | str) -> bytes:
    """`length` random bytes that depend on the key alone; far quicker than rolling dice for every pixel."""
    return hashlib.shake_256(_key_bytes(key)).digest(length)


class Dice:
    """A stream of chance that depends on its key alone, such as (seed, id, "background")."""

    def __init__(self, *key: int | str) -> None:
        seed = int.from_bytes(hashlib.sha256(_key_bytes(key)).digest()[:16], "big")
        self.roll = Random(seed).random

    def chance(self, probability: float) -> bool:
        return self.roll() < probability

    def span(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        return low + (high - low) * self.roll()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.roll() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.roll() * len(options))]

    def weighted(self, options: Sequence[tuple[T, float]]) -> T:
        """One of the (option, weight) pairs' options."""
        left = self.roll() * sum(weight for _, weight in options)
        for option, weight in options:
            left -= weight
            if left < 0:
                return option
        return options[-1][0]

    def sign(self) -> int:
        return 1 if self.roll() < 0.5 else -1
