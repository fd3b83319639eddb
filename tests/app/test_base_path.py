"""Requests below a path lose it, and all others are told where the page is. In a browser: tests/browser/test_sub_path.py."""

from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from app import serve
from app.base_path import BelowPath, base_path
from tests.coroutines import run


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"{scope['path']} {scope['raw_path'].decode()}")(scope, receive, send)


def asked(path: str, query: str = "", kind: str = "http") -> list[Message]:
    """What is sent in answer to a request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": kind, "method": "GET", "path": path, "raw_path": path.encode(), "headers": []}
    run(BelowPath(echo, "/demo/offramp")({**scope, "query_string": query.encode()}, receive, send))
    return sent


@pytest.mark.parametrize("path", ["/", "/offramp/data", "/demo/offramp/"])
def test_what_is_below_the_path_is_asked_for_without_it(path: str) -> None:
    _, body = asked(f"/demo/offramp{path}")
    assert body["body"] == f"{path} {path}".encode()


@pytest.mark.parametrize(("query", "location"), [("", b"offramp/"), ("bundle=tiny", b"offramp/?bundle=tiny")])
def test_the_path_leads_to_its_slash(query: str, location: bytes) -> None:
    start, _ = asked("/demo/offramp", query)
    assert start["status"] == 307 and dict(start["headers"])[b"location"] == location


@pytest.mark.parametrize("path", ["/", "/demo", "/demo/offramps", "/demo/offrampx/"])
def test_nothing_else_is_answered(path: str) -> None:
    start, body = asked(path)
    assert start["status"] == 404 and body["body"] == b"Offramp is at /demo/offramp/ on this server."
    assert [message["type"] for message in asked(path, kind="websocket")] == ["websocket.close"]


@pytest.mark.parametrize(
    ("text", "path"), [("", ""), ("/", ""), ("demo", "/demo"), ("/demo/offramp/", "/demo/offramp"), ("a-b_.~", "/a-b_.~")]
)
def test_the_usual_form(text: str, path: str) -> None:
    assert base_path(text) == path


@pytest.mark.parametrize("text", ["/demo//x", "/../x", "/a b", "https://lab.example/demo", "/a?b", "/é"])
def test_what_is_no_path_is_refused_in_a_sentence(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="is not a path such as"):
        base_path(text)
    assert serve.main(["--base-path", text, "--no-browser"]) == 2
    assert capsys.readouterr().err.startswith("--base-path: ")
