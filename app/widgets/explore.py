"""The live block of the explore view: slider, front, exits, gallery and trace, painted in the browser from precomputed arrays.

The server hears of a move on release and not before: dragging is as smooth with forty visitors as with one.
"""

from typing import Any

from streamlit.components.v2 import component

from app import media
from app.state import ViewState

#: Streamlit sends this with the component; the scripts proper are files that the browser may cache.
_LOADER = """
// Streamlit's own scripts are in static/js below the page's root.
const root = new URL("../../", document.querySelector('script[src*="static/js/"]').src)
export default function (component) {
  const mounted = import(new URL(component.data.host, root).href).then((host) => host.mount(component, root))
  return () => mounted.then((unmount) => unmount())
}
"""

_component = component(
    "offramp_explore",
    html=(media.WEB / "blocks" / "explore.html").read_text(),
    css=(media.WEB / "blocks" / "explore.css").read_text(),
    js=_LOADER,
    isolate_styles=False,  # Plotly puts its style sheet into the document, where a shadow root does not see it
)


def explore_block(payload: dict[str, Any], start: ViewState, key: str) -> ViewState | None:
    """Mount the block. Returns where the visitor left it, or None before the first move.

    start: where it begins; later moves stay in the browser, so the same value must be passed on every run
    """
    begin = {"budget": start.budget, "class": start.shown_class, "show": start.show, "picked": start.picked}
    data = {"host": media.web_address("hosts/streamlit.js"), "block": "explore", "begin": begin, **payload}
    view = _component(key=key, data=data, on_view_change=lambda: None).view
    return ViewState(view["budget"], view["class"], view["show"], view["picked"]) if view else None
