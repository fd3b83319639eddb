"""Whether the models of a log are separate models or the exits of one network, and in what order the exits come."""

import re
from collections.abc import Sequence

from engine.display_text import listed, printable
from engine.errors import UserError
from engine.importing.logs.column_names import normalized
from engine.outputs import CascadeKind

_NUMBERED = re.compile(r"(?:exit|layer|stage|head|block|branch|classifier)[ _.-]?(\d{1,6})", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,6}")
_OF_EXITS = ("exit", "exit_number", "exit_name", "layer")


def kind_of(keys: Sequence[str], column: str | None, notes: list[str]) -> CascadeKind:
    """Exits have numbers, models have names. column: the one that names them, or None in wide form"""
    numbered = all(_NUMBERED.fullmatch(key) for key in keys)
    numbers = all(_NUMBER.fullmatch(key) for key in keys)
    if numbered or (column is not None and normalized(column) in _OF_EXITS) or (column is None and numbers):
        notes.append("Read as the exits of one network, by their names; if these are separate models, add --family.")
        return CascadeKind.CHAIN
    notes.append("Read as separate models; if these are the exits of one network, add --chain.")
    return CascadeKind.FAMILY


def exit_order(keys: Sequence[str]) -> list[int]:
    """The positions of the exits, first to last: by number if all have one, else as they come."""
    numbers = [match[1] if (match := _NUMBERED.fullmatch(key)) else key for key in keys]
    if not all(_NUMBER.fullmatch(number) for number in numbers):
        return list(range(len(keys)))
    return sorted(range(len(keys)), key=lambda k: int(numbers[k]))


def shown_names(keys: Sequence[str]) -> tuple[str, ...]:
    """The names of the models, cleaned. A number alone becomes `Exit 3`, for example, and exit0, exit1 and so on are counted from 1."""
    if list(keys) == [f"exit{k}" for k in range(len(keys))]:
        return tuple(f"Exit {k + 1}" for k in range(len(keys)))
    return tuple(f"Exit {key}" if _NUMBER.fullmatch(key) else printable(key) or f"Model {k + 1}" for k, key in enumerate(keys))


def selected(keys: Sequence[str], models: Sequence[str]) -> list[int]:
    """The positions of the models that the user named. Raises UserError if one does not exist."""
    for model in models:
        if model not in keys:
            known = listed([printable(key) for key in keys])
            raise UserError(f"--models names {printable(model)!r}, which the file does not have; its models are: {known}.")
    return [keys.index(model) for model in dict.fromkeys(models)]
