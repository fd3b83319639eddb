"""Models of one log that are judged on different scales, such as 0 or 1 and percentages."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.display_text import listed
from engine.errors import UserError
from engine.importing.options import Options
from engine.importing.quality import TINY

#: A model whose best quality is this or more is on another scale than one whose best is at most 1.
OTHER_SCALE = 5.0


def check_one_scale(quality: NDArray[np.floating], names: Sequence[str], options: Options, remedy: str = "") -> None:
    """Raise UserError if some models are judged from 0 to 1 and others on a larger scale: one factor cannot be that of both.

    quality: (models, examples) as in the file, NaN where there is none;  remedy: what else the user may do, as the end of the sentence
    """
    best = np.fmax.reduce(quality.astype(np.float64), axis=1)
    low = np.flatnonzero((best > 0) & (best <= 1 + TINY))
    high = np.flatnonzero(best >= OTHER_SCALE)
    if options.clip or not len(low) or not len(high):
        return
    larger, smaller = (listed([names[k] for k in models.tolist()], 4) for models in (high, low))
    same = "" if options.scale == 1 else ", or add --clip if they are on one"
    raise UserError(
        f"The quality goes up to {best[high].max():.6g} for {larger}, but only to {best[low].max():.6g} for {smaller}; bring all models to"
        f" one scale before the import{same}{remedy}."
    )
