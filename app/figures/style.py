"""What all charts share: how they behave, and how numbers get into them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Plotly's configuration for every chart: nothing is sent to a cloud service, no logo, and no tools in the way.
CONFIG = {
    "showSendToCloud": False,
    "displaylogo": False,
    "responsive": True,
    "displayModeBar": False,
    "scrollZoom": False,
    "doubleClick": False,
}
HOVER = "%{x:.1%} of the full cost<br>%{y:.2%} accuracy<extra>%{fullData.name}</extra>"


def short(values: Sequence[float] | NDArray[np.floating]) -> list[float]:
    """Python floats with the digits that a screen can show: a third of the bytes."""
    return np.round(np.asarray(values, np.float64), 5).tolist()
