"""Labelled texts, as a kind of example."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle.texts import MOST_TEXT
from engine.datasets.base import TextDataset, Texts
from engine.display_text import printable
from engine.runtime.example_kinds import ExampleKind, all_shown
from engine.runtime.shards import Shards


class TextKind(ExampleKind[TextDataset, Texts]):
    """Exits predict a class. A text costs what its own length costs, and people see the text."""

    def about(self, dataset: TextDataset) -> dict[str, Any]:
        return {"vocabulary": dataset.vocabulary, "longest": dataset.longest, "transform": "words by number"}

    def shown(self, examples: Texts, row: int) -> bytes:
        return printable(examples.texts[row], MOST_TEXT).encode()

    def faces(self, ids: NDArray[np.int64], shards: Shards) -> dict[str, Any]:
        return {"texts": [text.decode() for text in all_shown(shards)]}
