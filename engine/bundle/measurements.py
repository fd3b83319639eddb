"""Measured: what a bundle keeps of a measuring on a real device, and how it stands in the manifest.

For each device and batch size there is one entry, `Measured`, and for each quantity that was measured a unit of cost, `ms_batch_32` or
`joules_batch_32`, which the entry names. Where two devices were measured at the same batch size, the second one's unit is `ms_batch_32_2`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, count
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable

#: What is counted for each stage and picture, by the first word of its unit.
MS, JOULES = "ms", "joules"
UNIT = re.compile(rf"({MS}|{JOULES})_batch_([1-9]\d{{0,6}})(_[1-9]\d{{0,3}})?")
_MOST = 1000  # entries of any list: far more than anybody measures, and nothing a page would choke on


@dataclass(frozen=True)
class StaticExit:
    """One exit alone, by a plain loop over batches without the heads before it. speed_up: over the full network, the last of these."""

    speed_up: float
    accuracy: float


@dataclass(frozen=True)
class MeasuredRun:
    """The cascade at one budget, stopping for real.

    budget, cost: shares of the full network's MACs, asked for and spent
    speed_up:     over the full network, in the same run; the ideals as in `engine.measuring.measure`
    """

    budget: float
    cost: float
    speed_up: float
    ideal_by_macs: float
    ideal_by_times: float
    accuracy: float

    @property
    def time(self) -> float:
        """Share of the full network's time that it took."""
        return 1 / self.speed_up


Record = TypeVar("Record", StaticExit, MeasuredRun)


@dataclass(frozen=True)
class Measured:
    """Everything measured on one device at one batch size.

    examples: test pictures that were timed;  tested: those that accuracies are over
    policy:   the one that stopped them;  date: ISO 8601
    units:    {"ms" or "joules": unit of the bundle}
    alone:    (exits,);  runs: by budget
    """

    device: str
    batch_size: int
    examples: int
    tested: int
    policy: str
    date: str
    units: Mapping[str, str] = field(default_factory=dict)
    alone: tuple[StaticExit, ...] = ()
    runs: tuple[MeasuredRun, ...] = ()


@dataclass(frozen=True, eq=False)
class Fresh:
    """What was just measured and is not in a bundle yet. costs: {"ms" or "joules": what each stage takes for a picture, (stages,)}."""

    measured: Measured
    costs: Mapping[str, NDArray[np.float64]]
    notes: Mapping[str, str]


def read_measured(manifest: Mapping[str, Any]) -> tuple[Measured, ...]:
    """The entries of a manifest; none where it knows nothing of them. Raises ValueError or a kin of it where they cannot be."""
    listed = _list(manifest.get("measured", []))
    found = tuple(_measured(entry) for entry in listed)
    named = [unit for entry in found for unit in entry.units.values()]
    _demand(len(set(named)) == len(named), "two measurings share a unit")
    _demand(len({(entry.device, entry.batch_size) for entry in found}) == len(found), "a device was measured twice at one batch size")
    for entry in found:
        _demand(set(entry.units.values()) <= set(manifest["units"]), "a measuring names a unit that is not there")
        _demand(len(entry.alone) == len(manifest["exit_names"]), "a measuring knows another number of exits")
    return found


def with_measured(manifest: Mapping[str, Any], fresh: Sequence[Fresh]) -> dict[str, Any]:
    """The manifest with further entries and their units. An entry of the same device and batch size is replaced, its units with it."""
    kept = {(entry.device, entry.batch_size): entry for entry in read_measured(manifest)}
    units = dict(manifest["units"])
    for new in fresh:
        key = (new.measured.device, new.measured.batch_size)
        before = kept[key].units if key in kept else {}
        for unit in before.values():
            del units[unit]
        named = {quantity: before.get(quantity) or _free(f"{quantity}_batch_{key[1]}", units) for quantity in new.costs}
        units |= {unit: {"stage_cost": new.costs[q].tolist(), "note": new.notes[q]} for q, unit in named.items()}
        kept[key] = replace(new.measured, units=named)
    entries = [kept[key] for key in sorted(kept)]
    # Units stand as their entries do, after those that were there first.
    last = [unit for entry in entries for unit in entry.units.values()]
    ordered = {unit: units[unit] for unit in (*(unit for unit in units if unit not in last), *last)}
    return {**manifest, "units": ordered, "measured": [_entry_json(entry) for entry in entries]}


def in_unit(measured: Sequence[Measured], unit: str) -> tuple[Measured, ...]:
    """The entries whose real runs belong beside costs in a unit: in a unit of time its own, in energy none, in any other all."""
    match = UNIT.fullmatch(unit)
    if match is None:
        return tuple(measured)
    return tuple(entry for entry in measured if entry.units.get(MS) == unit)


def _entry_json(entry: Measured) -> dict[str, Any]:
    """As JSON has it: lists, not tuples."""
    return {**asdict(entry), "alone": [asdict(exit) for exit in entry.alone], "runs": [asdict(run) for run in entry.runs]}


def _free(unit: str, taken: Mapping[str, Any]) -> str:
    names = chain((unit,), (f"{unit}_{n}" for n in count(2)))
    return next(name for name in names if name not in taken)


def _measured(entry: Any) -> Measured:
    units = entry["units"]
    _demand(isinstance(units, dict) and MS in units and set(units) <= {MS, JOULES}, "a measuring is in units that nobody measures")
    batch_size = _whole(entry["batch_size"])
    for quantity, unit in units.items():
        match = UNIT.fullmatch(unit)
        _demand(match is not None and match[1] == quantity and int(match[2]) == batch_size, "the name of a measured unit is none")
    return Measured(
        device=_text(entry["device"]),
        batch_size=batch_size,
        examples=_whole(entry["examples"]),
        tested=_whole(entry.get("tested", entry["examples"])),  # older entries: of the answers in the timed runs
        policy=_text(entry["policy"]),
        date=_text(entry["date"]),
        units=dict(units),
        alone=tuple(_record(StaticExit, exit) for exit in _list(entry["alone"])),
        runs=tuple(_record(MeasuredRun, run) for run in _list(entry["runs"])),
    )


def _record(kind: type[Record], given: Any) -> Record:
    made = kind(**given)
    for name, value in asdict(made).items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        _demand(number and 0 <= value <= (1 if name == "accuracy" else 1e6), f"its measured {name} cannot be")
        _demand(value > 0 or name == "accuracy", f"its measured {name} is nothing")
    return made


def _list(given: Any) -> list[Any]:
    _demand(isinstance(given, list) and len(given) <= _MOST, "what was measured is no list that can be")
    return given


def _whole(given: Any) -> int:
    _demand(type(given) is int and 1 <= given <= 10**7, "what was measured counts in numbers that cannot be")
    return given


def _text(given: Any) -> str:
    _demand(isinstance(given, str) and printable(given, 100) == given and given != "", "a name in what was measured is none")
    return given


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
