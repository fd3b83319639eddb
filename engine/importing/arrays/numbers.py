"""Checks of arrays with a number of each example or of each result: factors, features, and what is known before any stage runs."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.importing.checks import check_axes, check_finite, check_rows, first_place, in_words


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
