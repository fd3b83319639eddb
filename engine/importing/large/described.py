"""What a file of many examples turns out to hold, before its rows are read in batches."""

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Kinds of columns. Batches of CSV and JSON lines get their types by them.
INTEGER, NUMBER, FLAG, TEXT, LIST, OTHER = "integer", "number", "flag", "text", "list", "other"


@dataclass(frozen=True)
class Described:
    """rows: in all;  kinds: {column: its kind};  metadata: class_names, exit_names and topology, where the form has any

    obstacle: why its rows cannot be read in batches, as the end of a sentence, or None
    """

    rows: int
    kinds: Mapping[str, str]
    metadata: Mapping[str, str] = field(default_factory=dict)
    obstacle: str | None = None
