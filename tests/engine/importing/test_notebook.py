"""One call from a notebook writes a bundle and opens the page on it, at a server that runs already or at a new one."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

import engine
from app.data_route import ROUTES
from engine.errors import UserError
from engine.importing import notebook
from engine.importing.templates import LOG_TEMPLATES, write_template
from engine.paths import data_digest
from tests.coroutines import run

Seen = list[str]


class PageStub(http.server.BaseHTTPRequestHandler):
    """Answers every request with a digest, as a server of the page would."""

    digest = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.digest.encode() if self.path == "/offramp/data" else b"")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """The addresses that a browser is opened at."""
    seen: Seen = []
    monkeypatch.setattr("webbrowser.open", seen.append)
    return seen


@pytest.fixture
def other_server(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that answers like one of this data folder. Gives its port, the second that is looked at; at the first there is none."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), PageStub) as server:
        monkeypatch.setattr(PageStub, "digest", data_digest())
        monkeypatch.setattr(notebook, "PORTS", [9, server.server_port])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_show_writes_a_bundle_and_opens_the_page(data: Path, opened: Seen, other_server: int, capsys: pytest.CaptureFixture[str]) -> None:
    address = engine.show(LOG_TEMPLATES["long"](), title="Mine", columns={"correct": "score"})
    assert address == f"http://127.0.0.1:{other_server}/?bundle=notebook" and opened == [address]
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("Columns were read as example = query_id, ") and out[-1] == f"Mine is at {address}"
    assert engine.open_bundle("notebook").exit_names == ("small", "medium", "large")


def test_show_takes_a_file_and_replaces_what_it_showed_before(data: Path, opened: Seen, other_server: int, tmp_path: Path) -> None:
    path = write_template("wide", tmp_path / "My log (2).csv")
    for kind in (None, "family"):
        address = engine.show(str(path), kind=kind, browser=False, models=["small", "large"])
    assert address.endswith("/?bundle=my-log-2") and opened == []
    assert engine.open_bundle("my-log-2").exit_names == ("small", "large")


def test_mistakes_are_user_errors_and_nothing_is_opened(data: Path, opened: Seen, other_server: int) -> None:
    with pytest.raises(UserError, match="There is no file gone.csv; check the path."):
        engine.show("gone.csv")
    with pytest.raises(UserError, match="No column gives the id of the example"):
        engine.show([{"model": "a"}])
    with pytest.raises(TypeError, match="There is no option 'speed'; choose one of: columns, models, costs, cost, "):
        engine.show(LOG_TEMPLATES["long"](), speed=1)
    assert opened == [] and not data.exists()


def test_a_server_of_another_folder_is_not_used(data: Path, other_server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert notebook._running() == f"http://127.0.0.1:{other_server}"
    monkeypatch.setattr(PageStub, "digest", "another folder")
    assert notebook._running() is None


def test_the_server_tells_its_data_folder(data: Path) -> None:
    (route,) = ROUTES
    assert route.path == "/offramp/data"
    first = run(route.endpoint(None)).body.decode()
    assert first == data_digest() and str(data) not in first


def test_a_server_is_started_if_none_runs(data: Path, opened: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "PORTS", range(8731, 8735))
    address = engine.show(LOG_TEMPLATES["long"](), "started")
    try:
        assert notebook._running() == address.partition("/?")[0]
        assert b"<title>Offramp</title>" in urlopen(address, timeout=30).read()
        assert engine.show(LOG_TEMPLATES["long"](), "again", browser=False).partition("/?")[0] == address.partition("/?")[0]
    finally:
        assert notebook._server is not None
        notebook._server.terminate()
        assert notebook._server.wait(timeout=60) is not None
    assert notebook._running() is None


def test_a_server_that_does_not_start_is_reported(data: Path, opened: Seen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(notebook, "PORTS", range(8741, 8742))
    monkeypatch.setattr(notebook, "_ROOT", tmp_path)
    with pytest.raises(
        UserError, match=r"The page's server did not start \(.*app.*\); start it with `python run_app.py` and call this again\."
    ):
        engine.show(LOG_TEMPLATES["long"](), "x")
    assert opened == []
