"""Text that came in a file, made safe to print, show and store."""

import unicodedata

#: Longer names of classes, exits and files are cut to this length.
MOST_CHARACTERS = 60


def printable(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text on one line, without control, direction and other invisible characters, cut to `most` characters."""
    # Cut off first: cleaning a name of a million characters in full would be wasted work.
    start = text[: most * 4]
    seen = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in start)
    return " ".join(seen.split())[:most].rstrip()
