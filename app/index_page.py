"""The document that a browser loads first: Streamlit's, with our name and styles in it.

Styles that come with the page's content come after the first paint, and move what has been painted.
"""

from functools import cache
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

STATIC = Path(__file__).parent / "static"
_HEADERS = {"Cache-Control": "no-cache"}


@cache
def index_html() -> str:
    document = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    styles = (STATIC / "page.css").read_text(encoding="utf-8")
    for ours, theirs in {"<title>Offramp</title>": "<title>Streamlit</title>", f"<style>\n{styles}</style>\n</head>": "</head>"}.items():
        if document.count(theirs) != 1:
            raise RuntimeError(f"Streamlit's index.html does not contain {theirs!r} once")
        document = document.replace(theirs, ours)
    return document


async def _index(_: Request) -> Response:
    return HTMLResponse(index_html(), headers=_HEADERS)


ROUTES = [Route("/", _index)]
