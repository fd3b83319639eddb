"""Measurements on real devices that a bundle keeps, and their form in the manifest.

There is one entry, `Measured`, per device and batch size. Each measured quantity is a unit of cost that the entry names, such as
`ms_batch_32` or `joules_batch_32`. If a second device is measured at the same batch size, its unit is `ms_batch_32_2`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, count
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable

#: Quantities measured per stage and image: the first word of their units.
MS, JOULES = "ms", "joules"
UNIT = re.compile(rf"({MS}|{JOULES})_batch_([1-9]\d{{0,6}})(_[1-9]\d{{0,3}})?")
_MOST = 1000  # entries of any list: far more than are ever measured, and few enough for a page to show


@dataclass(frozen=True)
class StaticExit:
    """One exit run statically, in a loop over batches without the earlier heads. speed_up: over the full network, which is the last exit"""

    speed_up: float
    accuracy: float


@dataclass(frozen=True)
class MeasuredRun:
    """A real run of the cascade at one budget.

    budget, cost: shares of the full network's MACs, allowed and spent
    speed_up:     over the full network, measured in the same run; the ideals are those of `engine.measuring.measure`
    """

    budget: float
    cost: float
    speed_up: float
    ideal_by_macs: float
    ideal_by_times: float
    accuracy: float

    @property
    def time(self) -> float:
        """Time taken, as a share of the full network's."""
        return 1 / self.speed_up


Record = TypeVar("Record", StaticExit, MeasuredRun)


@dataclass(frozen=True)
class Measured:
    """All measurements on one device at one batch size.

    examples: test images that were timed;  tested: test images over which accuracies are computed
    policy:   the policy of the runs;  date: ISO 8601
    units:    {"ms" or "joules": unit of the bundle}
    alone:    every exit run statically, (exits,);  runs: one per budget
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
    """A new measurement, not yet in a bundle. costs: {"ms" or "joules": cost of each stage per image, (stages,)}"""

    measured: Measured
    costs: Mapping[str, NDArray[np.float64]]
    notes: Mapping[str, str]


def read_measured(manifest: Mapping[str, Any]) -> tuple[Measured, ...]:
    """The measurements in a manifest, if any. Raises ValueError or another built-in error if they are invalid."""
    entries = tuple(_measured(entry) for entry in _list(manifest.get("measured", [])))
    named = [unit for entry in entries for unit in entry.units.values()]
    _demand(len(set(named)) == len(named), "two measurements have the same unit")
    _demand(len({(entry.device, entry.batch_size) for entry in entries}) == len(entries), "a device was measured twice at one batch size")
    for entry in entries:
        _demand(set(entry.units.values()) <= set(manifest["units"]), "the unit of a measurement is missing")
        _demand(len(entry.alone) == len(manifest["exit_names"]), "a measurement has another number of exits")
    return entries


def with_measured(manifest: Mapping[str, Any], fresh: Sequence[Fresh]) -> dict[str, Any]:
    """The manifest with new measurements and their units. They replace those of the same device and batch size."""
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
    # Measured units come last, in the order of their entries.
    last = [unit for entry in entries for unit in entry.units.values()]
    ordered = {unit: units[unit] for unit in (*(unit for unit in units if unit not in last), *last)}
    return {**manifest, "units": ordered, "measured": [_entry_json(entry) for entry in entries]}


def in_unit(measured: Sequence[Measured], unit: str) -> tuple[Measured, ...]:
    """The entries whose real runs can be shown beside costs in a unit: for a time unit its own entry, for energy none, otherwise all."""
    match = UNIT.fullmatch(unit)
    if match is None:
        return tuple(measured)
    return tuple(entry for entry in measured if entry.units.get(MS) == unit)


def _entry_json(entry: Measured) -> dict[str, Any]:
    """An entry for JSON, with lists in place of tuples."""
    return {**asdict(entry), "alone": [asdict(exit) for exit in entry.alone], "runs": [asdict(run) for run in entry.runs]}


def _free(unit: str, taken: Mapping[str, Any]) -> str:
    names = chain((unit,), (f"{unit}_{n}" for n in count(2)))
    return next(name for name in names if name not in taken)


def _measured(entry: Any) -> Measured:
    units = entry["units"]
    _demand(isinstance(units, dict) and MS in units and set(units) <= {MS, JOULES}, "a measurement has unknown units")
    batch_size = _whole(entry["batch_size"])
    for quantity, unit in units.items():
        match = UNIT.fullmatch(unit)
        _demand(match is not None and match[1] == quantity and int(match[2]) == batch_size, "a measured unit has an invalid name")
    return Measured(
        device=_text(entry["device"]),
        batch_size=batch_size,
        examples=_whole(entry["examples"]),
        tested=_whole(entry.get("tested", entry["examples"])),  # older entries: over the timed images
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
        _demand(number and 0 <= value <= (1 if name == "accuracy" else 1e6), f"its measured {name} is out of range")
        _demand(value > 0 or name == "accuracy", f"its measured {name} is 0")
    return made


def _list(given: Any) -> list[Any]:
    _demand(isinstance(given, list) and len(given) <= _MOST, "a list of measurements is not a list, or is too long")
    return given


def _whole(given: Any) -> int:
    _demand(type(given) is int and 1 <= given <= 10**7, "a count in its measurements is not a whole number from 1 to 10 million")
    return given


def _text(given: Any) -> str:
    _demand(
        isinstance(given, str) and printable(given, 100) == given and given != "",
        "a name in its measurements is empty, too long or not printable",
    )
    return given


def _demand(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)
