"""The rest of other people's arrays: costs, splits, ids, pictures, factors and names. Refusals as in `engine.importing.checks`."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.checks import check_finite, check_rows, first_place, in_words, whole_numbers
from engine.splits import BUNDLE_SPLITS, Split

#: Pictures are shown as thumbnails; a side may have so many pixels.
MOST_PIXELS = 512
_UNIT = re.compile(r"[a-z][a-z0-9_]{0,31}")


def check_costs(arrays: Mapping[str, NDArray], exits: int, family: bool, ignored: Sequence[str] = ()) -> dict[str, NDArray[np.float64]]:
    """Costs of each stage alone, {unit: (exits,)}, from arrays named cost, stage_cost, cost_UNIT or stage_cost_UNIT.

    ignored: names of arrays that are of no use
    """
    found: dict[str, NDArray[np.float64]] = {}
    for name in sorted(arrays):
        if name not in ("cost", "stage_cost") and not name.startswith(("cost_", "stage_cost_")):
            continue
        cumulative = not name.startswith("stage_cost")
        unit = name.removeprefix("stage_").removeprefix("cost").removeprefix("_") or "cost"
        if not _UNIT.fullmatch(unit):
            raise UserError(f"{name} names no unit; use lower-case letters, digits and underscores, as in cost_latency_ms.")
        if unit in found:
            raise UserError(f"There are both cost and stage_cost in the unit {unit}; leave one of the two out.")
        cost = arrays[name]
        if cost.shape != (exits,):
            raise UserError(f"{name} has shape {cost.shape}, and there are {exits} exits; give one number for each, ({exits},).")
        check_finite(name, cost)
        if cumulative and family:
            raise UserError(f"{name} adds up along a chain, and these are separate networks; give what each costs alone as stage_{name}.")
        stage = _differences(name, cost.astype(np.float64)) if cumulative else cost.astype(np.float64)
        # Far within what can be added, multiplied and divided without ending at 0 or infinity.
        if at := first_place(~((stage > 1e-30) & (stage < 1e30))):
            raise UserError(f"{name} is {cost[at]:.6g} at exit {at[0]}; every stage costs something, so give numbers above 0, below 1e30.")
        if family and stage.max() > stage[-1]:
            above = f"{stage.max():.6g} at exit {stage.argmax()}, and {stage[-1]:.6g} at the last"
            raise UserError(f"{name} is {above}, which is the full network; list the networks from small to large.")
        found[unit] = stage
    if not found:
        there = ", ".join([*ignored, *arrays][:10])  # the ignored first: one may be meant, misspelt
        raise UserError(
            f"There is no cost, only {there};"
            " give cost (exits,), what leaving at each exit costs in all, or stage_cost, that of each stage."
        )
    return found


def check_split(split: NDArray, examples: int) -> NDArray[np.str_]:
    """(examples,) of fit, calibration and test, by name or as 0, 1 and 2."""
    check_rows("split", split, examples)
    names = np.array([str(part) for part in BUNDLE_SPLITS])
    if split.dtype.kind != "U":
        codes = whole_numbers("split", split)
        if at := first_place((codes < 0) | (codes >= len(names))):
            raise UserError(f"split has {codes[at]} in {in_words(at)}; use 0 for fit, 1 for calibration and 2 for test.")
        split = names[codes]
    if at := first_place(~np.isin(split, names)):
        remedy = "leave out what the network was trained on" if split[at] == Split.TRAIN else f"use {', '.join(names)}"
        raise UserError(f"split has {printable(str(split[at]))!r} in {in_words(at)}; {remedy}.")
    for part in (Split.CALIBRATION, Split.TEST):
        if part not in split:
            raise UserError(f"split has no {part} row; name some so, or leave split out to have one drawn.")
    return split


def check_ids(ids: NDArray, examples: int) -> NDArray[np.int64]:
    """(examples,) whole numbers, no two the same."""
    check_rows("ids", ids, examples)
    ids = whole_numbers("ids", ids)
    order = np.argsort(ids, kind="stable")
    twice = np.flatnonzero(np.diff(ids[order]) == 0)
    if len(twice):
        first, second = order[twice[0]], order[twice[0] + 1]
        raise UserError(f"ids has {ids[first]} in row {first} and again in row {second}; give every example an id of its own.")
    return ids


def check_images(images: NDArray, examples: int) -> None:
    """(examples, height, width, 3) uint8."""
    shape = images.shape
    if len(shape) == 4 and shape[1] == 3 and shape[3] != 3:
        remedy = "use images.transpose(0, 2, 3, 1)"
    elif len(shape) == 3 or (len(shape) == 4 and shape[3] == 1):
        remedy = "for grey pictures use images.reshape(*images.shape[:3], 1).repeat(3, axis=3)"
    elif len(shape) == 4 and shape[3] == 4:
        remedy = "use images[..., :3]"
    else:
        remedy = "give red, green and blue last"
    if len(shape) != 4 or shape[3] != 3:
        raise UserError(f"images has shape {shape}, expected (examples, height, width, 3); {remedy}.")
    if shape[0] != examples:
        raise UserError(f"images has {shape[0]:,} pictures and labels has {examples:,} rows; give one for each.")
    if images.dtype != np.uint8:
        remedy = "use (images * 255).round().astype('uint8') if they lie between 0 and 1"
        raise UserError(f"images is of type {images.dtype}, expected uint8; {remedy}.")
    if not 1 <= min(shape[1:3]) <= max(shape[1:3]) <= MOST_PIXELS:
        raise UserError(f"images are {shape[1]} by {shape[2]} pixels; make them at most {MOST_PIXELS} on a side.")


def check_factor(name: str, values: NDArray, examples: int) -> NDArray[np.float32]:
    """(examples,) finite numbers."""
    check_rows(name, values, examples)
    check_finite(name, values)
    if at := first_place(np.abs(values.astype(np.float64)) > np.finfo(np.float32).max):
        raise UserError(f"{name} has {values[at]} in {in_words(at)}, more than float32 holds; give smaller numbers, such as shares.")
    return values.astype(np.float32)


def check_names(name: str, names: NDArray, otherwise: list[str]) -> tuple[str, ...]:
    """As many texts as there are in `otherwise`, cleaned; where nothing is left of one, the other is taken."""
    if names.shape != (len(otherwise),) or names.dtype.kind != "U":
        held = f"shape {names.shape} and type {printable(str(names.dtype))}"
        raise UserError(f"{name} has {held}; give {len(otherwise)} names, as numpy.array([...]) makes them.")
    return tuple(printable(str(text)) or default for text, default in zip(names, otherwise, strict=True))


def _differences(name: str, cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each stage adds to a cumulative cost, (exits,)."""
    stage = np.diff(cost, prepend=0.0)
    if at := first_place(stage[1:] <= 0):
        fall = f"{cost[at[0] + 1]:.6g} at exit {at[0] + 1} after {cost[at]:.6g} at exit {at[0]}"
        raise UserError(f"{name} does not rise ({fall}); make it cumulative, or name it stage_{name} if each number is of one stage alone.")
    return stage
