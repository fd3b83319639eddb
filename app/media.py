"""What the browser fetches besides the page: our scripts, and images in batches.

Every address holds a digest of its content, so the browser may cache it for good.
"""

import hashlib
import struct
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import store
from app.worker.pictures import album
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.splits import Split

WEB = Path(__file__).parent / "web"
#: Of every address. Addresses are relative to the page's root, which may lie below any path of a proxy.
PREFIX = "offramp"
#: Of the explore block, in any host.
EXPLORE_STYLES = (
    "blocks/explore.css",
    "parts/front.css",
    "parts/road.css",
    "parts/panel.css",
    "parts/grid.css",
    "parts/present.css",
    "parts/keys.css",
    "parts/calculator.css",
    "parts/game.css",
    "parts/take_home.css",
)
MAX_IMAGES = 200  # in one request
_TYPES = {".js": "text/javascript", ".css": "text/css"}
KEEP = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


@cache
def web_files() -> dict[str, bytes]:
    """{path in `web`: content} of all that may be served. Nothing else is."""
    return {path.relative_to(WEB).as_posix(): path.read_bytes() for path in sorted(WEB.rglob("*")) if path.suffix in _TYPES}


@cache
def styles(*paths: str) -> str:
    """Style sheets in `web`, one after the other."""
    return "\n".join(web_files()[path].decode() for path in paths)


@cache
def web_version() -> str:
    digest = hashlib.sha256()
    for name, content in web_files().items():
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()[:12]


def web_address(path: str) -> str:
    """path: in `web`, such as "core/dom.js". Scripts import each other by relative paths, so all of them share one version."""
    return f"{PREFIX}/web/{web_version()}/{path}"


def images_address(entry: Entry) -> str:
    return f"{PREFIX}/images/{in_path(entry.id)}/{bundle_version(entry)}"


def in_path(id: str) -> str:
    """A bundle's id as a part of an address: a folder that was renamed by hand may have any name, such as "copy #2"."""
    return quote(id, safe="")


def bundle_version(entry: Entry) -> str:
    """Of the files of a bundle: changes whenever one of them does."""
    return hashlib.sha256(repr(entry.stamp()).encode()).hexdigest()[:12]


async def _web(request: Request) -> Response:
    path = request.path_params["path"]
    if path not in web_files():
        return PlainTextResponse("This file does not exist.", 404)
    return Response(web_files()[path], media_type=_TYPES[Path(path).suffix], headers=KEEP)


async def _images(request: Request) -> Response:
    """Images of a bundle's test examples, by row: for each row its length in four bytes, then that many bytes of image.

    A row without an image, or that does not exist, has length 0 and does not affect the others.
    """
    rows = [row for row in request.query_params.get("rows", "").split(",") if row]
    if not 0 < len(rows) <= MAX_IMAGES:
        return PlainTextResponse(f"Ask for 1 to {MAX_IMAGES} images by row, such as rows=0,1,2.", 400)
    try:
        images = await run_in_threadpool(_read_images, request.path_params["bundle"], request.path_params["version"], rows)
    except UserError as problem:  # they exist but cannot be read right now
        return PlainTextResponse(str(problem), 503)
    if images is None:
        return PlainTextResponse("This bundle does not exist, has no images, or has changed: load the page again.", 404)
    return Response(b"".join(struct.pack("<I", len(data)) + data for data in images), media_type="application/octet-stream", headers=KEEP)


def _read_images(bundle: str, version: str, rows: Sequence[str]) -> list[bytes] | None:
    entry = store.entry(bundle)
    if entry is None or bundle_version(entry) != version:  # in another version, a row may be another example
        return None
    try:
        outputs, images = store.opened(entry).outputs, album(entry).pictures
    except UserError:
        return None
    if images is None:
        return None
    ids = outputs.ids[outputs.split == Split.TEST].tolist()
    return images.many([ids[row] if row is not None and row < len(ids) else None for row in map(row_number, rows)])


def row_number(text: str) -> int | None:
    """A number written in the digits 0 to 9. int() would also take a sign, blanks and the digits of other scripts."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


ROUTES = [
    Route(f"/{PREFIX}" + "/web/{version}/{path:path}", _web),
    Route(f"/{PREFIX}" + "/images/{bundle}/{version}", _images),
]
