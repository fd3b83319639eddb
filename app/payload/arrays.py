"""Numbers for JSON."""

import numpy as np
from numpy.typing import NDArray


def numbers(values: NDArray[np.floating]) -> list[float]:
    """With five digits, more than the page shows."""
    return np.round(values, 5).tolist()
