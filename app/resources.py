"""The page's resources over HTTP: one for each bundle, one for each sweep, and for an example that is picked its predictions and, on
request, what its words do for them.

An address holds a digest of the content, so a browser may keep what it fetched for good. Addresses are relative to the page's own, so that
they work below any path of a proxy. A resource is made and compressed once and kept while there is room; after that it is made again.
"""

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import store
from app.byte_cache import ByteCache
from app.media import KEEP, PREFIX, in_path, row_number
from app.payload.bundle_resource import bundle_resource
from app.payload.predictions import predictions
from app.payload.sweep_resource import sweep_resource
from app.shown import Shown
from app.worker.words import words_of
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.policies import POLICIES

#: Of compression. The usual 6 takes four times as long and makes what travels 3 % smaller.
LEVEL = 4
GONE = "This bundle does not exist or has changed; load the page again."


@dataclass(frozen=True, eq=False)
class Resource:
    """compressed: with gzip;  digest: of the content"""

    compressed: bytes
    digest: str

    @classmethod
    def of(cls, content: bytes, more: bytes = b"") -> "Resource":
        """more: on which the digest depends, too"""
        return cls(gzip.compress(content, LEVEL, mtime=0), hashlib.sha256(content + more).hexdigest()[:16])


_resources: ByteCache[Resource] = ByteCache(48_000_000, lambda resource: len(resource.compressed) + 200)


def bundle_address(entry: Entry) -> str:
    return f"{PREFIX}/bundle/{in_path(entry.id)}/{_of_bundle(entry).digest}"


def sweep_address(entry: Entry, policy: str, unit: str) -> str:
    return f"{PREFIX}/sweep/{in_path(entry.id)}/{policy}/{unit}/{_of_sweep(entry, policy, unit).digest}"


def _of_bundle(entry: Entry) -> Resource:
    return _resources.get(store.opened_key(entry), lambda: Resource.of(bundle_resource(store.opened(entry))))


def _of_sweep(entry: Entry, policy: str, unit: str) -> Resource:
    """The predictions below its address show texts, which come and go with their data set."""

    def make() -> Resource:
        shown = Shown.of(entry, policy, unit)
        return Resource.of(sweep_resource(shown), b"" if shown.bundle.texts is None else b"with texts")

    exact = store.are_kept(entry, policy, unit)
    return _resources.get((store.opened_key(entry), store.sweep_key(entry, policy, unit, exact)), make)


def _can_be_swept(entry: Entry, policy: str, unit: str) -> bool:
    return policy in store.runnable(entry)[0] and policy in POLICIES and unit in store.opened(entry).outputs.stage_cost


async def _serve(find: Callable[[], Resource | None], digest: str) -> Response:
    try:
        resource = await run_in_threadpool(find)
    except UserError as problem:
        return PlainTextResponse(str(problem), 404)
    if resource is None or resource.digest != digest:
        return PlainTextResponse(GONE, 404)
    return Response(resource.compressed, media_type="application/octet-stream", headers={**KEEP, "Content-Encoding": "gzip"})


async def _bundle(request: Request) -> Response:
    def find() -> Resource | None:
        entry = store.entry(request.path_params["bundle"])
        return _of_bundle(entry) if entry else None

    return await _serve(find, request.path_params["digest"])


async def _sweep(request: Request) -> Response:
    policy, unit = request.path_params["policy"], request.path_params["unit"]

    def find() -> Resource | None:
        entry = store.entry(request.path_params["bundle"])
        return _of_sweep(entry, policy, unit) if entry and _can_be_swept(entry, policy, unit) else None

    return await _serve(find, request.path_params["digest"])


async def _predictions(request: Request) -> Response:
    """The predictions for one test example, as JSON, see `app.payload.predictions`."""
    parameters, row = request.path_params, row_number(request.query_params.get("row", ""))
    if row is None:
        return PlainTextResponse("Ask for one example by its row, such as row=0.", 400)

    def find() -> dict[str, Any] | None:
        entry = store.entry(parameters["bundle"])
        if not entry or not _can_be_swept(entry, parameters["policy"], parameters["unit"]):
            return None
        if _of_sweep(entry, parameters["policy"], parameters["unit"]).digest != parameters["digest"]:
            return None
        shown = Shown.of(entry, parameters["policy"], parameters["unit"])
        return predictions(shown, row) if row < shown.sweep.routed else None

    try:
        content = await run_in_threadpool(find)
    except UserError as problem:
        return PlainTextResponse(str(problem), 404)
    if content is None:
        return PlainTextResponse(GONE, 404)
    is_complete = content.get("masks", {}).get("truth", True)  # if not, the data set may come to this computer later
    headers = KEEP if is_complete else {"Cache-Control": "no-store"}
    return Response(json.dumps(content, allow_nan=False), media_type="application/json", headers=headers)


async def _words(request: Request) -> Response:
    """What each word of a test example does for the prediction of every exit, [[begin, end, effect at each exit ...], ...]."""
    row = row_number(request.query_params.get("row", ""))
    if row is None:
        return PlainTextResponse("Ask for one example by its row, such as row=0.", 400)

    def find() -> bytes | None:
        entry = store.entry(request.path_params["bundle"])
        if not entry or _of_bundle(entry).digest != request.path_params["digest"]:
            return None
        words = words_of(store.opened(entry), row)
        return None if words is None else json.dumps(words).encode()

    try:
        content = await run_in_threadpool(find)
    except UserError as problem:
        return PlainTextResponse(str(problem), 404)
    return PlainTextResponse(GONE, 404) if content is None else Response(content, media_type="application/json", headers=KEEP)


ROUTES = [
    Route(f"/{PREFIX}" + "/bundle/{bundle}/{digest}/words", _words),
    Route(f"/{PREFIX}" + "/bundle/{bundle}/{digest}", _bundle),
    Route(f"/{PREFIX}" + "/sweep/{bundle}/{policy}/{unit}/{digest}", _sweep),
    Route(f"/{PREFIX}" + "/sweep/{bundle}/{policy}/{unit}/{digest}/predictions", _predictions),
]
