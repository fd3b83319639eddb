"""Requests to other names or from other pages are refused, and no request makes the server contact anything else."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Site, explore, running, still
from tests.thorough import variants

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
PATHS = ("/", "/_stcore/health", "/_stcore/host-config", "/offramp/web/x/core/dom.js", "/nowhere")


def get(url: str, path: str = "/_stcore/health", **headers: str) -> tuple[int, str]:
    """Status and text of the response. headers: `Host` is the name used for the server"""
    place = urlsplit(url)
    connection = HTTPConnection(place.hostname, place.port, timeout=60)
    try:
        connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": place.netloc, **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def knock(url: str, **headers: str) -> int:
    """Status of a websocket's handshake: 101 if it is accepted."""
    return get(url, "/_stcore/stream", **HANDSHAKE, **headers)[0]


@dataclass(frozen=True)
class Watched:
    """A dashboard that writes into `record` which names it looks up and which addresses it contacts."""

    url: str
    record: Path


@contextmanager
def serving(site: Site, record: Path, host: str, *options: str) -> Iterator[Watched]:
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment["OFFRAMP_DATA"] = str(site.bundles.parent)
    command = [sys.executable, "-m", "tests.browser.watched_server", str(record), "--host", host, "--port", "8590", "--no-browser"]
    with running([*command, *options], environment) as url:
        yield Watched(url, record)


@pytest.fixture(scope="module")
def network(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Served to the network, and under further names."""
    record = tmp_path_factory.mktemp("watched") / "record"
    with serving(site, record, "0.0.0.0", "--allow-host", "Lab.example", "--allow-host", "2001:db8::7") as watched:
        yield watched


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_the_servers_own_names_are_served(site: Site, name: str) -> None:
    host = f"{name}:{urlsplit(site.url).port}"
    assert get(site.url, Host=host) == (200, "ok")
    assert knock(site.url, Host=host) == knock(site.url, Host=host, Origin=f"http://{host}") == 101


@pytest.mark.parametrize(
    "host", ["evil.example:{port}", "evil.example", "127.0.0.1.evil.example:{port}", "localhost:1", "127.0.0.1", "192.0.2.7:{port}"]
)
def test_another_host_is_refused_in_one_sentence(site: Site, host: str) -> None:
    host = host.format(port=urlsplit(site.url).port)
    name = host.partition(":")[0]
    for path in PATHS:
        refusal = f"This server is not called “{host}”; open {site.url}, or start Offramp with --allow-host {name}."
        assert get(site.url, path, Host=host) == (421, refusal)
    assert knock(site.url, Host=host) == knock(site.url, Host=host, Origin=f"http://{host}") == 403


@pytest.mark.parametrize("host", ["", "a b", "user@localhost", "localhost:port", "[localhost]", "localhost/x", "localhost:8790:8790", "²"])
def test_a_malformed_host_is_refused(site: Site, host: str) -> None:
    sent = host.encode().decode("latin-1")
    assert get(site.url, Host=sent) == (421, f"This server is not called “{sent}”; open {site.url}.")
    assert knock(site.url, Host=sent) == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://evil.example:{port}", "http://localhost:3000", "https://127.0.0.1", "null", "file://"]
)
def test_another_page_is_refused_in_one_sentence(site: Site, origin: str) -> None:
    origin = origin.format(port=urlsplit(site.url).port)
    for path in PATHS:
        status, text = get(site.url, path, Origin=origin)
        assert status == 403 and text.startswith(f"This server does not serve pages of “{origin}”; open {site.url}")
    assert knock(site.url, Origin=origin) == 403


def test_served_to_the_network_it_has_the_computers_names(network: Watched) -> None:
    url, port = network.url, urlsplit(network.url).port
    assert get(url) == (200, "ok") and knock(url, Origin=url) == 101
    computer = socket.gethostname()
    for name in ("localhost", "127.0.0.1", computer, f"{computer.partition('.')[0]}.local"):
        assert get(url, Host=f"{name}:{port}") == (200, "ok"), name
    for name in ("evil.example", "0.0.0.0", "192.0.2.7"):
        assert get(url, Host=f"{name}:{port}")[0] == 421 and knock(url, Host=f"{name}:{port}") == 403, name


def test_further_names_are_served_at_any_port(network: Watched) -> None:
    url = network.url
    for host in ("lab.example", "LAB.example:443", "[2001:db8::7]:8000"):
        assert get(url, Host=host) == (200, "ok")
        assert knock(url, Host=host, Origin=f"https://{host}") == knock(url, Origin=f"https://{host}") == 101
    for host in ("other.example", "x.lab.example", "lab.example.evil.example"):
        assert get(url, Host=host)[0] == 421 and knock(url, Origin=f"http://{host}") == 403


@pytest.mark.parametrize("host", variants(["127.0.0.1", "0.0.0.0"], "0.0.0.0"))
def test_no_request_makes_the_server_contact_another(browser: Browser, site: Site, network: Watched, tmp_path: Path, host: str) -> None:
    """A whole page, refused hosts and origins, and an origin that is ours but not the host."""
    with nullcontext(network) if host == "0.0.0.0" else serving(site, tmp_path / "record", host) as watched:
        url, port = watched.url, urlsplit(watched.url).port
        context = still(browser)
        explore(context.new_page(), Site(url, site.bundles))
        context.close()
        for origin in ("http://evil.example", f"http://localhost:{port}", f"http://{socket.gethostname()}:{port}", "null"):
            knock(url, Origin=origin)
            get(url, Origin=origin)
            knock(url, Host="evil.example", Origin=origin)
        assert knock(url, Origin=url) == 101
        events = watched.record.read_text().splitlines()
    assert events, "nothing was recorded, not even the server's own address"
    # Connecting a datagram socket sends nothing: it finds the address of this computer in its network.
    allowed = {"socket.connect ('192.0.2.1', 9)", f"socket.getaddrinfo {host!r}"}
    assert [
        line for line in events if line not in allowed and not any(name in line for name in ("'127.0.0.1'", "'::1'", "'localhost'"))
    ] == []
