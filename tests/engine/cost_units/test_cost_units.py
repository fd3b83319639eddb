"""What every registered unit of cost must do. A new one is tested here without a line of its own."""

import numpy as np
import pytest
import torch
from torch import nn

from engine.cascades.base import Cascade, CascadeKind, Stage
from engine.cost_units import COST_UNITS, CostUnit, cost_unit, register_cost_unit


class Pooled(nn.Module):
    """A head on a state of one map: (maps,) -> (batch, 4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out = nn.Linear(channels, 4)

    def forward(self, state: tuple[torch.Tensor]) -> torch.Tensor:
        return self.out(state[0].mean(dim=(2, 3)))


class Convolved(nn.Module):
    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, channels, 3)

    def forward(self, state: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (self.convolution(state[0]),)


def cascade(kind: CascadeKind) -> Cascade:
    second = 3 if kind is CascadeKind.FAMILY else 8
    return Cascade([Stage(Convolved(3, 8), Pooled(8)), Stage(Convolved(second, 16), Pooled(16))], kind)


@pytest.fixture(params=list(COST_UNITS))
def unit(request: pytest.FixtureRequest) -> CostUnit:
    return COST_UNITS[request.param]


def test_it_has_its_words(unit: CostUnit) -> None:
    assert unit.title and unit.noun and unit.noun == unit.noun.lower()
    assert cost_unit(unit.name) is unit


@pytest.mark.parametrize("kind", CascadeKind)
def test_what_it_counts_is_a_cost(unit: CostUnit, kind: CascadeKind) -> None:
    if unit.stage_cost is None:
        return  # measured on a device, or imported
    cost = np.array(unit.stage_cost(cascade(kind), (12, 12)), np.float64)
    assert cost.shape == (2,) and np.isfinite(cost).all() and (cost > 0).all()
    assert unit.note.endswith(".")


def test_a_measured_unit_names_its_batch_size() -> None:
    unit = cost_unit("joules_batch_32_2")
    assert unit.name == "joules_batch_32_2" and unit.title == "Joules per image, measured, batch 32" and unit.noun == "energy at batch 32"


def test_an_unknown_unit_is_shown_by_its_name() -> None:
    assert cost_unit("dollars") == CostUnit("dollars", "dollars", "dollars")


def test_two_units_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match="two units of cost are called 'macs'"):
        register_cost_unit(CostUnit("macs", "Compute", "compute"))
