"""Serves the dashboard: takes a port, warms up, prints the address and opens the browser. Started by run_app.py."""

from __future__ import annotations

import argparse
import errno
import gc
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlencode

import streamlit as st
import uvicorn
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

import app.views  # noqa: F401  registers the views
from app import data_route, explore_route, index_page, media, policy_routes, resources, store, take_home_route, version_route
from app.address import VIEW
from app.allowed_hosts import ANYWHERE, PRIVATE, AllowedHosts, is_private, own_names
from app.base_path import BelowPath, base_path
from app.shown import Shown
from app.traffic import Traffic
from app.views.registry import VIEWS
from app.warming import first_shown, start_warming
from engine.bundle.library import Entry
from engine.errors import UserError

MAIN = Path(__file__).resolve().parent / "main.py"


class Server(uvicorn.Server):
    """Prints its address once it can be reached, and not before."""

    begun = False  # once true, uvicorn handles the signals

    def __init__(self, config: uvicorn.Config, browser: bool, path: str = "") -> None:
        super().__init__(config)
        self.browser = browser
        self.path = path

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        Server.begun = True
        await super().startup(sockets)
        if self.started and not self.should_exit and sockets:
            port = sockets[0].getsockname()[1]
            print(f"Offramp is at {address(self.config.host, port, path=self.path)}  (Ctrl-C ends it)", flush=True)
            if self.browser:
                threading.Thread(target=webbrowser.open, args=[address(self.config.host, port, True, self.path)], daemon=True).start()


@asynccontextmanager
async def warm_up(traffic: Traffic) -> AsyncGenerator[None]:
    """Load what every visitor needs before the first one comes, and the rest while there is nothing else to do."""
    with suppress(StopIteration):  # no bundle yet
        next(filter(_load_first, store.listed()))
    # What is loaded now stays for good: frozen, it makes a garbage collection take 5 ms instead of 100
    gc.collect()
    gc.freeze()
    stop = threading.Event()
    start_warming(stop, traffic.quiet_for)
    try:
        yield
    finally:
        stop.set()


def former_address(path: str) -> Route:
    """Views used to have paths of their own: `/library` leads to `?view=library`."""

    def moved(request: Request) -> RedirectResponse:
        return RedirectResponse(f"./?{urlencode({**request.query_params, VIEW: path})}")

    return Route(f"/{path}", moved)


def _load_first(entry: Entry) -> bool:
    """Open a bundle and sweep what its page shows first. False if it is damaged; the page says so."""
    try:
        Shown.of(entry, *first_shown(entry))
    except UserError:
        return False
    return True


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on `port` or the next free one. It is held from now on, so no other program can take the port while we warm up."""
    family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    for candidate in range(port, min(port + 100, 65536)):
        taken = socket.socket(family, socket.SOCK_STREAM)
        if os.name != "nt":  # makes a port free as soon as it is closed; on Windows the option would share a port in use
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((place[0], candidate, *place[2:]))
            taken.listen(2048)
        except OSError as error:
            taken.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        return taken
    raise OSError(errno.EADDRINUSE, f"no port from {port} on is free")


def address(host: str, port: int, seen_from_here: bool = False, path: str = "") -> str:
    """The address to type on this computer, or on other computers if the whole network is served. path: below which the page is"""
    if host in ANYWHERE:
        host = "127.0.0.1" if seen_from_here else own_address()
    return f"http://[{host}]:{port}{path}" if ":" in host else f"http://{host}:{port}{path}"


def own_address() -> str:
    """The address of this computer in its network. Nothing is sent: connecting a datagram socket only selects the interface."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def has_screen() -> bool:
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return "SSH_CONNECTION" not in os.environ


def serve(host: str, port: int, browser: bool, further: Collection[str] = (), path: str = "") -> int:
    """Serve until stopped; returns the exit code. further: other names of this server, at any port;  path: below which the page is"""
    try:
        place = listen(host, port)
    except (OSError, UnicodeError) as error:  # UnicodeError: a malformed host name
        reason = getattr(error, "strerror", None) or str(error)
        print(f"Offramp cannot serve at {host}:{port} ({reason}): give another --host or --port.", file=sys.stderr)
        return 2
    address, taken = place.getsockname()[:2]
    if taken != port:
        print(f"Port {port} is taken: using {taken}.", flush=True)
    further = frozenset(name.lower() for name in further)
    os.environ[PRIVATE] = "1" if is_private(address, further) else "0"
    below = BelowPath(application(), path) if path else application()
    app = AllowedHosts(below, own_names(host, address), further)
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    server = Server(config, browser, path)
    server.run(sockets=[place])
    return 0 if server.started else 1


def application() -> Traffic:
    """The page and all that it fetches, without the check of who may have it."""
    former = [former_address(path) for path in VIEWS]
    ours = (index_page, data_route, media, resources, explore_route, policy_routes, take_home_route, version_route)
    routes = [*(route for module in ours for route in module.ROUTES), *former]
    traffic = Traffic(st.App(MAIN, lifespan=lambda _: warm_up(traffic), routes=routes))
    return traffic


def end(*_: object) -> None:
    """Before the server has begun nothing is open: exit at once, even in the middle of an import. Afterwards shut down properly."""
    if Server.begun:
        raise SystemExit(0)
    os._exit(0)


def main(argv: Sequence[str] | None = None) -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)  # uvicorn shuts down, then raises the signal again: that must not look like a crash
    if os.name != "nt":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))  # blocked by run_app.py until here
    parser = argparse.ArgumentParser(prog="python -m app.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--allow-host", metavar="NAME", action="append", default=[])
    parser.add_argument("--base-path", metavar="PATH", default="")
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args(argv)
    try:
        path = base_path(options.base_path)
    except ValueError as problem:
        print(f"--base-path: {problem}", file=sys.stderr)
        return 2
    if st.get_option("server.baseUrlPath"):
        print("Streamlit's setting server.baseUrlPath does not move the whole page; give --base-path instead.", file=sys.stderr)
        return 2
    return serve(options.host, options.port, has_screen() and not options.no_browser, options.allow_host, path)


def run() -> NoReturn:
    """Exit without Python's own shutdown: everything is closed by then, and what libraries print during it is noise."""
    try:
        code = main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
