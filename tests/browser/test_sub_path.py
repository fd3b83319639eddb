"""The page below a path of another site, behind nginx with the configuration of docs/command-line.md."""

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

from tests.browser.conftest import LAUNCH, ROOT, Site, explore, frame, running

DOCUMENT = ROOT / "docs" / "command-line.md"
PATH = "/demo/offramp"
#: Browsers resolve any name below localhost to this computer.
NAME = "lab.localhost"
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
    file.write_text(CONFIGURATION.format(folder=folder, port=port, name=NAME, location=documented_location(server)))
    command = [nginx, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            wait_for(port, process)
            yield f"http://{NAME}:{port}{PATH}"
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


@pytest.fixture(scope="module")
def site(site: Site, nginx_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The dashboard at the address of the proxy. The fixture `visitor` fails on every request that leaves this path."""
    environment = {**os.environ, "OFFRAMP_DATA": str(site.bundles.parent)}
    command = [sys.executable, "-c", LAUNCH, "--port", "8490", "--no-browser", "--allow-host", NAME]
    with running(command, environment) as server, proxied(nginx_path, server, tmp_path_factory.mktemp("nginx")) as url:
        yield Site(url, site.bundles)


def test_everything_works_below_a_path(visitor: Page, site: Site) -> None:
    problems: list[str] = []
    visitor.on("response", lambda response: problems.append(f"{response.status} {response.url}") if response.status >= 400 else None)
    visitor.on("requestfailed", lambda request: problems.append(f"failed: {request.url}") if request.failure != READ else None)
    visitor.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    explore(visitor, site)
    visitor.wait_for_function("() => [...document.querySelectorAll('.offramp-tile img')].some((image) => image.naturalWidth > 0)")

    # Another policy
    sentence = visitor.locator(".offramp-sentence")
    before = sentence.text_content() or ""
    visitor.get_by_label("Policy").select_option("single_threshold")
    visitor.wait_for_function("() => location.search.includes('policy=single_threshold')")
    expect(sentence).not_to_have_text(before)

    # The budget, which changes the address but not its path
    before = sentence.text_content() or ""
    visitor.locator(".offramp-slider").focus()
    visitor.keyboard.press("End")
    frame(visitor)
    assert sentence.text_content() != before
    visitor.wait_for_function("() => location.search.includes('budget=1')")
    assert visitor.evaluate("location.pathname") == f"{PATH}/"

    # The predictions for one image
    visitor.locator(".offramp-tile").first.click()
    expect(visitor.locator(".offramp-steps li")).to_have_count(4)

    # A control of Streamlit's own, whose effect comes back through the websocket
    visitor.get_by_text("Set a target").click()
    expect(visitor.get_by_label("Accuracy (%)")).to_be_visible()
    assert not problems, problems


def test_the_path_without_its_slash_leads_to_the_page(visitor: Page, site: Site) -> None:
    visitor.goto(f"{site.url}?bundle=tiny&budget=0.5")
    visitor.wait_for_selector(".offramp[data-ready=true]")
    assert visitor.url.startswith(f"{site.url}/?bundle=tiny")
