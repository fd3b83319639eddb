"""Recording and replaying with a substitute for CUDA's recorder. Like CUDA's, it has its own memory and overwrites earlier outputs."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from engine.cascades.base import Cascade, Stage
from engine.policies.core.scorer import RecordedScore
from engine.policies.core.thresholds import ThresholdRule
from engine.runtime.cuda_graphs import GRAPHS, SEEN, Recording, Replayed, in_graphs
from engine.runtime.executor import execute, group_size


class Recorder:
    """Counts recordings and replays."""

    def __init__(self):
        self.recorded = self.replayed = 0

    def __call__(self, part, state):
        self.recorded += 1
        inputs = tuple(given.clone() for given in state)
        outputs = part(inputs)

        def replay():
            self.replayed += 1
            again = part(inputs)
            if isinstance(outputs, torch.Tensor):
                outputs.copy_(again)
            else:
                for place, output in zip(outputs, again, strict=True):
                    place.copy_(output)

        return Recording(inputs, outputs, replay)


class Widen(nn.Module):
    """A trunk that also returns its input: State -> State"""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.kernel = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, state):
        return torch.relu(self.kernel(state[0])), state[0]


class Mean(nn.Module):
    """A head: State -> logits"""

    def __init__(self, inputs, classes):
        super().__init__()
        self.out = nn.Linear(inputs, classes)

    def forward(self, state):
        return self.out(state[0].mean(dim=(2, 3)))


@pytest.fixture
def cascade():
    torch.manual_seed(5)
    made = [Stage(Widen(a, b), Mean(b, 4)) for a, b in ((3, 6), (6, 8), (8, 8))]
    return Cascade(made).eval().to(memory_format=torch.channels_last)


def batches(count, size=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(size, 3, 5, 5, generator=generator).contiguous(memory_format=torch.channels_last) for _ in range(count)]


@torch.inference_mode()
def test_a_replay_equals_the_part_and_is_not_overwritten(cascade):
    recorder = Recorder()
    part = cascade.stages[0].trunk
    replayed = Replayed(part, recorder)
    given = batches(SEEN + 4)
    outputs = [replayed((images,)) for images in given]
    assert recorder.recorded == 1
    assert recorder.replayed == 1 + 4  # the first is the comparison
    for images, state in zip(given, outputs, strict=True):  # none was overwritten by a later one
        for replay, expected in zip(state, part((images,)), strict=True):
            assert torch.equal(replay, expected)
            assert replay.stride() == expected.stride()


@torch.inference_mode()
def test_only_a_few_shapes_are_recorded(cascade):
    recorder = Recorder()
    head = cascade.stages[0].head
    replayed = Replayed(head, recorder)
    for size in (1, 2, 3, 4, 5):
        for images in batches(SEEN + 1, size):
            features = images.repeat(1, 2, 1, 1)
            assert torch.equal(replayed((features,)), head((features,)))
    assert recorder.recorded == GRAPHS


@torch.inference_mode()
@pytest.mark.parametrize("fault", ["cannot", "lies"])
def test_a_part_that_cannot_be_recorded_runs_without_and_warns(cascade, fault, caplog):
    def record(part, state):
        if fault == "cannot":
            raise RuntimeError("operation not permitted when stream is capturing")
        return Recording(state, part(state) + 1, lambda: None)

    head = cascade.stages[0].head
    replayed = Replayed(head, record)
    given = [(images.repeat(1, 2, 1, 1),) for images in batches(SEEN + 2)]
    outputs = [replayed(state) for state in given]
    assert "runs without a CUDA graph" in caplog.text
    assert all(torch.equal(output, head(state)) for output, state in zip(outputs, given, strict=True))


def test_the_executor_takes_the_same_route_with_recordings(cascade):
    recorder = Recorder()
    graphed = Cascade([Stage(Replayed(stage.trunk, recorder), Replayed(stage.head, recorder)) for stage in cascade.stages], cascade.kind)
    ids = np.arange(90)
    pixels = np.random.default_rng(2).integers(0, 256, (90, 6, 6, 3), dtype=np.uint8)
    with torch.inference_mode():
        top = cascade(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255).softmax(dim=2).amax(dim=2)
    rule = ThresholdRule(RecordedScore("maxprob"), torch.logit(top.double().median(dim=1).values[:2]).numpy(), {}, 0.0)
    expected, replayed = (execute(made, rule, ids, pixels.__getitem__, batch_size=8, group=5) for made in (cascade, graphed))
    assert recorder.replayed > 10
    assert len(np.unique(expected.exit)) == 3
    for field in ("exit", "prediction", "visited"):
        assert (getattr(expected, field) == getattr(replayed, field)).all()


@torch.inference_mode()
def test_a_copy_records_for_itself(cascade):
    recorder = Recorder()
    replayed = Replayed(cascade.stages[0].trunk, recorder)
    for images in batches(SEEN):
        replayed((images,))
    copied = deepcopy(replayed)
    (images,) = batches(1, seed=9)
    copied((images,))
    assert recorder.recorded == 1
    copying = Cascade([Stage(replayed, cascade.stages[0].head)])
    assert group_size(copying, (5, 5), 4, torch.device("cpu")) >= 1  # it copies the network to compute sizes


def test_there_are_no_graphs_on_a_cpu(cascade):
    assert in_graphs(cascade, torch.device("cpu")) is cascade
