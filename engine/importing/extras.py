"""Checks of the other imported arrays: costs, splits, ids, images, factors and names. Errors as in `engine.importing.checks`."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.checks import check_finite, check_rows, first_place, in_words, whole_numbers
from engine.splits import BUNDLE_SPLITS, Split

#: Largest side of an image, in pixels. They are only shown as thumbnails.
MOST_PIXELS = 512
_UNIT = re.compile(r"[a-z][a-z0-9_]{0,31}")


def check_costs(arrays: Mapping[str, NDArray], exits: int, family: bool, ignored: Sequence[str] = ()) -> dict[str, NDArray[np.float64]]:
    """The cost of each stage alone, {unit: (exits,)}, from arrays named cost, stage_cost, cost_UNIT or stage_cost_UNIT.

    ignored: names in the file that are not known here
    """
    costs: dict[str, NDArray[np.float64]] = {}
    sources: dict[str, str] = {}  # {unit: name of its array}
    for name in sorted(arrays):
        if name not in ("cost", "stage_cost") and not name.startswith(("cost_", "stage_cost_")):
            continue
        cumulative = not name.startswith("stage_cost")
        unit = name.removeprefix("stage_").removeprefix("cost").removeprefix("_") or "cost"
        if not _UNIT.fullmatch(unit):
            raise UserError(f"{name} does not end in a unit; use lower-case letters, digits and underscores, as in cost_latency_ms.")
        if unit in costs:
            raise UserError(f"{sources[unit]} and {name} give costs in the same unit; leave one of them out.")
        cost = arrays[name]
        if cost.shape != (exits,):
            raise UserError(f"{name} has shape {cost.shape} but must be ({exits},); give one number per exit.")
        check_finite(name, cost, axis="exit")
        if cumulative and family:
            raise UserError(f"{name} is cumulative, but these are separate networks; give the cost of each alone as stage_{name}.")
        stage = _differences(name, cost.astype(np.float64)) if cumulative else cost.astype(np.float64)
        # Costs are added, multiplied and divided: these limits keep the results away from 0 and infinity.
        if at := first_place(~((stage > 1e-30) & (stage < 1e30))):
            raise UserError(f"{name} is {cost[at]:.6g} at exit {at[0]}; every stage must cost more than 0 and less than 1e30.")
        if family and stage.max() > stage[-1]:
            above = f"{stage.max():.6g} at network {stage.argmax()} but only {stage[-1]:.6g} at the last"
            raise UserError(f"{name} is {above}, which must be the largest; order the networks from small to large.")
        costs[unit], sources[unit] = stage, name
    if not costs:
        present = ", ".join([*ignored, *arrays][:10])  # unknown names first: one may be misspelt
        raise UserError(
            f"There is no cost array, only {present};"
            " add cost (exits,), the total cost of leaving at each exit, or stage_cost (exits,), the cost of each stage alone."
        )
    return costs


def check_split(split: NDArray, examples: int) -> NDArray[np.str_]:
    """(examples,): fit, calibration or test, as text or as 0, 1 or 2."""
    check_rows("split", split, examples)
    names = np.array([str(part) for part in BUNDLE_SPLITS])
    if split.dtype.kind != "U":
        codes = whole_numbers("split", split)
        if at := first_place((codes < 0) | (codes >= len(names))):
            raise UserError(f"split contains {codes[at]} at {in_words(at)}; use 0 for fit, 1 for calibration and 2 for test.")
        split = names[codes]
    if at := first_place(~np.isin(split, names)):
        remedy = "leave out the training examples" if split[at] == Split.TRAIN else "use fit, calibration or test"
        raise UserError(f"split contains {printable(str(split[at]))!r} at {in_words(at)}; {remedy}.")
    for part in (Split.CALIBRATION, Split.TEST):
        if part not in split:
            raise UserError(f"split has no {part} rows; mark some, or leave out split to have one drawn at random.")
    return split


def check_ids(ids: NDArray, examples: int) -> NDArray[np.int64]:
    """(examples,) whole numbers, all different."""
    check_rows("ids", ids, examples)
    ids = whole_numbers("ids", ids)
    order = np.argsort(ids, kind="stable")
    twice = np.flatnonzero(np.diff(ids[order]) == 0)
    if len(twice):
        first, second = order[twice[0]], order[twice[0] + 1]
        raise UserError(f"ids contains {ids[first]} at rows {first} and {second}; give every example its own id.")
    return ids


def check_images(images: NDArray, examples: int) -> None:
    """(examples, height, width, 3) uint8."""
    shape = images.shape
    if len(shape) == 4 and shape[1] == 3 and shape[3] != 3:
        remedy = "use images.transpose(0, 2, 3, 1)"
    elif len(shape) == 3 or (len(shape) == 4 and shape[3] == 1):
        remedy = "for greyscale images use images.reshape(*images.shape[:3], 1).repeat(3, axis=3)"
    elif len(shape) == 4 and shape[3] == 4:
        remedy = "use images[..., :3]"
    else:
        remedy = "put the red, green and blue channels last"
    if len(shape) != 4 or shape[3] != 3:
        raise UserError(f"images has shape {shape} but must be (examples, height, width, 3); {remedy}.")
    if shape[0] != examples:
        raise UserError(f"images has {shape[0]:,} examples but labels has {examples:,}; give one image per example.")
    if images.dtype != np.uint8:
        remedy = "for values between 0 and 1 use (images * 255).round().astype('uint8')"
        raise UserError(f"images has dtype {images.dtype} but must be uint8; {remedy}.")
    if not 1 <= min(shape[1:3]) <= max(shape[1:3]) <= MOST_PIXELS:
        raise UserError(f"images are {shape[1]} by {shape[2]} pixels; resize them to between 1 and {MOST_PIXELS} pixels per side.")


def check_factor(name: str, values: NDArray, examples: int) -> NDArray[np.float32]:
    """(examples,) finite numbers."""
    check_rows(name, values, examples)
    check_finite(name, values)
    if at := first_place(np.abs(values.astype(np.float64)) > np.finfo(np.float32).max):
        raise UserError(f"{name} contains {values[at]} at {in_words(at)}, which overflows float32; give smaller numbers.")
    return values.astype(np.float32)


def check_names(name: str, names: NDArray, defaults: list[str]) -> tuple[str, ...]:
    """The names, cleaned, one for each default. A default replaces a name of which nothing is left."""
    if names.shape != (len(defaults),) or names.dtype.kind != "U":
        actual = f"shape {names.shape} and dtype {printable(str(names.dtype))}"
        raise UserError(f"{name} has {actual}; give {len(defaults)} names as an array of strings, such as numpy.array(list_of_names).")
    return tuple(printable(str(text)) or default for text, default in zip(names, defaults, strict=True))


def _differences(name: str, cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cost of each stage alone, (exits,), from cumulative costs."""
    stage = np.diff(cost, prepend=0.0)
    if at := first_place(stage[1:] <= 0):
        pair = f"{cost[at]:.6g} at exit {at[0]}, {cost[at[0] + 1]:.6g} at exit {at[0] + 1}"
        remedy = f"give cumulative costs, or rename it to stage_{name} if each number is the cost of one stage"
        raise UserError(f"{name} does not increase ({pair}); {remedy}.")
    return stage
