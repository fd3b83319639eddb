"""Scores computed from the outputs: computed once, in chunks, and compared with thresholds."""

import gc
import tracemalloc
from dataclasses import dataclass, field
from weakref import ref

import numpy as np
import pytest

from engine.outputs import Outputs
from engine.policies.core import scorer as module
from engine.policies.core.online_rules import ExitOutputs
from engine.policies.core.scorer import Scored, Scorer, chunks
from engine.policies.core.thresholds import ThresholdRule
from engine.splits import Split
from tests.engine.policies import reference
from tests.synthetic import outputs


@dataclass(frozen=True, eq=False)
class Stranger(Scorer):
    """Random scores, and predictions that differ from those of every exit."""

    computed: list[Outputs] = field(default_factory=list)

    def _of(self, outputs: Outputs) -> Scored:
        self.computed.append(outputs)
        return Scored(np.random.default_rng(0).normal(size=outputs.prediction.shape), outputs.prediction + 1000, outputs.quality)

    def score_at(self, exit: int, exit_outputs: ExitOutputs) -> np.ndarray:
        raise AssertionError("no network runs here")


def test_examples_leave_at_the_first_confident_exit_with_the_scorers_prediction():
    made = outputs(examples=90).test()
    scorer, thresholds = Stranger(), np.array([0.5, np.inf, -0.2])
    route = ThresholdRule(scorer, thresholds, {}, 1.0).route(made)
    scored = scorer.of(made)
    expected = reference.threshold_cascade(reference.floats(scored.score), thresholds.tolist())
    assert route.exit.tolist() == expected and set(expected) == {0, 2, 3}
    assert route.prediction.tolist() == [scored.answer[k][i] for i, k in enumerate(expected)]
    assert np.array_equal(route.visited.sum(axis=0), route.exit + 1)


def test_scores_are_computed_once_and_cached_for_as_long_as_their_outputs():
    scorer, made = Stranger([]), outputs(examples=30)
    first, second = made.test(), made.tuning(Split.FIT)
    assert scorer.of(first) is scorer.of(first) and scorer.of(second) is not scorer.of(first)
    assert [id(one) for one in scorer.computed] == [id(first), id(second)]
    gone = ref(first)
    scorer.computed.clear()
    del first
    gc.collect()
    assert gone() is None and len(scorer._read) == 1


@pytest.mark.parametrize("exits", [slice(None), slice(0, 2), 1])
def test_chunks_cover_all_examples(exits, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    made = outputs(examples=50, dtype=np.float16)
    pieces = list(chunks(made, exits))
    assert len(pieces) == 8 and all(logits.dtype == np.float64 for _, logits in pieces)
    assert np.array_equal(np.concatenate([logits for _, logits in pieces], axis=-2), made.logits[exits])
    assert np.concatenate([np.arange(50)[some] for some, _ in pieces]).tolist() == list(range(50))


def test_many_classes_need_no_second_copy():
    logits = np.random.default_rng(0).normal(size=(3, 8000, 200)).astype(np.float16)
    made = Outputs.from_logits(logits, np.zeros(8000, int), np.full(8000, "test"), {"macs": np.ones(3)})
    tracemalloc.start()
    for _ in chunks(made):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < made.logits.nbytes  # a quarter of what float64 alone would take
