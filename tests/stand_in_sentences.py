"""Small stand-ins for MiniLM's package and for the files of sentences."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.cascades.minilm import MiniLMShape
from engine.datasets import ag_news, sst2
from engine.datasets.minilm_files import PACKAGE, VOCABULARY, WEIGHTS
from engine.datasets.sentences import Sentences

PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "film", "a", "good", "bad", "##ly", ".", "news", "of", "day", "number", *map(str, range(10)))
PIECES += tuple(f"##{digit}" for digit in range(10))
SHAPE = MiniLMShape(classes=2, vocabulary=len(PIECES), places=16, width=8, wide=12, heads=2, layers=(1, 2), hidden=6)


def bert_tensors(shape: MiniLMShape = SHAPE, seed: int = 0) -> dict[str, Tensor]:
    """Random weights of a BERT encoder of this shape, under BERT's names."""
    generator = torch.Generator().manual_seed(seed)
    sizes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (shape.vocabulary, shape.width),
        "embeddings.position_embeddings.weight": (shape.places, shape.width),
        "embeddings.token_type_embeddings.weight": (2, shape.width),
        "embeddings.LayerNorm.weight": (shape.width,),
        "embeddings.LayerNorm.bias": (shape.width,),
        "pooler.dense.weight": (shape.width, shape.width),
    }
    for layer in range(sum(shape.layers)):
        for name, out, into in (
            ("attention.self.query", shape.width, shape.width),
            ("attention.self.key", shape.width, shape.width),
            ("attention.self.value", shape.width, shape.width),
            ("attention.output.dense", shape.width, shape.width),
            ("intermediate.dense", shape.wide, shape.width),
            ("output.dense", shape.width, shape.wide),
        ):
            sizes |= {f"encoder.layer.{layer}.{name}.weight": (out, into), f"encoder.layer.{layer}.{name}.bias": (out,)}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            sizes |= {f"encoder.layer.{layer}.{name}.{kind}": (shape.width,) for kind in ("weight", "bias")}
    return {name: torch.randn(size, generator=generator) / 2 for name, size in sizes.items()}


def install_minilm(root: Path, patch: pytest.MonkeyPatch) -> Path:
    """Put a tiny stand-in for the package where Python looks for packages; returns the folder of its model."""
    model = root / PACKAGE / "model"
    model.mkdir(parents=True)
    (model / VOCABULARY).write_text("\n".join(PIECES) + "\n")
    save_file(bert_tensors(), model / WEIGHTS)
    patch.syspath_prepend(root)
    return model


def write_sentences(folder: Path, dataset: Sentences) -> None:
    """As few sentences as the data set may have."""
    if dataset.name == "sst2":
        held = [(f"a {'good' if row % 2 else 'bad'} film number {row} .", row % 2) for row in range(sst2.HELD_OUT + 40)]
        phrases = [*held, *((f"film number {row}", row % 2) for row in range(len(held))), ("a day of news", 1)]
        files = [phrases, held, [("a good day .", 1)], [("a bad day .", 0), ("film of the day .", 1)]]
        lines = [["sentence\tlabel", *(f"{text}\t{label}" for text, label in rows)] for rows in files]
    else:
        kinds = [ag_news.WITH_TITLE] * (2 * ag_news.HELD_OUT + 20) + ["body"] * 5
        training = [f"{row % 4}\t{kind}\tnews of day {row}" for row, kind in enumerate(kinds)]
        lines = [training, [f"{row % 4}\tnews of a good day {row}" for row in range(12)]]
    for file, rows in zip(dataset.files, lines, strict=True):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
