"""The page below a path of another site: behind nginx with the configuration of docs/command-line.md, and without a proxy."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CELL, FACE, FURTHER_NAME, LAUNCH, ROOT, Site, drawn, press_keys, running, select

DOCUMENT = ROOT / "docs" / "command-line.md"
PATH = "/demo/offramp"
#: What Chromium says of a response that a script has read to its end piece by piece.
READ = "net::ERR_ABORTED"
#: Everything in one folder and one process, which needs no privileges.
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        server_name {name};
        {location}
    }}
}}
"""


def documented_location(server: str) -> str:
    """The configuration in the documents, for an Offramp at `server`."""
    (location,) = re.findall(r"^```nginx\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert location.count("http://127.0.0.1:8501/;") == 1 and f"location {PATH}/ {{" in location
    return location.replace("http://127.0.0.1:8501/;", f"{server}/;")


@contextmanager
def proxied(nginx: str, server: str, folder: Path) -> Iterator[str]:
    """nginx in front of an Offramp; yields the address of the page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, name=FURTHER_NAME, location=documented_location(server)))
    command = [nginx, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            wait_for(port, process)
            yield f"http://{FURTHER_NAME}:{port}{PATH}"
        finally:
            process.terminate()


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"nginx did not start: {process.communicate()[0]}")


@contextmanager
def served_below(bundles: Path) -> Iterator[str]:
    """An Offramp that serves below the path itself; yields the address of the page."""
    command = [sys.executable, "-c", LAUNCH, "--port", "8770", "--no-browser", "--base-path", PATH]
    with running(command, {**os.environ, "OFFRAMP_DATA": str(bundles.parent)}) as url:
        assert url.endswith(PATH)
        yield url


@pytest.fixture(scope="module", params=["nginx", "base path"])
def site(site: Site, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The dashboard below the path. The fixture `own_visitor` fails on every request that leaves this path."""
    if request.param == "nginx":
        below = proxied(request.getfixturevalue("nginx_path"), site.url, tmp_path_factory.mktemp("nginx"))
    else:
        below = served_below(site.bundles)
    with below as url:
        yield Site(url, site.bundles)


def test_everything_works_below_a_path(own_visitor: Page, site: Site) -> None:
    problems: list[str] = []
    own_visitor.on("response", lambda response: problems.append(f"{response.status} {response.url}") if response.status >= 400 else None)
    own_visitor.on("requestfailed", lambda request: problems.append(f"failed: {request.url}") if request.failure != READ else None)
    own_visitor.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    own_visitor.goto(f"{site.url}?bundle=tiny")  # without the slash at the end of the path
    drawn(own_visitor)
    assert own_visitor.url.startswith(f"{site.url}/?bundle=tiny")
    own_visitor.wait_for_function("() => [...document.querySelectorAll('.offramp-face img')].some((image) => image.naturalWidth > 0)")

    # Another policy
    sentence = own_visitor.locator(".offramp-sentence")
    before = sentence.text_content() or ""
    select(own_visitor, "policy", "single_threshold")
    own_visitor.wait_for_function("() => location.search.includes('policy=single_threshold')")
    expect(sentence).not_to_have_text(before)

    # The budget, which changes the address but not its path
    before = sentence.text_content() or ""
    press_keys(own_visitor, "End")
    assert sentence.text_content() != before
    own_visitor.wait_for_function("() => location.search.includes('budget=1')")
    assert own_visitor.evaluate("location.pathname") == f"{PATH}/"

    # The predictions for one image
    own_visitor.locator(FACE).first.click()
    expect(own_visitor.locator(f"{CELL}:not(.offramp-gate)")).to_have_count(4)

    # A control of Streamlit's own, whose effect comes back through the websocket
    own_visitor.get_by_text("Basic controls", exact=True).click()
    expect(own_visitor.get_by_text("Set a target instead of a budget")).to_be_visible()
    assert not problems, problems
