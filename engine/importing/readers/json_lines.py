"""The lines of a file with a JSON object on each."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.readers.mistaken import check_text

#: Longest line. Arrow reads the file in blocks, and a line has to fit into one.
MOST_LINE = 2**24
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BRACE, _LINE_END = ord("{"), ord("\n")


def check_lines(path: Path) -> None:
    """Raise UserError if a line is not an object. The library ends the process at a line `null`."""
    check_text(path)
    lines = 0
    for at, block in enumerate(blocks(path)):
        block = block.removeprefix(_BYTE_ORDER_MARK) if at == 0 else block
        data = np.frombuffer(block, np.uint8)
        starts = np.append(0, np.flatnonzero(data[:-1] == _LINE_END) + 1)
        for line in np.flatnonzero(data[starts] != _BRACE).tolist():  # few: blank lines, and those with white space in front
            content = block[starts[line] : starts[line] + 1000].partition(b"\n")[0].strip()
            if content and not content.startswith(b"{"):
                shown = printable(content.decode(errors="replace"), 30)
                place = f"Line {lines + line + 1:,} of {printable(path.name)}"
                raise UserError(f"{place} begins with {shown!r}; write a JSON object in braces on each line.")
        lines += len(starts)


def blocks(path: Path) -> Iterator[bytes]:
    """The file in parts that end between lines."""
    with open(path, "rb") as file:
        while block := file.read(MOST_LINE):
            yield block + file.readline(MOST_LINE)
