"""A cache that all visitors share, limited by bytes: the least recently used values are dropped first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Thread-safe. Each value is made by one thread while the others that need it wait.

    A value larger than the limit is still kept, alone, until another one comes: the value requested last is likely to be requested again.
    """

    def __init__(self, limit: int, size: Callable[[Value], int]) -> None:
        """limit: bytes;  size: the bytes of a value"""
        self.limit, self.held = limit, 0
        self._size = size
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()  # the most recently used is last
        self._coming: dict[Hashable, Event] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value kept under `key`, or else the one that `make` returns. If it raises, nothing is kept and the next thread tries."""
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
        """Keep a value, replacing the one under `key`."""
        size = self._size(value)
        with self._lock:
            self._drop(key)
            self._kept[key] = value, size
            self.held += size
            while self.held > self.limit and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))

    def drop(self, key: Hashable) -> None:
        """Drop the value under `key`, if there is one."""
        with self._lock:
            self._drop(key)

    def _used(self, key: Hashable) -> Value:
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def _drop(self, key: Hashable) -> None:
        if key in self._kept:
            self.held -= self._kept.pop(key)[1]
