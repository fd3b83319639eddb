"""What each word of a text does for the predictions of the network that computed a bundle. The worker asks the network."""

import re
from collections.abc import Sequence

import numpy as np

from app.dataset_texts import shown_text
from app.worker.messages import Explain
from app.worker.pictures import worker
from engine.bundle.bundle import Bundle
from engine.paths import datasets_folder
from engine.splits import Split

#: Keys of a bundle's provenance that identify its network and data set.
_IDENTIFYING = ("recipe", "dataset", "vocabulary", "weights_sha256")


def words_of(bundle: Bundle, row: int) -> Sequence[Sequence[float]] | None:
    """[[begin, end, effect at each exit ...], ...] of a test example, or None if it has no text. Raises UserError.

    Places are those in the text as it is shown.

    row: of the test examples, in the order of a sweep's columns
    """
    examples = np.flatnonzero(bundle.outputs.split == Split.TEST)
    if bundle.texts is None or row >= len(examples):
        return None
    provenance = {key: bundle.provenance[key] for key in _IDENTIFYING if key in bundle.provenance}
    text = str(bundle.texts[examples[row]])
    effects = worker.call(Explain(provenance, str(datasets_folder()), text)).words
    shown = shown_text(bundle)(text)
    if effects is None or shown == text:
        return effects
    places = [match.span() for match in re.finditer(r"\S+", shown)]
    return [[*place, *effect] for place, (_, _, *effect) in zip(places, effects, strict=True)]
