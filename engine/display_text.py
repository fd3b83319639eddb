"""Text that came in a file, made safe to print, show and store."""

import re
import unicodedata

#: Longer names of classes, exits and files are cut to this length.
MOST_CHARACTERS = 60


def printable(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text on one line, without control, direction and other invisible characters, cut to `most` characters."""
    # Cut off first: cleaning a name of a million characters in full would be wasted work.
    start = text[: most * 4]
    seen = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in start)
    return " ".join(seen.split())[:most].rstrip()


def check_name(what: str, name: object) -> None:
    """Raise ValueError unless `name` can be typed on a command line and stand in a file name. what: the kind of thing it names"""
    if not (isinstance(name, str) and re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name)):
        raise ValueError(f"{name!r} cannot name a {what}; use lower-case letters, digits, dashes and underscores")
