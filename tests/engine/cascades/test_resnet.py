"""The residual network: exits where the shape puts them, and stages that fit together."""

from dataclasses import replace

import pytest
import torch

from engine.cascades.base import CascadeKind
from engine.cascades.macs import stage_macs
from engine.cascades.resnet import PooledHead, ResNetShape, resnet
from engine.errors import UserError

SMALL = ResNetShape(classes=7, widths=(4, 6, 8), blocks=(1, 0, 2), exits=(2, 3))


@pytest.fixture(scope="module", params=["pooled", "convolved"])
def network(request):
    torch.manual_seed(0)
    return resnet(replace(SMALL, head=request.param)).eval()


def test_every_exit_classifies_every_image(network):
    assert network(torch.rand(5, 3, 32, 32)).shape == (3, 5, 7)
    assert network.kind is CascadeKind.CHAIN


def test_exits_come_after_the_given_units(network):
    state, shapes = (torch.rand(2, 3, 32, 32),), []
    for stage in network.stages:
        state, _ = stage(state)
        shapes.append([tuple(features.shape) for features in state])
    assert shapes == [[(2, 4, 15, 15)], [(2, 6, 7, 7)], [(2, 8, 3, 3)]]


def test_stage_by_stage_equals_all_at_once_and_leaves_states_alone(network):
    images = torch.rand(4, 3, 32, 32)
    state, by_stage = (images,), []
    for stage in network.stages:
        before = [features.clone() for features in state]
        after, logits = stage(state)
        assert all(torch.equal(a, b) for a, b in zip(before, state, strict=True))
        state = after
        by_stage.append(logits)
    assert torch.equal(torch.stack(by_stage), network(images))


def test_every_weight_contributes_to_an_exit(network):
    network.zero_grad()
    network(torch.rand(3, 3, 32, 32)).square().sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []
    network.zero_grad()


@pytest.mark.parametrize("exits", [(), (1,), (2, 4), (1, 2, 3, 4, 5)])
def test_moving_exits_leaves_the_trunk_as_it_is(exits):
    """The units, their computation and their cost do not depend on the position of the exits."""

    def of_trunk(exits):
        network = resnet(replace(SMALL, exits=exits))
        macs = sum(stage_macs(network, (32, 32)).trunk)
        return macs, [tuple(weight.shape) for stage in network.stages for weight in stage.trunk.parameters()], len(network.stages)

    assert of_trunk(exits) == (*of_trunk(SMALL.exits)[:2], len(exits) + 1)


def test_a_new_block_is_the_identity():
    torch.manual_seed(0)
    shape = replace(SMALL, widths=(4,), blocks=(2,), exits=(1,))
    network = resnet(shape).eval()
    first, _ = network.stages[0]((torch.rand(2, 3, 32, 32),))
    second, _ = network.stages[1](first)
    assert torch.allclose(first[0], second[0])


@pytest.mark.parametrize("mix, pooled", [(0.0, "mean"), (1.0, "amax")])
def test_the_pooled_head_mixes_max_and_average(mix, pooled):
    head = PooledHead(3, 2, 5)
    torch.nn.init.constant_(head.mix, mix)
    features = torch.randn(4, 3, 8, 8)
    quarters = features.unflatten(3, (2, 4)).unflatten(2, (2, 4))  # (batch, channels, 2, 4, 2, 4)
    expected = head.out(getattr(quarters, pooled)(dim=(3, 5)).flatten(1))
    assert torch.allclose(head((features,)), expected, atol=1e-6)


@pytest.mark.parametrize("exits", [(0,), (6,), (3, 1), (2, 2), (-1,)])
def test_impossible_exits_are_refused_in_one_sentence(exits):
    with pytest.raises(UserError, match="must be different units from 1 to 5, in ascending order"):
        replace(SMALL, exits=exits)


@pytest.mark.parametrize("change", [{"widths": (4, 6)}, {"blocks": (1, -1, 1)}, {"head": "bag"}, {"pool": 0}])
def test_impossible_shapes_are_refused(change):
    with pytest.raises(ValueError):
        replace(SMALL, **change)
