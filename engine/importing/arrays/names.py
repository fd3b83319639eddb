"""Checks of arrays of names, and of the topology."""

from collections.abc import Mapping

from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.outputs import CascadeKind


def check_topology(arrays: Mapping[str, NDArray], notes: list[str]) -> CascadeKind:
    """Whether these are the exits of one network or separate models. A guess is noted."""
    if "topology" not in arrays:
        notes.append("Read as the exits of one network; if these are separate networks, add --topology family.")
        return CascadeKind.CHAIN
    recorded = printable(str(arrays["topology"].reshape(-1)[0])) if arrays["topology"].size else ""
    if recorded not in list(CascadeKind):
        raise UserError(f"topology is {recorded!r}; use 'chain' for the exits of one network or 'family' for separate networks.")
    return CascadeKind(recorded)


def check_names(name: str, names: NDArray, defaults: list[str]) -> tuple[str, ...]:
    """The names, cleaned, one for each default. A default replaces a name of which nothing is left."""
    if names.shape != (len(defaults),) or names.dtype.kind != "U":
        actual = f"shape {names.shape} and dtype {printable(str(names.dtype))}"
        raise UserError(f"{name} has {actual}; give {len(defaults)} names as an array of strings, such as numpy.array(list_of_names).")
    return tuple(printable(str(text)) or default for text, default in zip(names, defaults, strict=True))
