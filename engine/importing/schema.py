"""What a file to import may hold: the names of its arrays, and the errors of files that cannot be read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError

_NAMES = {
    *("logits", "probs", "pred", "conf", "labels", "cost", "stage_cost"),
    *("split", "images", "exit_names", "class_names", "ids", "topology"),
}
_PREFIXED = re.compile(r"(cost|stage_cost|factor)_\w{1,40}")


@dataclass(frozen=True, eq=False)
class Given:
    """The contents of a file.

    arrays:  by name; numbers or fixed-width text
    ignored: names that are not known here, cleaned; one may be misspelt
    """

    arrays: Mapping[str, NDArray]
    ignored: tuple[str, ...]


def wanted(name: str) -> bool:
    """Whether an array of this name is imported."""
    return name in _NAMES or bool(_PREFIXED.fullmatch(name))


def texts(metadata: Mapping[str, str]) -> dict[str, NDArray[np.str_]]:
    """Text arrays from the metadata of formats whose arrays hold only numbers: names as JSON lists of strings, `topology` as plain text."""
    arrays = {"topology": np.array(printable(metadata["topology"]))} if "topology" in metadata else {}
    for name in ("class_names", "exit_names"):
        if name not in metadata:
            continue
        try:
            listed = json.loads(metadata[name])
        except (ValueError, RecursionError):
            listed = None
        if not isinstance(listed, list) or not listed or not all(isinstance(text, str) for text in listed):
            raise UserError(f'{name} in the metadata is not a JSON list of strings; write it as ["first", "second"].')
        # Cleaned before it becomes an array: every cell is as wide as the longest text.
        arrays[name] = np.array([printable(text) for text in listed])
    return arrays


def ignored_names(names: list[str] | Mapping[str, object]) -> tuple[str, ...]:
    return tuple(printable(name) for name in names if not wanted(name))


def too_large(path: Path, size: str, most: int) -> UserError:
    return UserError(f"{printable(path.name)} {size} bytes, more than the {most:,} allowed; give fewer examples or use float16.")


def damaged(path: Path, problem: Exception, writer: str) -> UserError:
    reason = printable(str(problem), 120)
    return UserError(
        f"{printable(path.name)} is damaged or not a valid {path.suffix.lower()} file ({reason}); write it again with {writer}."
    )
