"""Where in a large file a mistake is: messages about a batch count its rows."""

from collections.abc import Generator
from contextlib import contextmanager

from engine.errors import UserError


@contextmanager
def counted_from(start: int) -> Generator[None]:
    """Messages about a batch tell the number of its first row."""
    try:
        yield
    except UserError as mistake:
        raise UserError(f"With rows counted from row {start:,} of the file on, {mistake}" if start else str(mistake)) from mistake
