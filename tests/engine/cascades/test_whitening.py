"""The whitening layer: its outputs for patches of its own images are uncorrelated and of equal strength."""

import copy

import pytest
import torch
from torch import nn

from engine.cascades.whitening import NOISE, WHITENED, PatchWhitening, whiten
from engine.training.optimizers import Optimizers


def smooth_images(count: int = 60) -> torch.Tensor:
    """Images whose neighbouring pixels and whose colours are correlated, (count, 3, 16, 16) in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    rough = torch.rand(count, 3, 20, 20, generator=generator)
    mixed = torch.einsum("ij,bjhw->bihw", torch.tensor([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.2, 0.2, 0.6]]), rough)
    return nn.functional.avg_pool2d(mixed, 5, stride=1)


@pytest.fixture(scope="module")
def fitted():
    torch.manual_seed(0)
    layer = PatchWhitening()
    layer.learn(smooth_images())
    return layer


def before_relu(layer: PatchWhitening, images: torch.Tensor) -> torch.Tensor:
    """(channels, patches) float64"""
    outputs = nn.functional.conv2d(images.double(), layer.kernel.double(), layer.bias.double())
    return outputs.transpose(0, 1).flatten(1)


def test_directions_are_uncorrelated_centred_and_scaled_by_their_variance(fitted):
    outputs = before_relu(fitted, smooth_images())[: WHITENED // 2]
    patches = nn.functional.unfold(smooth_images(), 2).transpose(1, 2).flatten(0, 1).double()
    variances = torch.linalg.eigvalsh(patches.T.cov())
    assert torch.allclose(outputs.mean(dim=1), torch.zeros(12, dtype=torch.float64), atol=1e-4)
    assert torch.allclose(outputs.cov(), torch.diag(variances / (variances + NOISE)), atol=2e-3)


def test_every_direction_has_its_opposite_and_only_positive_values_pass(fitted):
    images = smooth_images(4)
    outputs = before_relu(fitted, images)
    assert torch.allclose(outputs[:12], -outputs[12:], atol=1e-9)
    out = fitted(images)
    assert out.shape == (4, WHITENED, 15, 15) and out.min() == 0
    assert torch.allclose(out.transpose(0, 1).flatten(1).double(), outputs.clamp(min=0), atol=1e-5)


def test_images_of_one_colour_give_finite_weights():
    layer = PatchWhitening()
    layer.learn(torch.full((3, 3, 8, 8), 0.25))
    assert torch.isfinite(layer.kernel).all() and layer(torch.full((1, 3, 8, 8), 0.25)).abs().max() < 1e-3


def test_training_does_not_change_the_directions_and_weights_include_them(fitted):
    layer = nn.Sequential(copy.deepcopy(fitted), nn.Conv2d(WHITENED, 4, 3)).to(memory_format=torch.channels_last)
    before = layer[0].kernel.clone()
    optimizers = Optimizers(layer, "muon", weight_decay=0.1)
    layer(smooth_images(8)).square().mean().backward()
    optimizers.step(0.1)
    assert torch.equal(layer[0].kernel, before) and "0.kernel" in layer.state_dict()
    assert not torch.equal(layer[0].bias, fitted.bias)


def test_every_whitening_layer_of_a_network_learns_and_nothing_else_changes(fitted):
    torch.manual_seed(1)
    network = nn.Sequential(nn.Sequential(PatchWhitening()), nn.Conv2d(WHITENED, 2, 1))
    other = network[1].weight.clone()
    whiten(network, smooth_images())
    assert torch.equal(network[0][0].kernel, fitted.kernel) and torch.equal(network[1].weight, other)
