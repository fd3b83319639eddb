"""What an import named as likely mistakes, for the page."""

from collections.abc import Mapping
from typing import Any

from engine.display_text import printable

#: More of them, and longer ones, are not shown.
MOST, MOST_CHARACTERS = 20, 600


def likely_mistakes(provenance: Mapping[str, Any]) -> list[str]:
    """A sentence each. A bundle may come from anyone: what is not as `import` writes it is passed over."""
    named = provenance.get("diagnosis")
    listed = named[:MOST] if isinstance(named, list) else []
    return [printable(sentence, MOST_CHARACTERS) for sentence in listed if isinstance(sentence, str)]
