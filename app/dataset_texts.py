"""The texts of a bundle that may not hold them: those of its data set on this computer.

Unlike images, which the worker reads, they are read in the page's own process: that needs no torch, and they are part of the bundle.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine.bundle.bundle import Bundle
from engine.bundle.texts import MOST_TEXT
from engine.datasets.base import TextDataset
from engine.datasets.published.files import Stamp
from engine.datasets.sentences import Sentences
from engine.display_text import printable
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.recipes.texts import text_dataset_of
from engine.splits import Split


@dataclass(frozen=True)
class Missing:
    """Why something is not shown. Empty if it is.

    here:   one sentence for people at this computer
    reason: to end a sentence in a file that is written here and read elsewhere
    """

    here: str = ""
    reason: str = ""


#: Reasons in a file.
NOT_THERE = "they were not on the computer that wrote it"
NOT_READ = "they could not be read on the computer that wrote it"
OTHER_DATA = "the data set on the computer that wrote it was not the one that this bundle was made from"


def shown_text(bundle: Bundle) -> Callable[[str], str]:
    """How a text of the bundle, as its network reads it, is written for people. White space is at the same places."""
    dataset = text_dataset_of(bundle.provenance)
    return dataset.shown if isinstance(dataset, Sentences) else str


@dataclass(frozen=True)
class TextSource:
    """The data set from which the texts of a bundle can be read.

    folder: of all data sets
    stamp:  of its files, as far as they are known: when they change, its texts are read again
    """

    dataset: TextDataset
    folder: str
    stamp: Stamp

    @classmethod
    def of(cls, bundle: Bundle) -> "TextSource | None":
        """None if the bundle holds its texts, or was not made from a known data set of texts."""
        dataset = None if bundle.texts is not None else text_dataset_of(bundle.provenance)
        if dataset is None:
            return None
        return cls(dataset, str(datasets_folder()), dataset.stamp() if isinstance(dataset, Sentences) else ())

    def why_missing(self, bundle: Bundle) -> Missing:
        try:
            digest = self.dataset.digest()
        except UserError as problem:
            is_here = isinstance(self.dataset, Sentences) and len(self.stamp) == len(self.dataset.files)
            return Missing(f"No text: {problem}", NOT_READ if is_here else NOT_THERE)
        if digest != bundle.provenance.get("dataset_digest"):
            return Missing("No text: the data set on this computer is not the one that this bundle was made from.", OTHER_DATA)
        return Missing()

    def added_to(self, bundle: Bundle) -> Bundle:
        """The bundle with the texts of its test examples, as `compute` would have kept them; without, where they are missing."""
        if self.why_missing(bundle).here:
            return bundle
        is_test = bundle.outputs.split == Split.TEST
        texts = np.full(len(is_test), "", object)
        texts[is_test] = [printable(text, MOST_TEXT) for text in self.dataset.texts(bundle.outputs.ids[is_test])]
        return replace(bundle, texts=texts)
