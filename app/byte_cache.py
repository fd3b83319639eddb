"""What all visitors share, as long as there is room for it: kept by key, counted in bytes, the least recently used forgotten first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Safe to use from many threads, and a value is made by one of them while the others that want it wait.

    A value larger than the limit is kept all the same, alone, until another one comes: whatever was asked for last is asked for again.
    """

    def __init__(self, limit: int, size: Callable[[Value], int]) -> None:
        """limit: bytes;  size: how many of them a value takes"""
        self.limit, self.held = limit, 0
        self._size = size
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()  # the most recently used come last
        self._coming: dict[Hashable, Event] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value kept under `key`, or the one that `make` gives. If it raises, nothing is kept and the next in line tries."""
        while True:
            with self._lock:
                if key in self._kept:
                    return self._used(key)
                coming = self._coming.get(key)
                if coming is None:
                    self._coming[key] = mine = Event()
                    break
            coming.wait()
        try:
            value = make()
            self.put(key, value)
            return value
        finally:
            with self._lock:
                del self._coming[key]
            mine.set()

    def peek(self, key: Hashable) -> Value | None:
        """The value kept under `key`, or None."""
        with self._lock:
            return self._used(key) if key in self._kept else None

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value, in place of the one that was kept under `key`."""
        size = self._size(value)
        with self._lock:
            self._drop(key)
            self._kept[key] = value, size
            self.held += size
            while self.held > self.limit and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))

    def drop(self, key: Hashable) -> None:
        """Forget what is kept under `key`, if anything is."""
        with self._lock:
            self._drop(key)

    def _used(self, key: Hashable) -> Value:
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def _drop(self, key: Hashable) -> None:
        if key in self._kept:
            self.held -= self._kept.pop(key)[1]
