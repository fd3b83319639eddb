"""The live block of the explore view: slider, front, exits, gallery and trace, painted in the browser from precomputed arrays.

The server hears of another bundle, policy or unit and of nothing else: dragging is as smooth with forty visitors as with one.
"""

from typing import Any

from streamlit.components.v2 import component

from app import media
from app.widgets.loader import loader

_component = component(
    "offramp_explore",
    html='<div class="offramp-block"></div>',
    css=media.styles(*media.EXPLORE_STYLES),
    js=loader("hosts/streamlit.js"),
    isolate_styles=False,  # so that the styles of the page's root apply
)


def explore_block(explore: dict[str, Any] | None) -> None:
    """Mount the block. explore: see `app.explore_data`, or None if the sweep is not there yet: the browser then asks for it"""
    _component(key="explore", data={"explore": explore})
