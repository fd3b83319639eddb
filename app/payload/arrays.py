"""Numbers for JSON."""

import numpy as np
from numpy.typing import NDArray

DIGITS = 8


def numbers(values: NDArray[np.floating]) -> list[float]:
    """With so many digits that the page, which rounds again, prints what rounding once would give."""
    return np.round(values, DIGITS).tolist()
