"""The addresses of resources and images lead to them, whatever a bundle's folder is called."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from starlette.applications import Starlette

from app import media, resources, store
from tests.app.samples import write_sample
from tests.coroutines import run

PAGE = "http://localhost:8501/"
SERVED = Starlette(routes=[*resources.ROUTES, *media.ROUTES])


async def status(address: str) -> int:
    """Of the response to a page that fetches an address, as a browser resolves it and a server decodes it."""
    place = urlsplit(urljoin(PAGE, address))
    path, query = unquote(place.path), place.query.encode()
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": [], "root_path": ""}
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await SERVED(scope, receive, send)
    return messages[0]["status"]


@pytest.mark.parametrize("name", ["tiny", "copy #2", "100%", "a%2fb", "a%23b", "a&b=c", "ü"])
def test_a_bundle_in_a_folder_of_any_name_is_served(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    folder = write_sample(tmp_path, examples=90, exits=3)
    folder.rename(folder.with_name(name))
    entry = store.entry(name)
    assert entry is not None
    sweep = resources.sweep_address(entry, "maxprob", "macs")
    addresses = [resources.bundle_address(entry), sweep, f"{sweep}/predictions?row=0", f"{media.images_address(entry)}?rows=0"]
    for address in addresses:
        assert run(status(address)) == 200, address
