"""The live block: slider, front, exits, gallery and trace, painted in the browser from arrays worked out before.

The server hears of a change on release, never while the hand moves: dragging is as smooth with forty visitors as with one.
"""

from typing import Any

import streamlit as st

from app import media
from app.state import View

#: The scripts proper are files the browser may keep; what Streamlit sends along only fetches them.
_LOADER = """
export default function (component) {
  const mounted = import(new URL(component.data.host, location.origin).href).then((host) => host.mount(component))
  return () => mounted.then((leave) => leave())
}
"""

_component = st.components.v2.component(
    "offramp_explore",
    html=(media.WEB / "blocks" / "explore.html").read_text(),
    css=(media.WEB / "blocks" / "explore.css").read_text(),
    js=_LOADER,
    isolate_styles=False,  # Plotly puts its style sheet into the document and finds it nowhere else
)


def explorer(payload: dict[str, Any], start: View, key: str) -> dict[str, Any] | None:
    """Mount the block; returns where the visitor left it: {"step", "class", "show", "picked"}, or None before the first move.

    start: where it begins; later moves stay in the browser, so the same value must be passed on every run
    """
    begin = {"budget": start.budget, "class": start.shown_class, "show": start.show, "picked": start.picked}
    data = {"host": media.web_address("hosts/streamlit.js"), "block": "explore", "begin": begin, **payload}
    return _component(key=key, data=data, on_view_change=lambda: None).view
