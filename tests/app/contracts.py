"""What every view and every chart must do. Also for views and charts that are not ours: import the file, then run its contract."""

import base64
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from streamlit.testing.v1 import AppTest

from app.address import ADDRESS
from app.figures.registry import Chart
from app.shown import Shown
from app.views.registry import VIEWS, View

#: Elements of AppTest whose value is text.
TEXTS = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "code", "text")


def check_view(view: View, data: Path, **query: str) -> AppTest:
    """A registered view draws over a data folder, which may be empty or damaged: no exception, one title, and something to read.

    query: parameters of the address
    """
    assert VIEWS[view.url_path] is view, "a view is drawn from the registry"
    page = AppTest.from_string(f"from app.views.registry import VIEWS\nVIEWS[{view.url_path!r}].show()", default_timeout=100)
    page.session_state[ADDRESS] = query
    with patch.dict(os.environ, {"OFFRAMP_DATA": str(data)}):
        page.run()
    assert not page.exception, page.exception
    assert [title.value.strip() != "" for title in page.title] == [True], f"one title, not {[title.value for title in page.title]}"
    texts = [element.value for kind in TEXTS for element in page.get(kind)]
    blocks = page.get("bidi_component")
    assert len(texts) + len(blocks) > 1, "a view says something besides its title, or mounts a block that does"
    assert not any("Traceback" in text for text in texts)
    return page


def check_chart(chart: Chart, shown: Shown) -> None:
    """A registered chart is pure, and its figure, description and table are whole at the first, a middle and the last budget."""
    last = len(shown.sweep.budgets) - 1
    for step in (0, last // 2, last):
        figure = chart.figure(shown, step)
        assert figure.to_json() == chart.figure(shown, step).to_json(), "the same input gives the same figure"
        json.dumps(json.loads(figure.to_json() or ""), allow_nan=False)
        assert all(map(math.isfinite, _numbers(figure.to_plotly_json()))), "no NaN and no infinity"
        alt = chart.alt(shown, step)
        assert alt.strip().endswith(".") and "nan" not in alt.lower().split(), alt
        table = chart.table(shown, step)
        lengths = {len(values) for values in table.columns.values()}
        assert len(lengths) == 1 and lengths != {0}, "columns of one length, with at least one row"
        assert table.formats.keys() <= table.columns.keys()
        numbers = [value for values in table.columns.values() for value in values if not isinstance(value, str)]
        assert numbers and all(map(math.isfinite, numbers))


def _numbers(node: Any) -> Iterator[float]:
    """Every number in a figure as Plotly keeps it, arrays in base64 included."""
    if isinstance(node, dict) and node.keys() >= {"dtype", "bdata"}:
        yield from np.frombuffer(base64.b64decode(node["bdata"]), node["dtype"]).tolist()
    elif isinstance(node, dict):
        for value in node.values():
            yield from _numbers(value)
    elif isinstance(node, list | tuple | np.ndarray):
        for value in node:
            yield from _numbers(value)
    elif isinstance(node, int | float | np.number):
        yield float(node)
