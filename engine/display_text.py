"""Text that came in a file, made safe to print, show and store."""

import html
import re
import unicodedata
from collections.abc import Sequence

#: Longer names of classes, exits and files are cut to this length.
MOST_CHARACTERS = 60

#: HTML entities, with or without their ampersand, where no word ends in the same letters.
_ENTITY = re.compile(r"(?:&|(?<![\w&]))(#\d{2,5}|quot|apos|amp|lt|gt|hellip|[lr][sd]quo|[mn]dash);")


def printable(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text on one line, without control, direction and other invisible characters, cut to `most` characters."""
    # Cut off first: cleaning a name of a million characters in full would be wasted work.
    start = text[: most * 4]
    # Python finds quickly whether there is anything to clean: only spaces are printable and in these categories.
    seen = start if start.isprintable() else "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in start)
    return " ".join(seen.split())[:most].rstrip()


def unescaped(text: str) -> str:
    """The text with characters in place of HTML entities such as `&quot;`, `quot;` and `#39;`; white space stays."""

    def character(entity: re.Match[str]) -> str:
        made = html.unescape(f"&{entity[1]};")
        return made if made.isprintable() and not made.isspace() else entity[0]

    return _ENTITY.sub(character, text)


def counted(number: int, noun: str) -> str:
    """A number with its noun, such as `1 example` and `2,000 examples`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def capital(text: str) -> str:
    """With its first letter as at the beginning of a sentence; the others stay as they are."""
    return text[:1].upper() + text[1:]


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names for a sentence."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def check_name(what: str, name: object) -> None:
    """Raise ValueError unless `name` can be typed on a command line and stand in a file name. what: the kind of thing it names"""
    if not (isinstance(name, str) and re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name)):
        raise ValueError(f"{name!r} cannot name a {what}; use lower-case letters, digits, dashes and underscores")
