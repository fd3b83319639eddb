"""Units of cost. Importing this package registers those that come with Offramp."""

from engine.cost_units import builtin  # noqa: F401 - which registers them
from engine.cost_units.registry import COST_UNITS, CostUnit, cost_unit, register_cost_unit

__all__ = ["COST_UNITS", "CostUnit", "cost_unit", "register_cost_unit"]
