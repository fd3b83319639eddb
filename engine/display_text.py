"""Text that came in a file: made safe to print, to show and to keep."""

import unicodedata

#: Longest name of a class, an exit or a file that is kept.
MOST_CHARACTERS = 60


def printable(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text on one line, without control, direction and other unseen characters, and no longer than `most`."""
    # Far more than is kept is cut off first: the rest of a name of a million characters is nobody's loss.
    start = text[: most * 4]
    seen = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in start)
    return " ".join(seen.split())[:most].rstrip()
