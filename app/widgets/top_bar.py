"""The bar at the top: the name, the views, and the link to what is shown. Its links work without the script too."""

from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from typing import Any
from urllib.parse import parse_qsl

import streamlit as st
from streamlit.components.v2 import component

from app import media
from app.address import VIEW
from app.widgets.loader import loader

_KEY = "top-bar"


def page_address() -> dict[str, str]:
    """The parameters of the page's address."""
    told = _told()
    # Streamlit itself goes on reporting the address that the page was opened with.
    return st.query_params.to_dict() if told is None else dict(parse_qsl(told, keep_blank_values=True))


def top_bar(titles: Mapping[str, str], logo: str) -> None:
    """titles: {view: title}, in the order of the bar, where a view is named as in the address: "" is the default one;  logo: our own SVG"""
    links = "".join(
        f'<a href="?{f"{VIEW}={view}" if view else ""}" data-view="{view}">{escape(title)}</a>' for view, title in titles.items()
    )
    _component(links, logo)(key=_KEY, data={"heard": _told()}, on_address_change=lambda: None)


def _told() -> str | None:
    """The address that the browser has told, or None if it is still the one that the page was opened with."""
    return (st.session_state.get(_KEY) or {}).get("address")


@cache
def _component(links: str, logo: str) -> Callable[..., Any]:
    html = f"""
<header class="offramp-topbar">
  <a class="offramp-logo" href="?" data-view="" aria-label="Offramp">{logo}</a>
  <nav aria-label="Views">{links}</nav>
  <button type="button" class="offramp-copy"><span>Copy</span><span class="offramp-wide"> link</span></button>
</header>
"""
    return component(
        "offramp_top_bar", html=html, css=media.styles("hosts/top_bar.css"), js=loader("hosts/top_bar.js"), isolate_styles=False
    )
