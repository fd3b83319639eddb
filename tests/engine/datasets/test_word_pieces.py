"""Word pieces: how BERT divides a text, and the numbers it becomes."""

from pathlib import Path

import numpy as np
import pytest

from engine.datasets.base import PADDING
from engine.datasets.word_pieces import MOST_CHARACTERS, WordPieces, words
from engine.errors import UserError
from tests.sentences import assert_one_sentence

PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "##a", "u", "film", "!", "a")
NUMBERS = {piece: number for number, piece in enumerate(PIECES)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's a charming film.", ["it", "'", "s", "a", "charming", "film", "."]),
        ("Crème BRÛLÉE", ["creme", "brulee"]),
        ("rock-and-roll $5 a|b", ["rock", "-", "and", "-", "roll", "$", "5", "a", "|", "b"]),
        ("“quoted”—twice…", ["“", "quoted", "”", "—", "twice", "…"]),
        ("中文 film", ["中", "文", "film"]),
        ("tab\there\u00a0and\x00 there\u200b", ["tab", "here", "and", "there"]),
        ("½ € Straße", ["½", "€", "straße"]),
        ("", []),
    ],
)
def test_a_text_is_divided_as_by_bert(text: str, expected: list[str]) -> None:
    """The expected words are those of the tokenizers library."""
    assert words(text) == expected


def pieces(text: str, longest: int = 20) -> list[str]:
    return [PIECES[number] for number in WordPieces(NUMBERS).tokens([text], longest)[0]]


def test_a_word_becomes_the_longest_pieces_from_left_to_right() -> None:
    assert pieces("Unaffable film!") == ["[CLS]", "un", "##aff", "##able", "film", "!", "[SEP]"]
    assert pieces("una") == ["[CLS]", "un", "##a", "[SEP]"]


def test_a_word_that_cannot_be_divided_is_one_unknown_piece() -> None:
    assert pieces("unknown a") == ["[CLS]", "[UNK]", "a", "[SEP]"]
    assert pieces("u" + "a" * (MOST_CHARACTERS - 1), 3) == ["[CLS]", "u", "[SEP]"]
    assert pieces("u" + "a" * MOST_CHARACTERS) == ["[CLS]", "[UNK]", "[SEP]"]


def test_a_long_text_keeps_its_beginning_and_a_short_one_is_padded() -> None:
    tokens = WordPieces(NUMBERS).tokens(["film a ! film", "a"], 4)
    assert tokens.dtype == np.int32
    assert tokens.tolist() == [[2, NUMBERS["film"], NUMBERS["a"], 3], [2, NUMBERS["a"], 3, PADDING]]


@pytest.mark.parametrize(("lines", "mention"), [(PIECES[:3], "[SEP]"), ((*PIECES[1:], "[PAD]"), "[PAD] in its first line")])
def test_another_vocabulary_is_refused(lines: tuple[str, ...], mention: str, tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(lines))
    with pytest.raises(UserError) as caught:
        WordPieces.read(path)
    assert_one_sentence(str(caught.value), str(path), mention)
