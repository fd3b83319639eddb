"""Which state of a bundle is on disk: an open page asks every few seconds, and so notices when its bundle is replaced.

`GET offramp/version?bundle=doodles` is answered with a short text, which changes whenever a file of the bundle does. It is empty where
there is no such bundle, as for an instant while one is being replaced.
"""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app import store
from app.address import BUNDLE
from app.media import PREFIX, bundle_version


async def _version(request: Request) -> PlainTextResponse:
    def find() -> str:
        entry = store.entry(request.query_params.get(BUNDLE, ""))
        return bundle_version(entry) if entry and entry.stamp() else ""

    return PlainTextResponse(await run_in_threadpool(find), headers={"Cache-Control": "no-store"})


ROUTES = [Route(f"/{PREFIX}/version", _version)]
