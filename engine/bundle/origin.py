"""What made a bundle, as far as its manifest says, so that it can be made again."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from engine.display_text import printable

MANIFEST = "bundle.json"
#: Of recipes, in a manifest that may be a stranger's.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Origin:
    """recipe: in the catalogue, whose outputs they are;  variant: the recipe itself, such as one with moved exits
    imported_from: the file, where they were imported
    """

    recipe: str = ""
    variant: str = ""
    imported_from: str = ""

    @classmethod
    def of(cls, folder: Path) -> "Origin | None":
        """Of the bundle in a folder. Nothing in its manifest is checked. None if it cannot be read."""
        try:
            provenance = json.loads((folder / MANIFEST).read_bytes())["provenance"]
            recipe, variant, file = (str(provenance.get(key, "")) for key in ("recipe", "variant", "imported_from"))
        except (AttributeError, OSError, ValueError, LookupError, TypeError, RecursionError):
            return None
        named = bool(_NAME.fullmatch(recipe))
        known_variant = variant if _NAME.fullmatch(variant) else recipe
        return cls(recipe if named else "", known_variant if named else "", printable(file, 100))


def remedy(folder: Path) -> str:
    """What to do about a damaged bundle, to end a sentence."""
    origin = Origin.of(folder)
    if origin is None:
        return "restore the folder from its source, or make it again with the command that made it, `compute` or `import`."
    if origin.imported_from:
        return f"restore the folder from its source, or import {origin.imported_from} again with `python -m engine import`."
    if not origin.recipe:
        return "restore the folder from its source, or make it again as it was made."
    options = " and the options that it was made with" if origin.variant != origin.recipe else ""
    place = "" if folder.name == origin.variant else f" --out {printable(str(folder), 400)}"
    return f"restore the folder from its source, or recreate it with `python -m engine compute {origin.recipe}{place}`{options}."
