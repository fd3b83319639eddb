"""Phrases: short reviews that praise exactly one of five things, written by our own grammar, from plain to tangled.

They are for texts what the doodles are for images. Easy reviews can be told by a single word; in hard ones the same words of judgement are
said of several things, and only the sentence tells which of them is praised. How often each obstacle occurs is known for every review.
Some of the shortest reviews occur more than once, in several splits too: there are only so many ways to say that the soup was good.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.datasets.base import PADDING, Texts
from engine.datasets.dice import Dice
from engine.datasets.generated import Generated
from engine.datasets.phrase_grammar.grammar import NAMES, WEIGHTS, Review, write
from engine.datasets.phrase_grammar.tokens import BUCKETS, tokens_of, vocabulary
from engine.splits import Split

#: Must change whenever the reviews or their tokens do. They are frozen: the weights and the bundle in data/ are made from them.
_VERSION = "phrases 1"
#: Below 1, so that severe reviews are more frequent than plain ones.
_SKEW = 0.6
LONGEST = 80


@dataclass(frozen=True)
class Phrases(Generated):
    """Reviews of a stay. Review i depends only on (seed, i).

    seed:       another seed gives another data set of the same kind
    train_size: reviews in TRAIN, at most 1,000,000
    """

    held_out = {Split.FIT: 3_000, Split.CALIBRATION: 3_000, Split.TEST: 5_000}
    name = "phrases"
    class_names = NAMES
    longest = LONGEST
    shippable = True

    @property
    def vocabulary(self) -> int:
        return 1 + BUCKETS + len(vocabulary())

    def texts(self, ids: NDArray[np.int64]) -> tuple[str, ...]:
        """The reviews with these ids, in this order, as people read them."""
        return tuple(self._review(int(i)).text for i in np.asarray(ids).ravel())

    def tokens(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Any texts as the network reads them, (texts, tokens of the longest one), padded with PADDING."""
        rows = [tokens_of(text) for text in texts]
        tokens = np.full((len(rows), max(map(len, rows), default=1)), PADDING, np.int32)
        for padded, row in zip(tokens, rows, strict=True):
            padded[: len(row)] = row
        return tokens

    def take(self, ids: NDArray[np.int64]) -> Texts:
        """The reviews with these ids, in this order, with their obstacles and their difficulty as `factors`."""
        wanted = [int(i) for i in np.asarray(ids).ravel()]
        reviews = [self._review(i) for i in wanted]
        tokens = self.tokens([review.text for review in reviews])
        factors = {name: np.array([review.obstacles[name] for review in reviews], np.float32) for name in WEIGHTS}
        factors["words"] = (tokens != PADDING).sum(axis=1).astype(np.float32)
        factors["difficulty"] = np.array([review.difficulty for review in reviews], np.float32)
        return Texts(tuple(review.text for review in reviews), tokens, np.array(wanted, np.int64) % len(NAMES), factors)

    def digest(self) -> str:
        """SHA-256 of version, seed, size and a sample of two hundred reviews, so that a change of the grammar shows."""
        sha = hashlib.sha256(f"{_VERSION} {self.seed} {self.train_size}".encode())
        sample = self.take(np.array([7 + 1_237 * k for k in range(200)]))
        sha.update("\n".join(sample.texts).encode())
        sha.update(sample.tokens.tobytes())
        return sha.hexdigest()

    def _review(self, i: int) -> Review:
        dice = Dice(self.seed, i, "phrases")
        return write(i % len(NAMES), dice.roll() ** _SKEW, dice)
