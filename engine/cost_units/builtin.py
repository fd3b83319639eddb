"""The units that come with Offramp: multiply-accumulates, counted; time and energy, imported or measured on a device; and money."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.bundle.measurements import JOULES, MS
from engine.cost_units.registry import CostUnit, register_cost_unit

if TYPE_CHECKING:
    from engine.cascades.base import Cascade


def _stage_macs(cascade: "Cascade", size: Sequence[int]) -> Sequence[float]:
    from engine.cascades.macs import stage_macs  # with torch

    return stage_macs(cascade, size).stage


register_cost_unit(
    CostUnit(
        "macs",
        title="Compute (MACs)",
        noun="compute",
        note="Multiply-accumulates per example, exit heads included, as torch's FlopCounterMode counts them.",
        sign="{} MACs",
        stage_cost=_stage_macs,
    )
)
register_cost_unit(CostUnit("latency_ms", title="Time (ms)", noun="time", sign="{} ms"))
register_cost_unit(CostUnit("energy_mj", title="Energy (mJ)", noun="energy", sign="{} mJ"))
register_cost_unit(CostUnit("usd", title="Price (dollars)", noun="price", sign="${}"))
register_cost_unit(CostUnit(MS, title="Milliseconds per image", noun="time", sign="{} ms"))
register_cost_unit(CostUnit(JOULES, title="Joules per image, measured", noun="energy", sign="{} J"))
