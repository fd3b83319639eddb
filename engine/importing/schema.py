"""What a file to import may hold: the names of its arrays, and what is said where a file is no good."""

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
    """What a file holds.

    arrays:  by name; numbers or fixed-width text
    ignored: cleaned names of what is of no use here, a misspelt option perhaps
    """

    arrays: Mapping[str, NDArray]
    ignored: tuple[str, ...]


def wanted(name: str) -> bool:
    """Whether an array of this name is of use."""
    return name in _NAMES or bool(_PREFIXED.fullmatch(name))


def texts(metadata: Mapping[str, str]) -> dict[str, NDArray[np.str_]]:
    """Names kept in a file's metadata, for forms whose arrays hold only numbers: JSON lists of strings, and `topology` as it is."""
    found = {"topology": np.array(printable(metadata["topology"]))} if "topology" in metadata else {}
    for name in ("class_names", "exit_names"):
        if name not in metadata:
            continue
        try:
            listed = json.loads(metadata[name])
        except (ValueError, RecursionError):
            listed = None
        if not isinstance(listed, list) or not listed or not all(isinstance(text, str) for text in listed):
            raise UserError(f'{name} in the metadata is no JSON list of strings; write it as ["first", "second"].')
        # Cleaned before it becomes an array: every cell of one is as wide as its longest text.
        found[name] = np.array([printable(text) for text in listed])
    return found


def ignored_names(names: list[str] | Mapping[str, object]) -> tuple[str, ...]:
    return tuple(printable(name) for name in names if not wanted(name))


def too_large(path: Path, size: str, most: int) -> UserError:
    return UserError(f"{printable(path.name)} {size} bytes, more than the {most:,} allowed; give fewer examples, or float16.")


def damaged(path: Path, problem: Exception, writer: str) -> UserError:
    reason = printable(str(problem), 120)
    return UserError(f"{printable(path.name)} is damaged or no {path.suffix.lower()} file ({reason}); write it again with {writer}.")
