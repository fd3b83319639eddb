"""The document that a browser loads first has our name and our styles, before anything is painted."""

from starlette.requests import Request

from app.index_page import ROUTES, STATIC
from tests.coroutines import run


def test_the_styles_come_with_the_document() -> None:
    (route,) = ROUTES
    response = run(route.endpoint(Request({"type": "http", "query_string": b"", "headers": []})))
    document = bytes(response.body).decode()
    head = document[: document.index("</head>")]
    assert "<title>Offramp</title>" in head and (STATIC / "page.css").read_text() in head
    assert 'src="./static/js/' in head  # all addresses stay relative, for a page below a path of a proxy
