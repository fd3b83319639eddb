"""The forms of file that can be imported, by the ending of their names. A new form is one file with a registered reader.

Nothing in a file is trusted before it is checked, and nothing in it is ever run: pickles are not read. A file whose import would need too
much memory is refused before it is read, see `engine.importing.budget`.
"""

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from engine.display_text import counted, printable
from engine.importing.budget import MOST_MEMORY, too_costly
from engine.importing.readers.mistaken import check_ending, check_exists
from engine.importing.schema import Given

#: (path, most bytes of memory that the import may take) -> its arrays; raises UserError if it is damaged, too costly or of another form
Reader = Callable[[Path, int], Given]

logger = logging.getLogger("offramp.importing")

_readers: dict[str, Reader] = {}
#: Every registered reader, by the ending of the file's name in lower case.
READERS: Mapping[str, Reader] = MappingProxyType(_readers)


def register_reader(ending: str) -> Callable[[Reader], Reader]:
    """Function decorator: use this reader for files with an ending such as ".npz"."""

    if not re.fullmatch(r"\.[a-z0-9]+", ending):
        raise ValueError(f"{ending!r} is not an ending of file names; give one such as '.npz', in lower case")

    def register(read: Reader) -> Reader:
        if ending in _readers:
            raise ValueError(f"{ending} has two readers")
        _readers[ending] = read
        return read

    return register


def read_arrays(path: Path, most: int = MOST_MEMORY) -> Given:
    """The arrays of a file, read by the reader for its ending. Raises UserError if it has none or the import needs over `most` bytes."""
    name, ending = printable(path.name), path.suffix.lower()
    check_ending(path, READERS)
    check_exists(path)
    if path.stat().st_size > most:
        raise too_costly(name, counted(path.stat().st_size, "byte"), path.stat().st_size, most, "at least")
    logger.info("1 of 3: reading %s, %.1f MB", name, path.stat().st_size / 1e6)
    given = READERS[ending](path, most)
    if not isinstance(given, Given):
        raise TypeError(f"the reader of {ending} files returned {type(given).__name__}, not engine.importing.schema.Given")
    return given
