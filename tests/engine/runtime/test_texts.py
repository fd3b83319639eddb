"""Texts go through training, compute and the executor as images do: padding changes nothing, and each text costs what its length costs."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from engine.bundle.bundle import Bundle, read_bundle
from engine.cascades.base import Cascade
from engine.cascades.macs import stage_macs
from engine.cascades.minilm import MiniLMShape, minilm
from engine.cascades.transformer import TransformerShape, transformer
from engine.datasets.base import PADDING, TextDataset, Texts
from engine.errors import UserError
from engine.policies.core.scorer import RecordedScore
from engine.policies.core.thresholds import ThresholdRule
from engine.recipes import RECIPES, Recipe, RecipeConfig, Training, catalogue, weights_path
from engine.runtime import compute as computing
from engine.runtime.compute import compute
from engine.runtime.executor import execute
from engine.runtime.inputs import by_length, largest_size, sizes, to_tensor
from engine.runtime.trained import trained_network
from engine.runtime.weights import save_weights
from engine.splits import Split
from engine.training.loop import train_recipe
from tests.sentences import assert_one_sentence

WORDS = ("", "cat", "dog", "and", "or", "sees", "hears", "a", "the", "old")
LONGEST, PER_SPLIT, SHARD, ODD = 9, 30, 25, 7
SHAPE = TransformerShape(2, len(WORDS), width=8, heads=2, widening=2, layers=(1, 2), hidden=6)


@dataclass(frozen=True)
class Tales:
    """Random words; whether there are more cats than dogs. Some texts have a single word."""

    per_split: int = PER_SPLIT
    name = "tales"
    class_names = ("dogs", "cats")
    vocabulary, longest, shippable = len(WORDS), LONGEST, True

    def ids(self, split: Split) -> NDArray[np.int64]:
        return np.arange(self.per_split) + 10_000 * list(Split).index(split)

    def texts(self, ids: NDArray[np.int64]) -> tuple[str, ...]:
        return self.take(ids).texts

    def tokens(self, texts: Sequence[str]) -> NDArray[np.int32]:
        tokens = np.zeros((len(texts), LONGEST), np.int32)
        for row, text in zip(tokens, texts, strict=True):
            numbers = [WORDS.index(word) for word in text.split()]
            row[: len(numbers)] = numbers
        return tokens

    def take(self, ids: NDArray[np.int64]) -> Texts:
        drawn = [np.random.default_rng(int(id)) for id in ids]
        rows = [rng.integers(1, len(WORDS), rng.integers(1, LONGEST + 1)) for rng in drawn]
        tokens = np.zeros((len(rows), LONGEST), np.int32)
        for row, words in zip(tokens, rows, strict=True):
            row[: len(words)] = words
        labels = ((tokens == 1).sum(axis=1) > (tokens == 2).sum(axis=1)).astype(np.int64)
        return Texts(tuple(" ".join(WORDS[word] for word in row) for row in rows), tokens, labels)

    def digest(self) -> str:
        return "7a1e5"


def small_minilm() -> Cascade:
    return minilm(MiniLMShape(2, len(WORDS), places=LONGEST, width=8, wide=16, heads=2, layers=(1, 2), hidden=6))


TALES = Tales()
RECIPE = Recipe(
    RecipeConfig("tales", "Tales", "A test.", Training(epochs=2, batch_size=16, learning_rate=1e-2, average=0.5, validation=20)),
    lambda: TALES,
    lambda: transformer(SHAPE),
)


NETWORKS: dict[str, Callable[[], Cascade]] = {"transformer": lambda: transformer(SHAPE), "minilm": small_minilm}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Callable[[], Cascade]:
    return NETWORKS[request.param]


@pytest.fixture(scope="module")
def bundle(network: Callable[[], Cascade], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OFFRAMP_DATA", str(tmp_path_factory.mktemp("texts")))
        patch.setattr(computing, "SHARD", SHARD)
        patch.setitem(catalogue._recipes, "tales", replace(RECIPE, cascade=network))
        torch.manual_seed(0)
        untrained = network()
        with torch.no_grad():
            for parameter in untrained.parameters():
                parameter.mul_(3)  # so that scores differ
        save_weights(untrained, weights_path("tales"), "tales", {})
        yield read_bundle(compute("tales", device="cpu", batch_size=ODD))


def test_the_data_set_is_one_of_texts() -> None:
    assert isinstance(TALES, TextDataset)
    taken = TALES.take(TALES.ids(Split.TEST))
    assert min(sizes(taken.inputs)) == (1,) and largest_size(taken.inputs) == (LONGEST,)
    lengths = (taken.tokens[by_length(taken.inputs)] != PADDING).sum(axis=1)
    assert (np.diff(lengths) >= 0).all()
    assert to_tensor(taken.tokens[lengths < 4]).shape[1] <= LONGEST


@pytest.mark.parametrize("words", [1, 2, ODD])
def test_a_layer_costs_what_is_counted_by_hand(words: int) -> None:
    width, wide = SHAPE.width, SHAPE.width * SHAPE.widening
    layer = words * (4 * width * width + 2 * width * wide) + 2 * words * words * width  # projections, feed-forward, attention
    counted = stage_macs(transformer(SHAPE), (words,))
    assert counted.trunk == (layer, 2 * layer)
    assert counted.head == (width * SHAPE.hidden + SHAPE.hidden * SHAPE.classes,) * 2


@torch.inference_mode()
def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    cascade = transformer(SHAPE).eval()
    tokens = torch.from_numpy(TALES.take(TALES.ids(Split.TEST)).tokens).long()
    together = cascade(tokens)
    alone = torch.cat([cascade(to_tensor(tokens[row : row + 1])) for row in range(len(tokens))], dim=1)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        Texts(("a cat", ""), np.array([[7, 1], [0, 0]], np.int32), np.array([0, 1]))
    assert_one_sentence(str(caught.value), "text 1", "empty")


def test_the_bundle_has_the_logits_the_texts_and_the_cost_of_each_text(bundle: Bundle, network: Callable[[], Cascade]) -> None:
    outputs = bundle.outputs
    taken = TALES.take(outputs.ids)
    cascade = trained_network(RECIPES["tales"], torch.device("cpu"))
    with torch.inference_mode():
        expected = cascade(to_tensor(taken.tokens))
    np.testing.assert_allclose(outputs.known_logits, expected.numpy(), rtol=1e-2, atol=1e-3)
    assert bundle.texts is not None
    is_test = outputs.split == str(Split.TEST)
    assert [text for text, shown in zip(bundle.texts, is_test, strict=True) if shown] == list(np.array(taken.texts)[is_test])
    assert not any(text for text, shown in zip(bundle.texts, is_test, strict=True) if not shown)
    cost = outputs.cost_in("macs")
    assert cost.shape == (2, 3 * PER_SPLIT)
    counted = {size: list(stage_macs(cascade, size).stage) for size in set(sizes(taken.tokens))}
    assert cost.T.tolist() == [counted[size] for size in sizes(taken.tokens)]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        on_meta = network().to("meta")
        for (words,), count in Counter(sizes(taken.tokens)).items():
            on_meta(torch.empty(count, words, dtype=torch.int64, device="meta"))
    assert counter.get_total_flops() / 2 == cost.sum()


@pytest.mark.parametrize(("batch_size", "group"), [(1, None), (ODD, 1), (ODD, 2), (100, None)])
def test_the_executor_takes_the_simulated_routes(bundle: Bundle, batch_size: int, group: int | None) -> None:
    outputs = bundle.outputs
    rule = ThresholdRule(RecordedScore("maxprob"), np.median(outputs.scores["maxprob"][:1], axis=1), {}, 0.0)
    simulated = rule.route(outputs)
    cascade = trained_network(RECIPES["tales"], torch.device("cpu"))
    executed = execute(cascade, rule, outputs.ids, lambda ids: TALES.take(ids).tokens, batch_size=batch_size, group=group)
    assert 0.4 < (simulated.exit == 0).mean() < 0.6
    np.testing.assert_array_equal(executed.exit, simulated.exit)
    np.testing.assert_array_equal(executed.visited, simulated.visited)
    np.testing.assert_array_equal(executed.prediction, simulated.prediction)


def test_training_learns_and_resumes_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tales = Tales(per_split=120)
    recipe = replace(RECIPE, dataset=lambda: tales)
    whole = train_recipe(recipe, 4, "cpu", tmp_path / "whole")

    def interrupted(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_recipe(recipe, 4, "cpu", tmp_path / "again", interrupted)
    resumed = train_recipe(recipe, 4, "cpu", tmp_path / "again")
    assert resumed.read_bytes() == whole.read_bytes()
    curve = (whole.parent / "tales.curve.jsonl").read_text().splitlines()
    assert len(curve) == 4 and curve[0] != curve[-1]
