"""MiniLM: the published weights give BERT's own states, padding changes nothing, and costs are those counted by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from engine.cascades.macs import stage_macs
from engine.cascades.minilm import SMALLEST_VARIANCE, load_published, minilm, published_minilm
from engine.errors import UserError
from engine.runtime.inputs import to_tensor
from tests.sentences import assert_one_sentence
from tests.stand_in_sentences import SHAPE, bert_tensors, install_minilm

Tensors = dict[str, Tensor]


def linear(tensors: Tensors, name: str, states: Tensor) -> Tensor:
    return states @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def normalised(tensors: Tensors, name: str, states: Tensor) -> Tensor:
    return F.layer_norm(states, states.shape[-1:], tensors[f"{name}.weight"], tensors[f"{name}.bias"], SMALLEST_VARIANCE)


def bert_states(tensors: Tensors, tokens: Tensor) -> list[Tensor]:
    """The states of one text after each layer, (words, width), written out head by head from the paper. tokens: (words,)"""
    words, places, kinds = (tensors[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type"))
    states = normalised(tensors, "embeddings.LayerNorm", words[tokens] + places[: len(tokens)] + kinds[0])
    after = []
    for layer in range(sum(SHAPE.layers)):
        prefix = f"encoder.layer.{layer}"
        query, key, value = (linear(tensors, f"{prefix}.attention.self.{name}", states) for name in ("query", "key", "value"))
        size = SHAPE.width // SHAPE.heads
        mixed = []
        for head in range(SHAPE.heads):
            part = slice(head * size, (head + 1) * size)
            attention = (query[:, part] @ key[:, part].T / size**0.5).softmax(dim=1)
            mixed.append(attention @ value[:, part])
        attended = linear(tensors, f"{prefix}.attention.output.dense", torch.cat(mixed, dim=1))
        states = normalised(tensors, f"{prefix}.attention.output.LayerNorm", states + attended)
        wide = linear(tensors, f"{prefix}.intermediate.dense", states)
        wide = wide * (1 + torch.erf(wide / 2**0.5)) / 2
        states = normalised(tensors, f"{prefix}.output.LayerNorm", states + linear(tensors, f"{prefix}.output.dense", wide))
        after.append(states)
    return after


@torch.inference_mode()
def test_the_published_weights_give_the_states_of_bert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_minilm(tmp_path, monkeypatch)
    cascade = published_minilm(SHAPE).eval()
    tokens = torch.tensor([[2, 4, 5, 6, 3, 0, 0], [2, 9, 8, 7, 6, 5, 3], [2, 3, 0, 0, 0, 0, 0]])
    states = [step.after for step in cascade.walk((tokens,))]
    for row, length in enumerate((5, 7, 2)):
        expected = bert_states(bert_tensors(), tokens[row, :length])
        for (words, present), layer in zip(states, (0, 2), strict=True):
            assert present[row].tolist() == [place < length for place in range(7)]
            torch.testing.assert_close(words[row, :length], expected[layer], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    cascade = minilm(SHAPE).eval()
    tokens = torch.tensor([[2, 4, 5, 6, 3, 0, 0], [2, 9, 8, 7, 6, 5, 3], [2, 3, 0, 0, 0, 0, 0]])
    alone = torch.cat([cascade(to_tensor(tokens[row : row + 1])) for row in range(len(tokens))], dim=1)
    torch.testing.assert_close(cascade(tokens), alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("words", [2, 7, 16])
def test_a_layer_costs_what_is_counted_by_hand(words: int) -> None:
    width = SHAPE.width
    layer = words * (4 * width * width + 2 * width * SHAPE.wide) + 2 * words * words * width  # projections, feed-forward, attention
    counted = stage_macs(minilm(SHAPE), (words,))
    assert counted.trunk == (layer, 2 * layer)
    assert counted.head == (width * SHAPE.hidden + SHAPE.hidden * SHAPE.classes,) * 2


OTHERS: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "a layer is missing": (lambda tensors: {name: part for name, part in tensors.items() if ".layer.2." not in name}, "encoder.layer.2"),
    "it has another width": (
        lambda tensors: {name: part[:4] for name, part in tensors.items()},
        "does not hold the weights",
    ),
    "it has more layers": (
        lambda tensors: {**tensors, "encoder.layer.3.output.dense.weight": torch.zeros(1)},
        "more than 3 layers",
    ),
}


@pytest.mark.parametrize("case", list(OTHERS))
def test_other_weights_are_refused_in_a_sentence(case: str, tmp_path: Path) -> None:
    change, mention = OTHERS[case]
    path = tmp_path / "model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in change(bert_tensors()).items()}, path)
    with pytest.raises(UserError) as caught:
        load_published(minilm(SHAPE), path)
    assert_one_sentence(str(caught.value), str(path), mention)


def test_a_file_without_tensors_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"not a safetensors file")
    with pytest.raises(UserError) as caught:
        load_published(minilm(SHAPE), path)
    assert_one_sentence(str(caught.value), str(path), "cannot be read")
