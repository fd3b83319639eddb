"""What a file to import may hold: the names of its arrays, and the errors of files that cannot be read."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError

if TYPE_CHECKING:
    from engine.importing.logs.table import Table

#: Arrays whose first axis is the exits. One array for each exit, such as `exit0.logits`, may take the place of one for all.
OF_EXITS = ("logits", "probs", "pred", "conf", "correct", "quality", "failed", "cost", "stage_cost")
#: Names that a sentence lists.
MOST_NAMED = 10
_NAMES = {*OF_EXITS, "labels", "split", "images", "exit_names", "class_names", "ids", "texts", "topology"}
_PREFIXED = re.compile(r"(cost|stage_cost|factor|before|feature)_\w{1,40}")
_OF_EXIT = re.compile(r"exit(\d{1,3})\.(\w+)")


@dataclass(frozen=True, eq=False)
class Given:
    """The contents of a file.

    arrays:  by name; numbers or fixed-width text
    ignored: names that are not known here, cleaned; one may be misspelt
    table:   the rows of a log, in place of arrays
    columns: whether the arrays come from columns, one for each exit
    """

    arrays: Mapping[str, NDArray]
    ignored: tuple[str, ...]
    table: "Table | None" = None
    columns: bool = False

    @property
    def missing(self) -> "Missing":
        return Missing(self.ignored, self.columns)


@dataclass(frozen=True)
class Missing:
    """Words for what a file lacks. ignored, columns: as in `Given`

    own: the columns that a batch was read from, which holds more arrays than they do; empty if the arrays are all there is
    """

    ignored: tuple[str, ...] = ()
    columns: bool = False
    own: tuple[str, ...] = ()

    def present(self, arrays: Iterable[str]) -> str:
        """What there is, by the names in the file. Unknown names come first: one may be misspelt."""
        names = self.own or ([_column_of(name) for name in arrays] if self.columns else list(arrays))
        present = [*self.ignored, *names]
        more = f" and {len(present) - MOST_NAMED} more" if len(present) > MOST_NAMED else ""
        return ", ".join(present[:MOST_NAMED]) + more or "nothing"

    def of_exits(self, name: str) -> str:
        """An array with a value for each exit, or for each exit and example."""
        return f"{_column_of(name)} and so on" if self.columns else f"{name} (exits,)" if is_cost(name) else f"{name} (exits, examples)"


def no_exit(present: str, exit: int, name: str, counted: str) -> UserError:
    """For an exit that is not there. present, name: what there is, and what is missing;  counted: what counts exits, in words"""
    remedy = f"add it ({counted} from 0)" if exit else "number the exits from 0 on, or add it"
    return UserError(f"The file has {present} but no {name}; {remedy}.")


def wanted(name: str) -> bool:
    """Whether an array of this name is imported."""
    of = of_exit(name)
    return name in _NAMES or bool(_PREFIXED.fullmatch(name)) or (of is not None and is_of_exits(of[1]))


def of_exit(name: str) -> tuple[int, str] | None:
    """The exit and the array that a name such as `exit0.logits` stands for, or None."""
    match = _OF_EXIT.fullmatch(name)
    return (int(match[1]), match[2]) if match else None


def is_of_exits(name: str) -> bool:
    """Whether an array of this name has an axis of exits."""
    return name in OF_EXITS or name.startswith(("cost_", "stage_cost_", "feature_"))


def is_cost(name: str) -> bool:
    return name in ("cost", "stage_cost") or name.startswith(("cost_", "stage_cost_"))


def _column_of(name: str) -> str:
    """The column of a Parquet file that an array comes from, of several for its exits the first."""
    return f"exit0.{name}" if is_of_exits(name) else {"labels": "label", "ids": "id", "texts": "text"}.get(name, name)


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


def damaged(path: Path, problem: Exception, writer: str) -> UserError:
    without_objects = re.sub(r"\s*<\w[^<>]*>", "", str(problem)).strip()  # a library may name an object by its address
    first = re.split(r"[.!?](?=\s|$)", without_objects, maxsplit=1)[0]  # of the sentences of a library
    reason = printable(first, 120).rstrip(": ")
    return UserError(
        f"{printable(path.name)} is damaged or not a valid {path.suffix.lower()} file ({reason}); write it again with {writer}."
    )
