"""What each word of a text does for the prediction of every exit: the change when the network reads the text without it.

Removing a part of the input and watching the output is occlusion (Zeiler and Fergus, "Visualizing and Understanding Convolutional
Networks", ECCV 2014, section 4.2); for words of a text, Li, Monroe and Jurafsky, "Understanding Neural Networks through Representation
Erasure", 2016.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cascades.base import Cascade
from engine.datasets.base import PADDING, TextDataset
from engine.errors import UserError
from engine.recipes import RECIPES
from engine.recipes.texts import text_dataset_of, why_no_network
from engine.runtime.inputs import to_tensor
from engine.runtime.trained import trained_network

#: Most words of a text that are removed one after the other.
MOST_WORDS = 200
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, eq=False)
class WordEffects:
    """place:  (words, 2) int64, where each word begins and ends in the text, in characters
    effect: (exits, words) float32, the probability of the class that the exit predicts, minus its probability without the word: positive
            if the word speaks for the prediction
    """

    place: NDArray[np.int64]
    effect: NDArray[np.float32]


def word_effects(cascade: Cascade, tokens: Callable[[Sequence[str]], NDArray[np.int32]], text: str) -> WordEffects:
    """tokens: as of a data set of texts

    A word without which nothing would be left to read has effect 0. Raises UserError for a text without words and for a long one.
    """
    places = [match.span() for match in _WORD.finditer(text)]
    if not 1 <= len(places) <= MOST_WORDS:
        raise UserError(f"The text has {len(places):,} words; the effects of words are shown for texts of 1 to {MOST_WORDS}.")
    read = tokens([text, *(text[:begin] + text[end:] for begin, end in places)])
    readable = (read != PADDING).any(axis=1)
    effect = np.zeros((len(cascade.stages), len(places)), np.float32)
    if readable[0] and readable[1:].any():
        with torch.inference_mode():
            probability = torch.softmax(cascade(to_tensor(read[readable])).double(), dim=2).numpy()
        predicted = probability[:, 0].argmax(axis=1)
        of_predicted = probability[np.arange(len(predicted)), :, predicted]
        effect[:, readable[1:]] = of_predicted[:, :1] - of_predicted[:, 1:]
    return WordEffects(np.array(places, np.int64), effect)


def trained_on(provenance: Mapping[str, Any]) -> tuple[Cascade, TextDataset]:
    """The network that computed a bundle of texts, and its data set. Raises UserError if either is not on this computer."""
    if reason := why_no_network(provenance):
        raise UserError(reason)
    dataset = text_dataset_of(provenance)
    assert dataset is not None
    return trained_network(RECIPES[str(provenance["recipe"])], torch.device("cpu")), dataset
