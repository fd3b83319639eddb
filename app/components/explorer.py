"""The live block: slider, front, exits, gallery and trace, painted in the browser from arrays worked out before.

The server hears of a change on release, never while the hand moves: dragging is as smooth with forty visitors as with one.
"""

from pathlib import Path
from typing import Any

import streamlit as st

from app import media
from app.state import View

_HERE = Path(__file__).parent
#: The script proper is a file the browser may keep; what Streamlit sends along only fetches it.
_LOADER = """
export default function (component) {
  const mounted = import(new URL(component.data.script, location.origin).href).then((script) => script.mount(component))
  return () => mounted.then((block) => block.leave())
}
"""

_component = st.components.v2.component(
    "offramp_explorer",
    html=(_HERE / "explorer.html").read_text(),
    css=(media.WEB / "explorer.css").read_text(),
    js=_LOADER,
    isolate_styles=False,  # Plotly puts its style sheet into the document and finds it nowhere else
)


def explorer(payload: dict[str, Any], start: View, key: str) -> dict[str, Any] | None:
    """Mount the block; returns where the visitor left it: {"step", "class", "show", "picked"}, or None before the first move.

    start: where it begins; later moves stay in the browser, so the same value must be passed on every run
    """
    begin = {"budget": start.budget, "class": start.shown_class, "show": start.show, "picked": start.picked}
    data = {"script": media.script_address("explorer.js"), "begin": begin, **payload}
    return _component(key=key, data=data, on_view_change=lambda: None).view
