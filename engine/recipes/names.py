"""Names of recipes that are derived from others: short enough to name a bundle."""

import hashlib
import re
from pathlib import Path

#: Longest name that a bundle may have.
MOST_CHARACTERS = 64
#: The recipe for a folder of your own images.
FOLDER = "folder"


def short_name(name: str) -> str:
    """A name that weights and bundles may have: other characters become dashes, and what is too long ends in a digest of the whole."""
    fit = re.sub(r"[^a-z0-9._-]+", "-", name.lower())
    return fit if len(fit) <= MOST_CHARACTERS else f"{fit[: MOST_CHARACTERS - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def folder_name(images: Path, *parts: str) -> str:
    return short_name("-".join((FOLDER, images.resolve().name, *parts)))
