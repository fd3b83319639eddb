"""The types that a saved policy may contain: rules and their parts, each under a name that does not depend on Python's modules.

A saved policy is data, never code. It can only name a type that was registered here, with the fields that its dataclass declares.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.display_text import check_name
from engine.outputs import CascadeKind

T = TypeVar("T")
_types: dict[str, type] = {}

#: Every registered type, by name.
SAVED_TYPES: Mapping[str, type] = MappingProxyType(_types)


@dataclass(frozen=True)
class Cascade:
    """The size and kind of the cascade that a rule is for."""

    kind: CascadeKind
    exits: int
    classes: int

    @property
    def gates(self) -> int:
        """The number of exits at which there is something to decide: all but the last."""
        return self.exits - 1


def register_saved(name: str) -> Callable[[type[T]], type[T]]:
    """Class decorator: rules of this type can be saved and loaded, and so can parts of rules.

    name: stands for the type in files, so it must never change
    The type is a dataclass, decorated before this. Fields with a leading underscore are caches and are not saved. The others may be
    numbers, text, arrays of float32 or float64, registered types, None, and sequences and mappings of these. The method
    `fits(self, cascade: Cascade) -> bool` tells whether the values are valid for a cascade: a loaded file is untrusted.
    """

    def register(kind: type[T]) -> type[T]:
        check_name("type of a saved policy", name)
        if not is_dataclass(kind) or not callable(getattr(kind, "fits", None)):
            raise TypeError(f"{kind.__name__} must be a dataclass with a method `fits(self, cascade) -> bool` to be saved")
        if name in _types:
            raise ValueError(f"two types of a saved policy are called {name!r}")
        _types[name] = kind
        return kind

    return register


def name_of(kind: type) -> str | None:
    """The name under which exactly this type is registered, or None."""
    return next((name for name, registered in _types.items() if registered is kind), None)


def saved_fields(kind: type) -> list[str]:
    """The names of the fields that are saved."""
    return [field.name for field in fields(kind) if not field.name.startswith("_")]


def has_shape(array: NDArray, *shape: int) -> bool:
    """Whether an array has this shape, whatever its numbers."""
    return array.shape == shape


def finite(array: NDArray[np.floating], *shape: int) -> bool:
    """Whether an array has this shape and only finite numbers."""
    return array.shape == shape and bool(np.isfinite(array).all())
