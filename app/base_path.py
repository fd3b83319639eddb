"""Serving below a path, such as /demo/offramp, for a proxy that passes the path on.

The path is taken off every request before anything else reads it, as a proxy that removes it would do. The page finds out by itself where
it is: all its addresses are relative.
"""

import re

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

#: One or more names after slashes, without what would have to be escaped.
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def base_path(text: str) -> str:
    """The path in its usual form, such as "/demo/offramp"; empty for the root. Raises ValueError, with a sentence, if it is none."""
    path = f"/{text.strip('/')}"
    if path == "/":
        return ""
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError(f"{text[:60]!r} is not a path such as /demo/offramp; use letters, digits and - _ . ~ between slashes.")
    return path


class BelowPath:
    """Passes requests below `path` on to `app` without the path, leads from the path to its slash, and knows nothing else."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app = app
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        asked = str(scope["path"])
        if asked.startswith(f"{self.path}/"):
            short, raw = asked.removeprefix(self.path), scope.get("raw_path")
            rest = {"raw_path": raw.removeprefix(self.path.encode())} if raw is not None else {}
            return await self.app({**scope, "path": short, **rest}, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1000})
        await self._elsewhere(asked, scope)(scope, receive, send)

    def _elsewhere(self, asked: str, scope: Scope) -> Response:
        if asked != self.path:
            return PlainTextResponse(f"Offramp is at {self.path}/ on this server.", 404)
        query = scope["query_string"].decode("latin-1")
        return RedirectResponse(f"{self.path.rpartition('/')[2]}/{'?' if query else ''}{query}")
