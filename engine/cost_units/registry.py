"""The units that costs are counted in, and the words for them. A new one is one file with a registered `CostUnit`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from engine.bundle.measurements import UNIT
from engine.display_text import check_name

if TYPE_CHECKING:
    from engine.cascades.base import Cascade


@dataclass(frozen=True)
class CostUnit:
    """A unit of cost.

    name:       as in a bundle, such as "macs"
    title:      as in a list of units: "Compute (MACs)"
    noun:       what is spent, to say "25% of the compute"
    note:       how it is counted, one sentence that a bundle keeps
    sign:       how an amount is written, "{} ms" or "${}"; by default as the number alone
    stage_cost: (cascade, size) -> the cost of each stage with its exit for one example of that size, (stages,); the size is (height, width)
                of an image or (words,) of a text. `compute` then writes this unit into every bundle. None: measured or imported
    """

    name: str
    title: str
    noun: str
    note: str = ""
    sign: str = "{}"
    stage_cost: "Callable[[Cascade, Sequence[int]], Sequence[float]] | None" = None


_units: dict[str, CostUnit] = {}

#: Every registered unit, by name. Measured quantities are registered without their batch size.
COST_UNITS: Mapping[str, CostUnit] = MappingProxyType(_units)


def register_cost_unit(unit: CostUnit) -> CostUnit:
    """Make a unit of cost known under its name."""
    check_name("unit of cost", unit.name)
    if unit.name in _units:
        raise ValueError(f"two units of cost are called {unit.name!r}")
    _units[unit.name] = unit
    return unit


def cost_unit(name: str) -> CostUnit:
    """The unit of a bundle's costs. One that is not registered is shown by its name."""
    if name in COST_UNITS:
        return COST_UNITS[name]
    measured = UNIT.fullmatch(name)
    if measured is None:
        return CostUnit(name, title=name, noun=name)
    quantity, batch = COST_UNITS[measured[1]], f"batch {measured[2]}"
    return replace(quantity, name=name, title=f"{quantity.title}, {batch}", noun=f"{quantity.noun} at {batch}")
