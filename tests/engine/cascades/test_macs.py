"""Counted costs equal costs computed by hand."""

import torch
from torch import nn

from engine.cascades.base import Cascade, CascadeKind, Stage
from engine.cascades.macs import StageMacs, stage_macs


class OnFirst(nn.Module):
    """Modules applied to the only map of a state."""

    def __init__(self, *modules: nn.Module, wrap: bool = True) -> None:
        super().__init__()
        self.inside = nn.Sequential(*modules)
        self.wrap = wrap

    def forward(self, state):
        result = self.inside(state[0])
        return (result,) if self.wrap else result


class Attention(nn.Module):
    """Attention over positions: (batch, 8, height, width) -> the same. Fused kernels hide its cost from a count on the CPU."""

    def forward(self, features):
        tokens = features.flatten(2).transpose(1, 2)[:, None]  # (batch, 1 head, positions, 8)
        mixed = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
        return mixed[:, 0].transpose(1, 2).reshape(features.shape)


def head(channels):
    return OnFirst(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5), wrap=False)


def test_a_chain_costs_what_is_computed_by_hand():
    first = Stage(OnFirst(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU()), head(8))
    second = Stage(OnFirst(nn.Conv2d(8, 16, 1), Attention()), head(16))
    macs = stage_macs(Cascade([first, second]), (16, 20))
    positions = 8 * 10
    attention = 2 * positions * positions * 16  # queries with keys, then weights with values
    assert macs == StageMacs(trunk=(27 * 8 * positions, 8 * 16 * positions + attention), head=(8 * 5, 16 * 5))
    assert macs.stage == (macs.trunk[0] + 40, macs.trunk[1] + 80)


def test_every_network_of_a_family_starts_from_the_image():
    networks = [Stage(OnFirst(nn.Conv2d(3, width, 3, padding=1)), head(width)) for width in (4, 12)]
    macs = stage_macs(Cascade(networks, CascadeKind.FAMILY), (8, 8))
    assert macs.trunk == (27 * 4 * 64, 27 * 12 * 64)


def test_counting_leaves_the_network_as_it_was():
    network = Cascade([Stage(OnFirst(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), head(4))]).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    stage_macs(network, (8, 8))
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
