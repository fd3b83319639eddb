"""What all charts share: how they behave, and how numbers get into them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.wording import Words

#: Plotly's configuration for every chart: nothing is sent to a cloud service, no logo, and no tools in the way.
CONFIG = {
    "showSendToCloud": False,
    "displaylogo": False,
    "responsive": True,
    "displayModeBar": False,
    "scrollZoom": False,
    "doubleClick": False,
}


def hover(words: Words) -> str:
    """Plotly's template of what is said about a point."""
    digits = ".4f" if words.graded else ".2%"
    return f"%{{x:.1%}} of the full cost<br>%{{y:{digits}}} {words.measure}<extra>%{{fullData.name}}</extra>"


def tick_format(words: Words) -> str:
    """Of the axis of results."""
    return ".2f" if words.graded else ".0%"


def short(values: Sequence[float] | NDArray[np.floating]) -> list[float]:
    """Python floats with the digits that a screen can show: a third of the bytes."""
    return np.round(np.asarray(values, np.float64), 5).tolist()
