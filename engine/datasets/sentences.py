"""Data sets of English sentences that people wrote, such as SST-2 and AG News, as word pieces of MiniLM's vocabulary.

Their files are in the folder OFFRAMP_DATASETS, by default `datasets` in the data folder. Sentences may not be shipped, and reading them as
people do needs nothing else; reading them as networks do needs the vocabulary (see `engine.datasets.minilm_files`).
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.datasets.base import PADDING, Texts
from engine.datasets.minilm_files import VOCABULARY, minilm_file
from engine.datasets.published.files import Stamp, stamp_of
from engine.datasets.word_pieces import WordPieces
from engine.display_text import counted, printable, unescaped
from engine.errors import UserError
from engine.paths import datasets_folder
from engine.splits import Split

#: Pieces in the vocabulary of MiniLM, and the most of a text that are read.
PIECES, LONGEST = 30_522, 64
#: Ids of a file's rows begin at a multiple of it.
ROWS = 1_000_000
MOST_BYTES = 100_000_000


class Sentence(NamedTuple):
    """A labelled sentence; its id is unique over all splits."""

    id: int
    text: str
    label: int


Parts = Mapping[Split, Sequence[Sentence]]


@dataclass(frozen=True)
class Sentences:
    """A data set of sentences.

    title:   its name as people know it
    classes: names of its classes
    files:   the files that are read, by their paths in the folder of all data sets
    divide:  the splits, from the rows of each file: (rows of a file, ...) -> Parts
    folder:  the folder of all data sets; None: OFFRAMP_DATASETS, looked up when data is first needed
    escaped: whether the files write some characters as HTML entities; see `shown`
    """

    name: str
    title: str
    classes: tuple[str, ...]
    files: tuple["SentenceFile", ...]
    divide: Callable[..., Parts]
    folder: Path | None = None
    escaped: bool = False

    vocabulary = PIECES
    longest = LONGEST
    shippable = False

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.classes

    def ids(self, split: Split) -> NDArray[np.int64]:
        """The ids of a split's sentences, (examples,) int64. TRAIN is shuffled, so its last ids are a random sample; the others ascend."""
        return np.array([sentence.id for sentence in self._parts[split]], np.int64)

    def texts(self, ids: NDArray[np.int64]) -> tuple[str, ...]:
        """The sentences with these ids, as people read them. Raises KeyError for an unknown id."""
        return tuple(sentence.text for sentence in self._with(ids))

    def shown(self, text: str) -> str:
        """A sentence with the characters that its file escapes. Networks read what the file has."""
        return unescaped(text) if self.escaped else text

    def tokens(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Any texts as word pieces, (texts, pieces of the longest one), padded with PADDING."""
        return self._word_pieces.tokens(texts, self.longest)

    def take(self, ids: NDArray[np.int64]) -> Texts:
        """The sentences with these ids, in this order; the number of word pieces is a factor. Raises KeyError for an unknown id."""
        taken = self._with(ids)
        texts = tuple(sentence.text for sentence in taken)
        tokens = self.tokens(texts)
        length = (tokens != PADDING).sum(axis=1).astype(np.float32)
        return Texts(texts, tokens, np.array([sentence.label for sentence in taken], np.int64), {"word_pieces": length})

    def stamp(self) -> Stamp:
        """Of the existing files among those that are read: another one as soon as one of them changes."""
        return stamp_of(self.folder or datasets_folder(), (file.path for file in self.files))

    def digest(self) -> str:
        """SHA-256 of all sentences and labels by split, and of the number of words that are read."""
        return self._digest

    def _with(self, ids: NDArray[np.int64]) -> list[Sentence]:
        wanted = np.asarray(ids, np.int64).ravel().tolist()
        for id in wanted:
            if id not in self._by_id:
                raise KeyError(f"{self.name} has no sentence {id}")
        return [self._by_id[id] for id in wanted]

    @cached_property
    def _word_pieces(self) -> WordPieces:
        return WordPieces.read(minilm_file(VOCABULARY))

    @cached_property
    def _by_id(self) -> dict[int, Sentence]:
        return {sentence.id: sentence for part in self._parts.values() for sentence in part}

    @cached_property
    def _digest(self) -> str:
        sha = hashlib.sha256(f"{self.name} {self.longest}".encode())
        for split, part in self._parts.items():
            sha.update(json.dumps([split, part]).encode())
        return sha.hexdigest()

    @cached_property
    def _parts(self) -> Parts:
        folder = self.folder or datasets_folder()
        for file in self.files:
            if not (folder / file.path).is_file():
                raise UserError(
                    f"The data set {self.title} is missing: there is no {file.path} in {folder}; "
                    "put it there, or set OFFRAMP_DATASETS to the folder that contains it."
                )
        try:
            rows = [list(file.rows(folder, len(self.classes))) for file in self.files]
            parts = self.divide(*rows)
        except (OSError, ValueError) as error:
            raise UserError(
                f"The data set {self.title} cannot be read from {folder} ({error}); replace its files by intact copies."
            ) from error
        return {split: parts[split] for split in Split}


@dataclass(frozen=True)
class SentenceFile:
    """A text file with one sentence and its label a line, separated by tabs.

    path:         in the folder of all data sets
    header:       the names of the columns in the first line, or none if it is a sentence already
    columns:      in each line, with the label
    label_first:  whether the label is in the first column; otherwise it is in the last one
    """

    path: str
    header: tuple[str, ...] = ()
    columns: int = 2
    label_first: bool = False

    def rows(self, folder: Path, classes: int) -> Iterator[tuple[int, tuple[str, ...], int]]:
        """(row, columns except the label, label) of each line. Raises ValueError, naming the line, if one is not valid."""
        path = folder / self.path
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{self.path} has more than {MOST_BYTES:,} bytes")
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as problem:
            line = problem.object[: problem.start].count(b"\n") + 1
            raise ValueError(f"line {line} of {self.path} is not valid UTF-8") from problem
        # not splitlines: a sentence may contain other characters that end lines
        lines = text.removeprefix("\ufeff").removesuffix("\n").split("\n")
        if self.header and tuple(lines[0].split("\t")) != self.header:
            raise ValueError(f"line 1 of {self.path} does not name the columns {' and '.join(self.header)}, separated by a tab")
        first = 1 if self.header else 0
        if len(lines) == first or text == "":
            raise ValueError(f"{self.path} has no sentences")
        for row, line in enumerate(lines[first:]):
            columns = line.split("\t")
            place = f"line {row + first + 1} of {self.path}"
            if len(columns) != self.columns:
                raise ValueError(f"{place} has {counted(len(columns), 'column')} where {self.columns} belong, separated by tabs")
            label = columns.pop(0 if self.label_first else -1).strip()
            if not (label.isascii() and label.isdecimal() and len(label) < 10 and int(label) < classes):
                raise ValueError(f"{place} has {printable(label, 20)!r} where a label from 0 to {classes - 1} belongs")
            if not all(map(str.strip, columns)):
                raise ValueError(f"{place} has no sentence")
            yield row, tuple(" ".join(column.split()) for column in columns), int(label)


def shuffled(count: int) -> list[int]:
    """A fixed permutation of the numbers from 0."""
    return np.random.RandomState(0).permutation(count).tolist()  # its stream is frozen, unlike that of newer generators
