"""The live block of the explore view: slider, front, exits, gallery and trace, painted in the browser from precomputed arrays.

The server hears of another bundle, policy or unit and of nothing else: dragging is as smooth with forty visitors as with one.
"""

from dataclasses import asdict, dataclass
from typing import Any

from streamlit.components.v2 import component

from app import media
from app.widgets.loader import loader

_component = component(
    "offramp_explore",
    html='<div class="offramp-block"></div>',
    css=media.styles("blocks/explore.css", "parts/front.css"),
    js=loader("hosts/streamlit.js"),
    isolate_styles=False,  # so that the styles of the page's root apply
)


@dataclass(frozen=True)
class Jump:
    """A budget that the page has computed and the block should show. number: counts up, so that each is followed once"""

    number: int
    policy: str
    budget: float


def explore_block(explore: dict[str, Any] | None, jump: Jump | None) -> None:
    """Mount the block. explore: see `app.explore_data`, or None if the sweep is not there yet: the browser then asks for it"""
    data = {"explore": explore, "jump": asdict(jump) if jump else None}
    _component(key="explore", data=data)
