"""Plain sentences about numbers the engine found."""

import re

from engine.sweep import Sweep

#: What is spent, in the words of each unit.
SPENT = {"macs": "compute", "latency_ms": "time", "energy_mj": "energy"}
UNIT_TITLES = {"macs": "Compute (MACs)", "latency_ms": "Time (ms)", "energy_mj": "Energy (mJ)"}
_SMALL = 0.0005


def literal(text: str) -> str:
    """Text that is not ours, for where Streamlit reads Markdown: shown as it is, so that no file can put a picture on the page."""
    return re.sub(r"([\\`*_{}\[\]()<>#+.!|~$:@&-])", r"\\\1", text)


def spent(unit: str) -> str:
    return SPENT.get(unit, unit)


def unit_title(unit: str) -> str:
    return UNIT_TITLES.get(unit, unit)


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}%"


def budget_sentence(sweep: Sweep, step: int) -> str:
    """What one budget buys, in one sentence a stakeholder can repeat."""
    cost, accuracy = float(sweep.cost[step]), float(sweep.accuracy[step])
    spends = f"Spends {percent(cost, 0)} of the full network’s {spent(sweep.unit)}, gets {percent(accuracy)} right"
    return f"{spends}: {_against_full(accuracy - sweep.full.accuracy)}; {_early(sweep, step)}."


def _against_full(difference: float) -> str:
    if abs(difference) < _SMALL:
        return "as many as running everything"
    points = f"{abs(100 * difference):.1f} points"
    return f"{points} {'more' if difference > 0 else 'less'} than running everything"


def _early(sweep: Sweep, step: int) -> str:
    tenths = round(10 * float(sweep.before_half[step]))
    if tenths == 0:
        return "next to no image leaves before half-way"
    if tenths == 10:
        return "nearly every image leaves before half-way"
    return f"{tenths} of 10 images {'leaves' if tenths == 1 else 'leave'} before half-way"
