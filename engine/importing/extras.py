"""Checks of the other imported arrays: costs, splits, ids, images, factors and names. Errors as in `engine.importing.checks`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.errors import UserError
from engine.exit_values import mean_over_examples
from engine.importing.checks import check_axes, check_finite, check_rows, first_place, in_words, whole_numbers
from engine.importing.ids import numbered
from engine.importing.splits import known_split_names
from engine.outputs import CascadeKind
from engine.splits import BUNDLE_SPLITS, Split

#: Largest side of an image, in pixels. They are only shown as thumbnails.
MOST_PIXELS = 512
_UNIT = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, eq=False)
class GivenCost:
    """The costs in one unit. name: of the array;  total: whether they are what leaving at an exit costs, not each stage alone"""

    name: str
    array: NDArray[np.float64]
    total: bool


def given_costs(
    arrays: Mapping[str, NDArray], exits: int, examples: int, family: bool, ignored: Sequence[str] = (), gaps: bool = False
) -> dict[str, GivenCost]:
    """The costs, {unit: (exits,) or (exits, examples)}, from arrays named cost, stage_cost, cost_UNIT or stage_cost_UNIT.

    ignored: names in the file that are not known here
    gaps:    whether NaN is allowed where the cost depends on the example
    """
    costs: dict[str, GivenCost] = {}
    for name in sorted(arrays):
        if name not in ("cost", "stage_cost") and not name.startswith(("cost_", "stage_cost_")):
            continue
        total = not name.startswith("stage_cost")
        unit = unit_of(name)
        if not _UNIT.fullmatch(unit):
            raise UserError(f"{name} does not end in a unit; use lower-case letters, digits and underscores, as in cost_latency_ms.")
        if unit in costs:
            raise UserError(f"{costs[unit].name} and {name} give costs in the same unit; leave one of them out.")
        cost = arrays[name]
        if cost.shape not in ((exits,), (exits, examples)):
            expected = f"({exits},) or ({exits}, {examples})"
            raise UserError(f"{name} has shape {cost.shape} but must be {expected}; give one number per exit, or one per exit and example.")
        if not gaps or cost.ndim == 1 or cost.dtype.kind not in "biuf":
            check_finite(name, cost, axis="exit")
        if total and family:
            raise UserError(f"{name} is cumulative, but these are separate networks; give the cost of each alone as stage_{name}.")
        costs[unit] = GivenCost(name, cost.astype(np.float64), total)
    if not costs:
        present = ", ".join([*ignored, *arrays][:10])  # unknown names first: one may be misspelt
        raise UserError(
            f"There is no cost array, only {present};"
            " add cost (exits,), the total cost of leaving at each exit, or stage_cost (exits,), the cost of each stage alone."
        )
    return costs


def unit_of(name: str) -> str:
    """The unit of an array of costs by its name: latency_ms for stage_cost_latency_ms, cost for one that names none."""
    return name.removeprefix("stage_").removeprefix("cost").removeprefix("_") or "cost"


def check_costs(
    arrays: Mapping[str, NDArray], exits: int, examples: int, family: bool, ignored: Sequence[str] = ()
) -> dict[str, NDArray[np.float64]]:
    """The cost of each stage alone, {unit: (exits,) or (exits, examples)}; arguments as for `given_costs`."""
    return {
        unit: check_stage_cost(given, stage_differences(given.name, given.array) if given.total else given.array, family)
        for unit, given in given_costs(arrays, exits, examples, family, ignored).items()
    }


def check_stage_cost(given: GivenCost, stage: NDArray[np.float64], family: bool) -> NDArray[np.float64]:
    """stage: the cost of each stage alone, (exits,) or (exits, examples)"""
    # Costs are added, multiplied and divided: these limits keep the results away from infinity. Free is a price.
    if at := first_place(~((stage == 0) | (stage > 1e-30) & (stage < 1e30))):
        raise UserError(f"{given.name} is {given.array[at]:.6g} at {in_words(at, 'exit')}; a stage costs 0 or more and less than 1e30.")
    mean = mean_over_examples(stage)
    if not (mean[-1] if family else mean.sum()) > 0:
        raise UserError(f"{given.name} is 0 for the full network, of which budgets are shares; give the costs in another unit.")
    if family and mean.max() > mean[-1]:
        above = f"{mean.max():.6g} at network {mean.argmax() + 1} but only {mean[-1]:.6g} at the last"
        raise UserError(f"{given.name} is {above}, which must be the largest; order the networks from small to large.")
    return stage


def check_split(split: NDArray, examples: int, place: Callable[[tuple[int, ...]], str] = in_words) -> NDArray[np.str_]:
    """(examples,): fit, calibration or test, as text or as 0, 1 or 2. Names of validation sets count as calibration.

    place: the index of an example in words
    """
    split = split_names(split, examples, place)
    for part, then in ((Split.CALIBRATION, ": `route --split all` routes every row by a saved policy"), (Split.TEST, "")):
        if part not in split:
            raise UserError(f"split has no {part} rows; mark some, or leave out split to have one drawn at random{then}.")
    return split


def split_names(split: NDArray, examples: int, place: Callable[[tuple[int, ...]], str] = in_words) -> NDArray[np.str_]:
    """The same for a part of the examples, in which a split may be missing."""
    check_rows("split", split, examples)
    names = np.array([str(part) for part in BUNDLE_SPLITS])
    if split.dtype.kind == "U":
        split = known_split_names(split)
    else:
        codes = whole_numbers("split", split)
        if at := first_place((codes < 0) | (codes >= len(names))):
            raise UserError(f"split contains {codes[at]} at {place(at)}; use 0 for fit, 1 for calibration and 2 for test.")
        split = names[codes]
    if at := first_place(~np.isin(split, names)):
        remedy = "leave out the training examples" if split[at] == Split.TRAIN else "use fit, calibration or test"
        raise UserError(f"split contains {printable(str(split[at]))!r} at {place(at)}; {remedy}.")
    return split


def check_ids(ids: NDArray, examples: int) -> tuple[NDArray[np.int64], list[str] | None]:
    """(examples,) whole numbers or text, all different, and the text."""
    check_rows("ids", ids, examples)
    if ids.dtype.kind == "U":
        distinct, first = np.unique(ids, return_index=True)
        if len(distinct) < examples:
            second = int(np.flatnonzero(~np.isin(np.arange(examples), first))[0])
            pair = f"rows {int((ids == ids[second]).argmax())} and {second}"
            raise UserError(f"ids contains {printable(str(ids[second]))!r} at {pair}; give every example its own id.")
        return numbered(ids.tolist(), "ids")
    ids = whole_numbers("ids", ids)
    order = np.argsort(ids, kind="stable")
    twice = np.flatnonzero(np.diff(ids[order]) == 0)
    if len(twice):
        first, second = order[twice[0]], order[twice[0] + 1]
        raise UserError(f"ids contains {ids[first]} at rows {first} and {second}; give every example its own id.")
    return ids, None


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


def numbers_of_examples(arrays: Mapping[str, NDArray], prefix: str, examples: int) -> dict[str, NDArray[np.float32]]:
    """{name without its prefix: (examples,)} of the arrays with a prefix such as `factor_`."""
    named = {name: array for name, array in arrays.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): check_factor(name, array, examples) for name, array in named.items()}


def numbers_of_exits(arrays: Mapping[str, NDArray], exits: int, examples: int, gaps: bool = False) -> dict[str, NDArray[np.float64]]:
    """{NAME: (exits, examples)} of the arrays named feature_NAME. gaps: whether NaN is allowed"""
    made = {}
    for name, array in arrays.items():
        if name.startswith("feature_"):
            check_axes(name, array, {"exits": exits, "examples": examples})
            if not gaps or array.dtype.kind not in "biuf":
                check_finite(name, array)
            made[name.removeprefix("feature_")] = array.astype(np.float64)
    return made


def check_topology(arrays: Mapping[str, NDArray], notes: list[str]) -> CascadeKind:
    """Whether these are the exits of one network or separate models. A guess is noted."""
    if "topology" not in arrays:
        notes.append("Read as the exits of one network; if these are separate networks, add --topology family.")
        return CascadeKind.CHAIN
    recorded = printable(str(arrays["topology"].reshape(-1)[0])) if arrays["topology"].size else ""
    if recorded not in list(CascadeKind):
        raise UserError(f"topology is {recorded!r}; use 'chain' for the exits of one network or 'family' for separate networks.")
    return CascadeKind(recorded)


def check_names(name: str, names: NDArray, defaults: list[str]) -> tuple[str, ...]:
    """The names, cleaned, one for each default. A default replaces a name of which nothing is left."""
    if names.shape != (len(defaults),) or names.dtype.kind != "U":
        actual = f"shape {names.shape} and dtype {printable(str(names.dtype))}"
        raise UserError(f"{name} has {actual}; give {len(defaults)} names as an array of strings, such as numpy.array(list_of_names).")
    return tuple(printable(str(text)) or default for text, default in zip(names, defaults, strict=True))


def stage_differences(name: str, cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cost of each stage alone, from cumulative costs, (exits,) or (exits, examples)."""
    stage = np.diff(cost, axis=0, prepend=0.0)
    # For single examples a stage may be free.
    falls = stage[1:] <= 0 if cost.ndim == 1 else (stage[1:] < 0) | (stage[1:] <= 0).all(axis=1, keepdims=True)
    if (at := first_place(falls)) is not None:
        exit, *example = at
        row = f", row {example[0]}" if example else ""
        pair = f"{cost[at]:.6g} at exit {exit + 1}{row}, {cost[exit + 1, *example]:.6g} at exit {exit + 2}{row}"
        remedy = f"give cumulative costs, or rename it to stage_{name} if each number is the cost of one stage"
        raise UserError(f"{name} does not increase ({pair}); {remedy}.")
    return stage
