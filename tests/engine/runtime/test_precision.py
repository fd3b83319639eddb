"""Half precision gives nearly the outputs of float32, in float32, and early exit works the same."""

import numpy as np
import pytest
import torch

from engine.cascades.resnet import ResNetShape, resnet
from engine.errors import UserError
from engine.outputs import Outputs
from engine.policies.core.scorer import RecordedScore
from engine.policies.core.thresholds import ThresholdRule
from engine.runtime.executor import execute
from engine.runtime.inputs import to_tensor
from engine.runtime.precision import DTYPES, FULL, in_precision

CPU = torch.device("cpu")
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def cascade():
    torch.manual_seed(0)
    return resnet(ResNetShape(classes=5, widths=(8, 16), blocks=(1, 1), exits=(2,))).eval()


@torch.inference_mode()
def logits(cascade):
    return cascade(to_tensor(PIXELS, CPU)).float().numpy()


def test_full_precision_is_the_network_itself(cascade):
    assert in_precision(cascade, FULL, CPU) is cascade


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_half_precision_is_close_to_float32(cascade, dtype):
    lowered = in_precision(cascade, dtype, CPU)
    assert not lowered.training and lowered.kind is cascade.kind
    full, half = logits(cascade), logits(lowered)
    assert not np.array_equal(full, half)
    np.testing.assert_allclose(half, full, atol=0.05 * np.abs(full).max())


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_route_follows_the_logits_in_that_precision(cascade, dtype):
    """The route equals the simulated one on logits in the same precision."""
    lowered = in_precision(cascade, dtype, CPU)
    outputs = Outputs.from_logits(logits(lowered), np.zeros(24, np.int32), np.full(24, "test"), {"macs": np.ones(2)})
    rule = ThresholdRule(RecordedScore("maxprob"), np.median(outputs.scores["maxprob"][:1], axis=1), {}, 0.0)
    route, expected = execute(lowered, rule, np.arange(24), PIXELS.__getitem__, batch_size=24), rule.route(outputs)
    assert 0 < expected.exit.sum() < 24
    assert np.array_equal(route.exit, expected.exit)
    left_early = expected.exit == 0  # the others go on in a smaller batch, where the last digits may differ
    assert np.array_equal(route.prediction[left_early], expected.prediction[left_early])


def test_an_unknown_precision_is_refused(cascade):
    with pytest.raises(UserError, match="no precision 'float8'; choose one of: float32, bfloat16, float16"):
        in_precision(cascade, "float8", CPU)
