"""Models that an import left out, because they cost more than the best single model and are no better. The page shows them as such."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.bundle.bundle import Bundle
from engine.display_text import printable
from engine.splits import Split

#: More of them are not shown.
MOST = 20


@dataclass(frozen=True)
class DominatedModel:
    """cost: on calibration, as a share of the best single model's;  quality: on calibration"""

    name: str
    cost: float
    quality: float


def dominated_models(bundle: Bundle, unit: str) -> Sequence[DominatedModel]:
    """In the order of the provenance, which others may have written: what is not as an import writes it is passed over."""
    listed = bundle.provenance.get("dominated")
    if not isinstance(listed, list) or not listed:
        return []
    reference = bundle.outputs.part(Split.CALIBRATION).full_cost(unit)
    models = []
    for entry in listed[:MOST]:
        match entry:
            case {"name": str(name), "cost": {**costs}, "quality": int() | float() as quality}:
                cost = costs.get(unit)
                share = cost / reference if isinstance(cost, int | float) else -1.0
                if 0 <= share < math.inf and 0 <= quality <= 1:
                    models.append(DominatedModel(printable(name), share, float(quality)))
    return models
