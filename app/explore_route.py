"""What the explore page shows of a bundle, a policy and a unit, over HTTP. A policy may have to be fitted first: the progress comes before.

`GET offramp/explore?bundle=doodles&policy=eenet&unit=macs&budget=0.25` is answered in lines of JSON: any number of
`{"progress": {"done": 37, "of": 603, "what": "Fitting “EENet” on “Doodles”"}}`, then `{"data": ...}`, see `app.explore_data`, or
`{"error": "a sentence"}`. The parameters are those of the page's address: each may be missing, and what does not exist is replaced.
Closing the connection ends the wait, and a fit that no one waits for is abandoned.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app import resources, store
from app.address import budget_of
from app.explore_data import explore_data
from app.media import PREFIX
from app.selection import Selection, openable, select
from app.shared_jobs import Job, SharedJobs
from app.shown import Shown
from app.wording import NO_BUNDLE, fitting, queued
from engine.errors import UserError
from engine.progress import Progress

AT_ONCE = 2  # fits; each of them keeps a core busy
INTERVAL = 0.2  # seconds between two lines of progress
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Encoding": "identity",  # compression would hold lines back
    "X-Accel-Buffering": "no",  # and so would a proxy
}

fits: SharedJobs[Shown] = SharedJobs(AT_ONCE)


@dataclass(frozen=True)
class Explored:
    """A response. Who gets it waits for the fit until it ends, in whatever way. budget: of the first paint"""

    selection: Selection
    budget: float

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = store.key(self.selection.entry), self.selection.policy, self.selection.unit
        with fits.waiting(key, self._fit) as job:
            lines = StreamingResponse(self._lines(job), media_type="application/x-ndjson", headers=_HEADERS)
            await lines(scope, receive, send)

    def _fit(self, progress: Progress) -> Shown:
        entry, policy, unit = self.selection.entry, self.selection.policy, self.selection.unit
        shown = Shown.of(entry, policy, unit, progress)
        resources.bundle_address(entry)  # makes the resource
        resources.sweep_address(entry, policy, unit)
        return shown

    async def _lines(self, job: Job[Shown]) -> AsyncIterator[bytes]:
        async for progress in _progress(job, self.selection.policy_on_bundle):
            yield _line({"progress": progress})
        try:
            data = await run_in_threadpool(explore_data, self.selection, job.future.result(), self.budget)
        except UserError as problem:
            yield _line({"error": str(problem)})
        else:
            yield _line({"data": data})


async def _progress(job: Job[Shown], what: str) -> AsyncIterator[dict[str, Any]]:
    """The state of a job every now and then until it ends, if it has changed. what: is fitted"""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def end(_: object) -> None:
        with suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(ended.set)

    job.future.add_done_callback(end)
    before = None
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(INTERVAL):
                await ended.wait()
            return
        done, total = job.progress
        now = {"done": done, "of": total, "what": fitting(what) if job.begun else queued(what)}
        if now != before:
            before = now
            yield now


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, allow_nan=False, ensure_ascii=False).encode() + b"\n"


async def _explore(request: Request) -> ASGIApp:
    query = dict(request.query_params)
    try:
        selection = await run_in_threadpool(_select, query)
    except UserError as problem:
        return PlainTextResponse(str(problem), 404)
    return Explored(selection, budget_of(query))


def _select(query: Mapping[str, str]) -> Selection:
    whole, _ = openable()
    if not whole:
        raise UserError(NO_BUNDLE)
    return select(whole, query)


ROUTES = [Route(f"/{PREFIX}/explore", _explore)]
