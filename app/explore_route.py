"""What the explore page shows of a bundle, a policy and a unit, over HTTP. A policy may have to be fitted first: the progress comes before.

`GET offramp/explore?bundle=doodles&policy=eenet&unit=macs&budget=0.25` is answered in lines of JSON: any number of
`{"progress": {"done": 37, "of": 603, "what": "Fitting “EENet” on “Doodles”"}}`, then `{"data": ...}`, see `app.explore_data`, or
`{"error": "a sentence"}`. The parameters are those of the page's address: each may be missing, and what does not exist is replaced.
Closing the connection ends the wait, and a fit that no one waits for is abandoned.

`GET offramp/exact?...` is answered in the same way. Of a large bundle, the data then have the figures of all examples in place of those of
the sample; they are computed in a process of their own, which takes minutes where there are millions of examples.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
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
from app.worker.sweeps import sweep_whole
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.progress import Progress

AT_ONCE = 2  # fits; each of them keeps a core busy
EXACT_AT_ONCE = 1  # sweeps over all examples
INTERVAL = 0.2  # seconds between two lines of progress
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Encoding": "identity",  # compression would hold lines back
    "X-Accel-Buffering": "no",  # and so would a proxy
}

fits: SharedJobs[Shown] = SharedJobs(AT_ONCE)
exact_sweeps: SharedJobs[Shown] = SharedJobs(EXACT_AT_ONCE)


@dataclass(frozen=True)
class Explored:
    """A response. Who gets it waits for the fit until it ends, in whatever way.

    budget: of the first paint
    jobs:   to which the fit belongs
    before: what is done before the sweep is read
    """

    selection: Selection
    budget: float
    jobs: SharedJobs[Shown]
    before: Callable[[Entry, str, str, Progress], None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = store.key(self.selection.entry), self.selection.policy, self.selection.unit
        with self.jobs.waiting(key, self._fit) as job:
            lines = StreamingResponse(self._lines(job), media_type="application/x-ndjson", headers=_HEADERS)
            await lines(scope, receive, send)

    def _fit(self, progress: Progress) -> Shown:
        entry, policy, unit = self.selection.entry, self.selection.policy, self.selection.unit
        if self.before is not None:
            self.before(entry, policy, unit, progress)
            progress = _all_but_done(progress)
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


def _all_but_done(progress: Progress) -> Progress:
    """For what takes a moment after what took long."""
    return lambda done, total: progress(99, 100)


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
    return await _answer(request, fits)


async def _exact(request: Request) -> ASGIApp:
    return await _answer(request, exact_sweeps, sweep_whole)


async def _answer(request: Request, jobs: SharedJobs[Shown], before: Callable[[Entry, str, str, Progress], None] | None = None) -> ASGIApp:
    query = dict(request.query_params)
    try:
        selection = await run_in_threadpool(_select, query)
    except UserError as problem:
        return PlainTextResponse(str(problem), 404)
    return Explored(selection, budget_of(query), jobs, before)


def _select(query: Mapping[str, str]) -> Selection:
    whole, _ = openable()
    if not whole:
        raise UserError(NO_BUNDLE)
    return select(whole, query)


ROUTES = [Route(f"/{PREFIX}/explore", _explore), Route(f"/{PREFIX}/exact", _exact)]
