"""Bag-of-Features exits: histograms as defined, one space, one classifier."""

from copy import deepcopy

import pytest
import torch

from engine.cascades.bof import BofShape, Codebook, bof
from engine.cascades.macs import stage_macs
from engine.cascades.resnet import ResNetShape, resnet
from engine.runtime.weights import load_weights, save_weights

TRUNK = ResNetShape(classes=5, widths=(4, 6, 8), blocks=(1, 0, 1), exits=(2, 3))
WORDS = 9


@pytest.fixture(params=[1, 2])
def network(request):
    torch.manual_seed(0)
    return bof(BofShape(TRUNK, WORDS, regions=request.param)).eval()


def states(network, images):
    state, after_stages = (images,), []
    for stage in network.stages:
        state, _ = stage(state)
        after_stages.append(state)
    return after_stages


def test_a_histogram_follows_the_definition():
    """Computed position by position and codeword by codeword."""
    torch.manual_seed(1)
    codebook = Codebook(3, WORDS, 2)
    torch.nn.init.constant_(codebook.slope, 1.7)
    torch.nn.init.constant_(codebook.offset, -0.3)
    features = torch.randn(2, 3, 4, 4)
    weight, bias = codebook.words.weight[:, :, 0, 0], codebook.words.bias
    expected = torch.zeros(2, WORDS, 2, 2)
    for image in range(2):
        for row in range(4):
            for column in range(4):
                similarity = (torch.tanh(1.7 * (weight @ features[image, :, row, column] + bias) - 0.3) + 1) / 2
                expected[image, :, row // 2, column // 2] += similarity / similarity.sum() / 4
    assert torch.allclose(codebook(features), expected.flatten(1), atol=1e-6)


def test_every_exit_classifies_the_mean_of_the_histograms_so_far(network):
    images = torch.rand(4, 3, 32, 32)
    total = 0
    classifier = network.stages[0].head
    for k, (state, stage, logits) in enumerate(zip(states(network, images), network.stages, network(images), strict=True), start=1):
        features, histogram = state
        codebook = stage.trunk[-1].codebook
        total = total + codebook(features)
        assert torch.allclose(histogram, total / k, atol=1e-6)
        assert torch.allclose(logits, classifier.out(WORDS * total / k), atol=1e-5)
        assert histogram.min() >= 0
        per_region = histogram.unflatten(1, (WORDS, -1)).sum(dim=1)
        assert torch.allclose(per_region, torch.ones_like(per_region), atol=1e-5)  # still a distribution


def test_an_exit_adds_only_the_parameters_of_its_codebook(network):
    def parameters(module):
        return sum(weight.numel() for weight in module.parameters())

    trunk = sum(parameters(stage.trunk) for stage in resnet(TRUNK).stages)
    codebooks = sum(channels * WORDS + WORDS + 2 for channels in TRUNK.widths)
    assert parameters(network) == trunk + codebooks + parameters(network.stages[0].head)
    assert [parameters(stage.head) for stage in network.stages[1:]] == [0, 0]


def test_costs_include_the_codebooks():
    without, bags = resnet(TRUNK), bof(BofShape(TRUNK, WORDS))
    positions = (15 * 15, 7 * 7, 3 * 3)
    extra = tuple(channels * WORDS * n for channels, n in zip(TRUNK.widths, positions, strict=True))
    trunk, heads = stage_macs(bags, (32, 32)).trunk, stage_macs(bags, (32, 32)).head
    assert trunk == tuple(a + b for a, b in zip(stage_macs(without, (32, 32)).trunk, extra, strict=True))
    assert heads == (WORDS * 5,) * 3


def test_a_copy_has_a_classifier_of_its_own(network):
    other, images = deepcopy(network), torch.rand(2, 3, 32, 32)
    before = network(images)
    torch.nn.init.zeros_(other.stages[0].head.out.weight)
    assert torch.equal(network(images), before)
    assert all(torch.allclose(logits, other.stages[0].head.out.bias.expand(2, 5)) for logits in other(images))


def test_every_exit_trains_the_classifier(network):
    for k in range(3):
        network.zero_grad()
        network(torch.rand(3, 3, 32, 32))[k].square().sum().backward()
        assert network.stages[0].head.out.weight.grad.abs().sum() > 0
    network.zero_grad()
    network(torch.rand(3, 3, 32, 32)).square().sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []


def test_shared_weights_are_saved_once_and_load_again(network, tmp_path):
    path = tmp_path / "bags.safetensors"
    save_weights(network, path, "bags", {})
    torch.manual_seed(2)
    other = bof(BofShape(TRUNK, WORDS, network.stages[0].trunk[-1].codebook.regions)).eval()
    load_weights(other, path)
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(other(images), network(images))


def test_histograms_stay_in_full_precision():
    network = bof(BofShape(TRUNK, 64)).eval()
    with torch.autocast("cpu", torch.bfloat16):
        for _, histogram in states(network, torch.rand(2, 3, 32, 32)):
            assert histogram.dtype == torch.float32
            assert torch.allclose(histogram.sum(dim=1), torch.ones(2), atol=1e-5)


@pytest.mark.parametrize("change", [{"words": 0}, {"regions": 0}])
def test_impossible_shapes_are_refused(change):
    with pytest.raises(ValueError):
        BofShape(TRUNK, **change)
