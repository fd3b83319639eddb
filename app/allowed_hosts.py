"""Which requests are served: those to a name of this server that come from its own pages or from no page at all.

A browser sends the name it used for the server in `Host`, and the site of the page that makes the request in `Origin`. An attacker can
point a domain of theirs at this computer (DNS rebinding), and any page may open a websocket to any server. Neither may read this page.
"""

import os
import re
import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

ANYWHERE = ("0.0.0.0", "::")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: Environment variable that is "1" if only this computer can reach the page.
PRIVATE = "OFFRAMP_PRIVATE"
#: name, name:port or [IPv6 address]:port
_PLACE = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::([0-9]{1,5}))?")
_PORTS = {"http": 80, "https": 443}


def own_names(host: str, address: str) -> frozenset[str]:
    """Names of a server that was told to listen at `host` and listens at `address`. No name is looked up."""
    names = LOOPBACK | ({host.lower()} - set(ANYWHERE))
    if ip_address(address).is_loopback:
        return names
    computer = socket.gethostname().lower()
    short = computer.partition(".")[0]
    return names | {computer, short, f"{short}.local"}


def is_private(address: str, further: Collection[str]) -> bool:
    """Whether only this computer reaches a server at `address`. A further name means that others come through a proxy."""
    return ip_address(address).is_loopback and LOOPBACK.issuperset(further)


def served_privately() -> bool:
    """Whether this process serves the page to this computer alone. False until the server has set PRIVATE."""
    return os.environ.get(PRIVATE) == "1"


@dataclass(frozen=True)
class AllowedHosts:
    """ASGI middleware that passes on only the requests that should be served.

    names:   of the server at the port it listens on, besides the address at which a request arrives
    further: names at any port, for a proxy or a forwarded port
    """

    app: ASGIApp
    names: frozenset[str]
    further: frozenset[str] = frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        if refused := self._refusal(scope):
            # Scripts cannot read why a websocket was refused, and uvicorn would log each response with a body as an error
            return await (refused if scope["type"] == "http" else WebSocketClose())(scope, receive, send)
        if scope["type"] == "websocket":
            # If the origin is not the host, Streamlit looks up the address of this computer on the internet
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"origin"]}
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        host = _place(hosts[0], _PORTS["http"]) if len(hosts) == 1 else None
        if not self._is_ours(host, scope):
            return _refused(421, f"This server is not called “{_short(', '.join(hosts))}”", host, scope)
        for origin in origins:
            scheme, _, name = origin.partition("://")
            page = _place(name, _PORTS.get(scheme, 0))
            if not self._is_ours(page, scope):
                return _refused(403, f"This server does not serve pages of “{_short(origin)}”", page, scope)
        return None

    def _is_ours(self, place: tuple[str, int] | None, scope: Scope) -> bool:
        if place is None:
            return False
        name, port = place
        address, listening = _reached(scope)
        return name in self.further or (port == listening and (name in self.names or name == address))


def _place(text: str, port: int) -> tuple[str, int] | None:
    """Name and port of a place as a browser writes it, `port` by default; None if it is malformed."""
    match = _PLACE.fullmatch(text.lower())
    return (match[1] or match[2], int(match[3] or port)) if match else None


def _reached(scope: Scope) -> tuple[str, int]:
    """The address and port of this computer at which a request arrived."""
    host, port = scope["server"]
    address = ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address), port


def _refused(status: int, problem: str, place: tuple[str, int] | None, scope: Scope) -> PlainTextResponse:
    address, port = _reached(scope)
    remedy = f"; open http://{f'[{address}]' if ':' in address else address}:{port}"
    if place is not None:
        remedy += f", or start Offramp with --allow-host {_short(place[0])}"
    return PlainTextResponse(problem + remedy + ".", status, headers={"X-Content-Type-Options": "nosniff"})


def _short(text: str) -> str:
    return "".join(ch if ch.isprintable() else "?" for ch in text[:60])
