"""What the browser fetches besides the page: our scripts, Plotly's own, and pictures by the dozen.

Every address carries a digest of what it names, so that the browser may keep it for good.
"""

import gzip
import hashlib
import struct
from functools import cache
from pathlib import Path

import plotly
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import store
from app.pictures import album
from engine.errors import UserError
from engine.library import Entry

WEB = Path(__file__).parent / "web"
PREFIX = "/offramp"
MOST_IMAGES = 200  # in one request
_TYPES = {".js": "text/javascript", ".css": "text/css"}
_KEEP = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


@cache
def web_files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(WEB.iterdir()) if path.suffix in _TYPES}


@cache
def web_version() -> str:
    digest = hashlib.sha256()
    for name, content in web_files().items():
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()[:12]


@cache
def plotly_js() -> bytes:
    """The script in the installed package, compressed once: 1.4 of 4.8 MB."""
    return gzip.compress((Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes(), 6)


def script_address(name: str) -> str:
    return f"{PREFIX}/web/{web_version()}/{name}"


def plotly_address() -> str:
    return f"{PREFIX}/plotly-{plotly.__version__}.js"


def images_address(entry: Entry) -> str:
    return f"{PREFIX}/images/{entry.id}/{_version(entry)}"


def _version(entry: Entry) -> str:
    return hashlib.sha256(repr(entry.stamp()).encode()).hexdigest()[:12]


async def _web(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in web_files():
        return PlainTextResponse("There is no such file.", 404)
    return Response(web_files()[name], media_type=_TYPES[Path(name).suffix], headers=_KEEP)


async def _plotly(request: Request) -> Response:
    return Response(await run_in_threadpool(plotly_js), media_type="text/javascript", headers={**_KEEP, "Content-Encoding": "gzip"})


async def _images(request: Request) -> Response:
    """Pictures of a bundle: for each id asked for, four bytes of length and then so many bytes of picture, 0 for none."""
    asked = request.query_params.get("ids", "").split(",")
    if len(asked) > MOST_IMAGES or not all(id.isdigit() and len(id) < 19 for id in asked):
        return PlainTextResponse(f"Ask for 1 to {MOST_IMAGES} images by number: ids=1,2,3.", 400)
    found = await run_in_threadpool(_pictures, request.path_params["bundle"], [int(id) for id in asked])
    if found is None:
        return PlainTextResponse("There is no such bundle, or it has no pictures.", 404)
    return Response(b"".join(struct.pack("<I", len(data)) + data for data in found), media_type="application/octet-stream", headers=_KEEP)


def _pictures(bundle: str, ids: list[int]) -> list[bytes] | None:
    try:
        images = album(next(entry for entry in store.listed() if entry.id == bundle)).pictures
    except (StopIteration, UserError):
        return None
    return None if images is None else [images[id] if id in images else b"" for id in ids]


ROUTES = [
    Route(PREFIX + "/web/{version}/{name}", _web),
    Route(f"{PREFIX}/plotly-{plotly.__version__}.js", _plotly),
    Route(PREFIX + "/images/{bundle}/{version}", _images),
]
