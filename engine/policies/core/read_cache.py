"""What was computed from outputs, for as long as they exist."""

from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from engine.outputs import Outputs

T = TypeVar("T")


class ReadCache(WeakKeyDictionary[Outputs, T]):
    """Empty when it is pickled: what has a cache can be sent to another process, where the outputs are other objects."""

    def __reduce__(self) -> tuple[Any, ...]:
        return ReadCache, ()
