"""What a word does for a prediction is the change of the probability without it, compared with one text at a time."""

import re
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.cascades.base import Cascade
from engine.cascades.transformer import TransformerShape, transformer
from engine.datasets.base import PADDING
from engine.datasets.phrases import Phrases
from engine.errors import UserError
from engine.runtime.word_effects import MOST_WORDS, trained_on, word_effects
from engine.splits import Split
from tests.sentences import assert_one_sentence

DATA = Phrases()


@pytest.fixture(scope="module")
def network() -> Cascade:
    torch.manual_seed(0)
    return transformer(TransformerShape(5, DATA.vocabulary, width=16, heads=2, widening=2, layers=(1, 1), hidden=8)).eval()


def probability(network: Cascade, text: str) -> NDArray[np.float64]:
    """(exits, classes)"""
    with torch.inference_mode():
        return torch.softmax(network(torch.from_numpy(DATA.tokens([text])).long())[:, 0].double(), dim=1).numpy()


@pytest.mark.parametrize("text", ["The soup was good.", "Although the cooks were attentive, we found  the surroundings noisy."])
def test_it_is_the_change_without_the_word(network: Cascade, text: str) -> None:
    effects = word_effects(network, DATA.tokens, text)
    words = list(re.finditer(r"\S+", text))
    assert [text[begin:end] for begin, end in effects.place.tolist()] == [word[0] for word in words]
    whole = probability(network, text)
    for number, word in enumerate(words):
        without = probability(network, text[: word.start()] + text[word.end() :])
        for exit, predicted in enumerate(whole.argmax(axis=1)):
            assert effects.effect[exit, number] == pytest.approx(whole[exit, predicted] - without[exit, predicted], abs=1e-5)
    assert np.abs(effects.effect).max() > 1e-4


def test_a_single_word_has_no_effect_as_nothing_is_left_without_it(network: Cascade) -> None:
    assert word_effects(network, DATA.tokens, "soup").effect.tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(("text", "number"), [("", "0"), ("soup " * (MOST_WORDS + 1), str(MOST_WORDS + 1))])
def test_a_text_of_another_length_is_refused(network: Cascade, text: str, number: str) -> None:
    with pytest.raises(UserError) as refused:
        word_effects(network, DATA.tokens, text)
    assert_one_sentence(str(refused.value), number, str(MOST_WORDS))


def test_tokens_are_those_of_the_data_set() -> None:
    ids = DATA.ids(Split.TEST)[:20]
    taken = DATA.take(ids)
    again = DATA.tokens(taken.texts)
    assert np.array_equal(again, taken.tokens) and (again[:, 0] != PADDING).all()


def nothing(texts: Sequence[str]) -> NDArray[np.int32]:
    return np.zeros((len(texts), 1), np.int32)


def test_a_text_without_tokens_has_no_effects(network: Cascade) -> None:
    assert not word_effects(network, nothing, "?! ...").effect.any()


def test_missing_weights_are_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    with pytest.raises(UserError) as refused:
        trained_on({"recipe": "phrases", "dataset": "phrases", "vocabulary": 3})
    assert_one_sentence(str(refused.value), "weights of phrases are not on this computer")


@pytest.mark.parametrize(
    ("provenance", "mentions"),
    [
        ({}, "not computed by a network of Offramp"),
        ({"recipe": "doodles", "dataset": "doodles"}, "not computed by a network of Offramp"),
        ({"recipe": "phrases", "dataset": "phrases", "vocabulary": 3, "weights_sha256": "0" * 64}, "not those that computed this bundle"),
    ],
)
def test_another_network_is_not_asked(provenance: dict[str, object], mentions: str, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "phrases.safetensors").write_bytes(b"others")
    with pytest.raises(UserError) as refused:
        trained_on(provenance)
    assert_one_sentence(str(refused.value), mentions)
