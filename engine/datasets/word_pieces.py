"""Texts as numbers of word pieces, as BERT's uncased encoders read them.

The rules are those of BERT (Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", NAACL 2019,
section 3; its code divides text as below). A text is lower-cased and loses its accents, is divided at spaces and around punctuation marks
and Chinese characters, and each word is divided into the longest pieces of the vocabulary, from left to right. On the texts of SST-2 and
AG News, the tokenizers library gives the same numbers.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.datasets.base import PADDING
from engine.errors import UserError

PAD, UNKNOWN, FIRST, LAST = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
#: Pieces inside a word begin with it.
INSIDE = "##"
#: A longer word is unknown.
MOST_CHARACTERS = 100
#: First and last Chinese characters of the blocks that are written without spaces.
CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


@dataclass(frozen=True)
class WordPieces:
    """A vocabulary, and the numbers of texts in it.

    numbers: the number of each piece
    """

    numbers: Mapping[str, int]
    _known: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, path: Path) -> "WordPieces":
        """The vocabulary in a file with one piece a line. Raises UserError if it lacks one of the four special pieces."""
        pieces = path.read_text(encoding="utf-8").splitlines()
        numbers = {piece: number for number, piece in enumerate(pieces)}
        missing = [piece for piece in (PAD, UNKNOWN, FIRST, LAST) if piece not in numbers]
        if missing or numbers[PAD] != PADDING:
            what = missing[0] if missing else f"{PAD} in its first line"
            raise UserError(f"{path} is not the vocabulary of a BERT encoder because it lacks {what}; install its package again.")
        return cls(numbers)

    def tokens(self, texts: Sequence[str], longest: int) -> NDArray[np.int32]:
        """The texts by number, (texts, words of the longest one) int32, padded with PADDING. A longer text keeps its beginning.

        longest: most pieces of a text, with the special pieces that begin and end it
        """
        first, last = self.numbers[FIRST], self.numbers[LAST]
        rows = [[first, *self._pieces(text)[: longest - 2], last] for text in texts]
        tokens = np.full((len(rows), max(map(len, rows), default=1)), PADDING, np.int32)
        for padded, row in zip(tokens, rows, strict=True):
            padded[: len(row)] = row
        return tokens

    def _pieces(self, text: str) -> list[int]:
        return [number for word in words(text) for number in self._of_word(word)]

    def _of_word(self, word: str) -> tuple[int, ...]:
        if word not in self._known:  # most words of a data set occur often
            self._known[word] = self._divided(word)
        return self._known[word]

    def _divided(self, word: str) -> tuple[int, ...]:
        """The longest pieces from left to right; one unknown piece if the word cannot be divided so."""
        pieces: list[int] = []
        begin = 0
        while begin < len(word) <= MOST_CHARACTERS:
            prefix = INSIDE if begin else ""
            ends = (end for end in range(len(word), begin, -1) if prefix + word[begin:end] in self.numbers)
            end = next(ends, None)
            if end is None:
                return (self.numbers[UNKNOWN],)
            pieces.append(self.numbers[prefix + word[begin:end]])
            begin = end
        return tuple(pieces) if pieces else (self.numbers[UNKNOWN],)


def words(text: str) -> list[str]:
    """The words and punctuation marks of a text, in lower case and without accents."""
    return "".join(_spaced(text)).lower().split()


def _spaced(text: str) -> Iterator[str]:
    """The characters of a text, with spaces around punctuation marks and Chinese characters, without accents and control characters."""
    if text.isascii() and text.isprintable():  # as most texts are
        for character in text:
            yield character if character.isalnum() or character == " " else f" {character} "
        return
    for character in unicodedata.normalize("NFD", "".join(map(_separate, text))):
        category = unicodedata.category(character)
        if character.isspace():
            yield " "
        elif category[0] == "P" or (character.isascii() and character.isprintable() and not character.isalnum()):
            yield f" {character} "
        elif category != "Mn" and category[0] != "C" and character != "\ufffd":
            yield character


def _separate(character: str) -> str:
    """Chinese characters between spaces, before accents are taken off: that divides some of them into others."""
    return f" {character} " if any(first <= ord(character) <= last for first, last in CHINESE) else character
