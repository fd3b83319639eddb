"""The shipped reviews: made from the weights beside them, and an example of hard texts that travel further."""

import numpy as np
import pytest
import torch

from engine.analysis.factors import factor_by_exit
from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.datasets.phrases import Phrases
from engine.paths import bundles_folder
from engine.policies import POLICIES
from engine.recipes import RECIPES, weights_path
from engine.runtime.executor import execute
from engine.runtime.inputs import to_tensor
from engine.runtime.trained import trained_network
from engine.runtime.word_effects import trained_on, word_effects
from engine.splits import Split
from engine.storage.files import sha256_of
from engine.sweep import run_sweep

DATA = Phrases()


@pytest.fixture(scope="module")
def phrases() -> Bundle:
    return open_bundle(str(bundles_folder() / "phrases"))


def test_it_is_small_and_made_from_the_weights_beside_it(phrases: Bundle) -> None:
    weights = weights_path("phrases")
    assert weights.stat().st_size < 3e6 and sum(path.stat().st_size for path in (bundles_folder() / "phrases").iterdir()) < 3e6
    assert phrases.provenance["weights_sha256"] == sha256_of(weights) and phrases.provenance["dataset_digest"] == DATA.digest()
    ids = phrases.outputs.test().ids
    assert phrases.texts is not None and len(ids) == 5_000
    is_test = phrases.outputs.split == Split.TEST
    assert phrases.texts[is_test][:50].tolist() == list(DATA.texts(ids[:50]))


def test_exits_are_more_accurate_the_later_and_none_is_perfect(phrases: Bundle) -> None:
    accuracy = phrases.outputs.test().correct.mean(axis=1)
    assert (np.diff(accuracy) > 0).all() and accuracy.max() < 1
    assert 0.90 <= accuracy[-1] <= 0.98


@pytest.mark.parametrize("policy", ["maxprob", "eenet"])
def test_mean_difficulty_rises_from_exit_to_exit(phrases: Bundle, policy: str) -> None:
    sweep = run_sweep(POLICIES[policy], phrases.outputs, [0.4, 0.5, 0.6])
    difficulty, _ = factor_by_exit(sweep.exit, phrases.outputs.test().factors["difficulty"], phrases.outputs.exits)
    for at_budget, shares in zip(difficulty, sweep.shares, strict=True):
        used = at_budget[shares > 0.01]
        assert len(used) >= 2 and (np.diff(used) > 0).all()


def test_the_network_reproduces_the_bundle_and_takes_the_simulated_route(phrases: Bundle) -> None:
    network = trained_network(RECIPES["phrases"], torch.device("cpu"))
    test = phrases.outputs.test()
    some = test.take(np.arange(0, test.examples, 50))
    with torch.inference_mode():
        logits = network(to_tensor(DATA.take(some.ids).tokens)).numpy()
    assert np.array_equal(logits.argmax(axis=2), some.prediction)
    rule = run_sweep(POLICIES["maxprob"], phrases.outputs, [0.5]).rules[0]
    executed = execute(network, rule, some.ids, lambda ids: DATA.take(ids).tokens, batch_size=16, group=4)
    assert np.array_equal(executed.exit, rule.route(some).exit)


def test_the_word_that_is_praised_speaks_for_the_prediction(phrases: Bundle) -> None:
    network, dataset = trained_on(phrases.provenance)
    text = "The soup was delicious."
    effects = word_effects(network, dataset.tokens, text)
    words = [text[begin:end] for begin, end in effects.place.tolist()]
    assert words[effects.effect[-1].argmax()] in ("soup", "delicious.") and effects.effect[-1].max() > 0.05
