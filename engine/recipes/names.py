"""Names of derived recipes, short enough to name a bundle."""

import hashlib
import re
from pathlib import Path

#: Most characters in the name of a bundle.
MOST_CHARACTERS = 64
#: The recipe for a folder of your own images.
FOLDER = "folder"


def short_name(name: str) -> str:
    """A valid name for weights and bundles: other characters become dashes, and a long name is cut and ends in a digest of the whole."""
    fit = re.sub(r"[^a-z0-9._-]+", "-", name.lower())
    return fit if len(fit) <= MOST_CHARACTERS else f"{fit[: MOST_CHARACTERS - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def folder_name(images: Path, *parts: str) -> str:
    return short_name("-".join((FOLDER, images.resolve().name, *parts)))
