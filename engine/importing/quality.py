"""Qualities are in [0, 1]: how others are scaled, cut or refused."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.importing.options import Options

#: What a rounding error may be above 1 or below 0. It is cut without a word.
TINY = 1e-9


def in_range(
    quality: NDArray[np.floating], options: Options, name: str, place: Callable[[tuple[int, ...]], str], notes: list[str], remedy: str = ""
) -> NDArray[np.float64]:
    """The qualities, scaled, in [0, 1]; NaN stays. Raises UserError if any is outside and they are not to be cut.

    name:   of the column or array;  place: an index in words
    remedy: what else the user may do, as the end of the sentence
    """
    scaled = quality.astype(np.float64) * options.scale
    with np.errstate(invalid="ignore"):
        outside = (scaled < -TINY) | (scaled > 1 + TINY)
    if outside.any() and not options.clip:
        at = tuple(int(i) for i in np.unravel_index(outside.argmax(), outside.shape))
        more = int(outside.sum()) - 1
        others = f" and {more:,} more" if more else ""
        raise UserError(
            f"{name} is {scaled[at]:.6g} in {place(at)}{others}, but a quality is from 0 to 1; {_remedy(scaled, options)}{remedy}."
        )
    if outside.any():
        notes.append(f"{int(outside.sum()):,} of {int((~np.isnan(scaled)).sum()):,} qualities were outside [0, 1] and are cut (--clip).")
    return np.clip(scaled, 0.0, 1.0)


def _remedy(scaled: NDArray[np.float64], options: Options) -> str:
    most, least = float(np.nanmax(scaled)), float(np.nanmin(scaled))
    if most <= 1.5:
        return "add --clip to cut such values"
    if least < 0:
        return "bring the values to [0, 1] before the import, or add --clip to cut them"
    best = 100.0 if 10 < most <= 100 else most  # percentages
    return f"add --scale {options.scale / best:.6g} if {best / options.scale:.6g} is the best value, or --clip to cut them"
