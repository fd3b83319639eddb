"""Which data folder this server shows, for programs that look for one that already runs: a digest that does not tell the path."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.media import PREFIX
from engine.paths import data_digest


async def _data(_: Request) -> PlainTextResponse:
    return PlainTextResponse(data_digest(), headers={"Cache-Control": "no-store"})


ROUTES = [Route(f"/{PREFIX}/data", _data)]
