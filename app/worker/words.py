"""What each word of a text does for the predictions of the network that computed a bundle. The worker asks the network."""

from collections.abc import Sequence

import numpy as np

from app.worker.messages import Explain
from app.worker.pictures import worker
from engine.bundle.bundle import Bundle
from engine.paths import datasets_folder
from engine.splits import Split

#: Keys of a bundle's provenance that identify its network and data set.
_IDENTIFYING = ("recipe", "dataset", "vocabulary", "weights_sha256")


def words_of(bundle: Bundle, row: int) -> Sequence[Sequence[float]] | None:
    """[[begin, end, effect at each exit ...], ...] of a test example, or None if it has no text. Raises UserError.

    row: of the test examples, in the order of a sweep's columns
    """
    examples = np.flatnonzero(bundle.outputs.split == Split.TEST)
    if bundle.texts is None or row >= len(examples):
        return None
    provenance = {key: bundle.provenance[key] for key in _IDENTIFYING if key in bundle.provenance}
    return worker.call(Explain(provenance, str(datasets_folder()), str(bundle.texts[examples[row]]))).words
