"""What counts as a visitor."""

from types import SimpleNamespace
from typing import Any

import pytest

from app import traffic
from tests.coroutines import run


def visit(type: str, path: str, messages: int = 0) -> list[float]:
    """When the last message came or went, before and after a request whose messages come at 1, 2, 3 ... s."""
    times: list[float] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(messages):
            await receive()
            await send({})
            times.append(visited.last)

    async def receive() -> dict[str, Any]:
        return {}

    async def send(message: Any) -> None: ...

    visited = traffic.Traffic(app, last=0.0)
    run(visited({"type": type, "path": path}, receive, send))
    return [*times, visited.last]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(1, 1000))
    monkeypatch.setattr(traffic, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))


@pytest.mark.parametrize("type", ["http", "websocket"])
def test_every_message_of_a_visitor_counts(type: str) -> None:
    assert visit(type, "/page", messages=2) == [3.0, 5.0, 5.0]


@pytest.mark.parametrize(
    ("type", "path"),
    [("lifespan", ""), ("http", "/_stcore/health"), ("http", "/below/a/proxy/_stcore/health"), ("http", "/offramp/version")],
)
def test_what_no_visitor_waits_for_does_not_count(type: str, path: str) -> None:
    assert visit(type, path, messages=2)[-1] == 0.0
