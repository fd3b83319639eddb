"""The multi-scale dense network: shapes, and stages that fit together."""

from dataclasses import replace

import pytest
import torch

from engine.cascades.base import CascadeKind
from engine.cascades.macs import stage_macs
from engine.cascades.msdnet import MSDNetShape, msdnet
from engine.cascades.whitening import PatchWhitening, whiten

SMALL = MSDNetShape(classes=7, stem=4, base=(4, 6, 8), growth=(4, 6, 8), layers=(1, 2, 1), scales=(3, 2, 1), hidden=16)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return msdnet(SMALL).eval()


def test_every_exit_classifies_every_image(network):
    logits = network(torch.rand(5, 3, 32, 32))
    assert logits.shape == (3, 5, 7)
    assert network.kind is CascadeKind.CHAIN


def test_each_scale_has_half_the_side_length_and_stages_drop_the_finest(network):
    state, shapes = (torch.rand(2, 3, 64, 64),), []
    for stage in network.stages:
        state, _ = stage(state)
        shapes.append([tuple(features.shape) for features in state])
    assert shapes == [
        [(2, 8, 16, 16), (2, 12, 8, 8), (2, 16, 4, 4)],
        [(2, 6 + 12, 8, 8), (2, 8 + 16, 4, 4)],  # channels halved, then two layers
        [(2, 12 + 8, 4, 4)],
    ]


def test_without_a_stem_whitened_images_are_processed_at_full_size_and_pooled():
    network = msdnet(replace(SMALL, stem=None)).eval()
    (whitening,) = (module for module in network.modules() if isinstance(module, PatchWhitening))
    images = torch.rand(2, 3, 32, 32)
    whiten(network, images)
    stem = network.stages[0].trunk[0]
    assert torch.equal(stem.first(images), whitening(images))
    assert stem.down[0][0](whitening(images)).shape == (2, 4, 31, 31)
    state, _ = network.stages[0]((images,))
    assert [tuple(features.shape[2:]) for features in state] == [(15, 15), (8, 8), (4, 4)]
    assert network(images).shape == (3, 2, 7)


def test_without_a_stem_exits_mix_the_mean_with_the_maximum():
    head = msdnet(replace(SMALL, stem=None)).stages[0].head
    coarsest = torch.rand(2, head.hidden.in_features, 4, 4)
    mean, peak = coarsest.mean(dim=(2, 3)), coarsest.amax(dim=(2, 3))
    for mix, pooled in ((0.0, mean), (1.0, peak), (0.25, 0.75 * mean + 0.25 * peak)):
        torch.nn.init.constant_(head.mix, mix)
        assert torch.allclose(head((coarsest,)), head.out(torch.relu(head.hidden(pooled))), atol=1e-6)


def test_stage_by_stage_equals_all_at_once(network):
    images = torch.rand(4, 3, 64, 64)
    state, by_stage = (images,), []
    for stage in network.stages:
        state, logits = stage(state)
        by_stage.append(logits)
    assert torch.equal(torch.stack(by_stage), network(images))


def test_a_stage_does_not_change_the_state_it_receives(network):
    state, _ = network.stages[0]((torch.rand(2, 3, 64, 64),))
    before = [features.clone() for features in state]
    network.stages[1](state)
    assert all(torch.equal(a, b) for a, b in zip(before, state, strict=True))


def test_the_network_normalises_images_itself(network):
    grey = torch.full((1, 3, 64, 64), 0.5)
    (normalised,) = network.stages[0].trunk[0]((grey,))
    assert torch.count_nonzero(normalised) == 0


def test_every_weight_contributes_to_an_exit(network):
    network.zero_grad()
    network(torch.rand(3, 3, 64, 64)).square().sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []
    network.zero_grad()


def test_every_trunk_and_every_head_has_a_cost():
    macs = stage_macs(msdnet(SMALL), (64, 64))
    assert min(macs.trunk) > 0 and min(macs.head) > 0


def test_the_first_exit_may_read_the_stem_alone():
    network = msdnet(replace(SMALL, layers=(0, 2, 1))).eval()
    assert network(torch.rand(2, 3, 64, 64)).shape == (3, 2, 7)


@pytest.mark.parametrize(
    "change", [{"layers": (1, 0, 1)}, {"layers": (0, 1, 1), "scales": (2, 1, 1)}, {"layers": (1, 1)}, {"growth": (4, 6)}]
)
def test_stages_without_work_are_refused(change):
    with pytest.raises(ValueError):
        replace(SMALL, **change)


@pytest.mark.parametrize("scales", [(3, 3, 1), (3, 2, 2), (2, 3, 1), (3, 2, 0), (2, 1), (1, 1, 1)])
def test_impossible_shapes_are_refused(scales):
    with pytest.raises(ValueError):
        MSDNetShape(classes=7, stem=4, base=(4, 6, 8), growth=(4, 6, 8), layers=(1, 2, 1), scales=scales)
