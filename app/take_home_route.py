"""What is taken home from the explore view, over HTTP, as files: the table of routes, the policy, and the page itself.

    GET offramp/routes?bundle=doodles&policy=maxprob&unit=macs&budget=0.25&format=csv
    GET offramp/policy?bundle=doodles&policy=maxprob&unit=macs&budget=0.25
    GET offramp/report?bundle=doodles&policy=maxprob&unit=macs

A budget stands for the nearest one of the page, and format is csv or parquet. Nothing is replaced by a default: a file must be what was
asked for. What is missing or invalid is answered with one sentence. A policy that is not swept yet is swept first; if a page already waits
for that sweep, it is the same one.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import store
from app.address import BUDGET, BUNDLE, POLICY, UNIT
from app.explore_route import fits
from app.media import PREFIX
from app.report.contents import report
from app.report.single_file import html
from app.shared_jobs import SharedJobs
from app.shown import Shown
from app.take_home import FORMS, document_at, routes_at, step_of
from app.worker.pictures import album
from engine.bundle.library import Entry
from engine.display_text import printable
from engine.errors import UserError
from engine.policies import POLICIES
from engine.policies.saved import unsavable_reason

FORMAT = "format"
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}

#: A report keeps a core busy for seconds, so there is one at a time.
reports: SharedJobs[bytes] = SharedJobs(1)


class Unknown(UserError):
    """What is asked for does not exist."""


@dataclass(frozen=True)
class Wanted:
    """policy, unit: names"""

    entry: Entry
    policy: str
    unit: str

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wanted":
        """Raises UserError unless bundle, policy and unit exist and go together."""
        entry = store.entry(_given(query, BUNDLE))
        if entry is None:
            raise Unknown(f"There is no bundle “{_short(query[BUNDLE])}” here; load the page again.")
        policy, unit = _given(query, POLICY), _given(query, UNIT)
        runnable, reasons = store.runnable(entry)
        if policy not in runnable:
            raise Unknown(reasons.get(policy) or f"There is no policy “{_short(policy)}” here; load the page again.")
        units = store.opened(entry).outputs.stage_cost
        if unit not in units:
            raise Unknown(f"This bundle has no costs in “{_short(unit)}”; ask for one of: {', '.join(units)}.")
        return cls(entry, policy, unit)

    @property
    def key(self) -> tuple[object, str, str]:
        return store.key(self.entry), self.policy, self.unit

    async def shown(self) -> Shown:
        with fits.waiting(self.key, lambda progress: Shown.of(self.entry, self.policy, self.unit, progress)) as job:
            return await asyncio.wrap_future(job.future)


def budget_in(query: Mapping[str, str]) -> float:
    """Raises UserError unless the budget is a finite number."""
    text = _given(query, BUDGET)
    try:
        budget = float(text)
    except ValueError:
        budget = float("nan")
    if not 0 <= budget < float("inf"):
        raise UserError(f"The budget “{_short(text)}” is not a share of the full network's cost; ask for one such as 0.25.")
    return budget


def _given(query: Mapping[str, str], name: str) -> str:
    if name not in query:
        raise UserError(f"The parameter {name!r} is missing; load the page again.")
    return query[name]


def _short(text: str) -> str:
    return printable(text[:40])


def file_name(*parts: str) -> str:
    """Of characters that every system allows, and not hidden."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts)).lstrip(".-") or "offramp"


def _file(content: bytes, media_type: str, name: str) -> Response:
    return Response(content, media_type=media_type, headers={**_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'})


def _budget_name(shown: Shown, step: int) -> str:
    return f"{shown.sweep.budgets[step]:.4f}".rstrip("0").rstrip(".")


async def _routes(request: Request) -> Response:
    query = dict(request.query_params)
    form = _given(query, FORMAT)
    if form not in FORMS:
        raise UserError(f"The format “{_short(form)}” does not exist; ask for one of: {', '.join(FORMS)}.")
    budget, wanted = budget_in(query), await run_in_threadpool(Wanted.of, query)
    shown = await wanted.shown()
    step = step_of(shown, budget)
    content = await run_in_threadpool(lambda: FORMS[form].write(routes_at(shown, step)))
    return _file(content, FORMS[form].media_type, file_name(wanted.entry.id, wanted.policy, _budget_name(shown, step), f"routes.{form}"))


async def _policy(request: Request) -> Response:
    query = dict(request.query_params)
    budget, wanted = budget_in(query), await run_in_threadpool(Wanted.of, query)
    reason = unsavable_reason(POLICIES[wanted.policy])
    if reason:  # before the sweep
        raise UserError(reason)
    shown = await wanted.shown()
    step = step_of(shown, budget)
    content = await run_in_threadpool(document_at, shown, step)
    name = file_name(wanted.entry.id, wanted.policy, _budget_name(shown, step), "policy.json")
    return _file(content, "application/json", name)


async def _report(request: Request) -> Response:
    wanted = await run_in_threadpool(Wanted.of, dict(request.query_params))
    shown = await wanted.shown()
    with reports.waiting(wanted.key, lambda progress: html(report(shown, album(wanted.entry))).encode()) as job:
        content = await asyncio.wrap_future(job.future)
    return _file(content, "text/html; charset=utf-8", file_name(wanted.entry.id, f"{wanted.policy}.html"))


def _answered(make: Callable) -> Callable:
    """With one sentence where something is wrong."""

    async def respond(request: Request) -> Response:
        try:
            return await make(request)
        except UserError as problem:
            return PlainTextResponse(str(problem), 404 if isinstance(problem, Unknown) else 400, headers=_HEADERS)

    return respond


ROUTES = [
    Route(f"/{PREFIX}/routes", _answered(_routes)),
    Route(f"/{PREFIX}/policy", _answered(_policy)),
    Route(f"/{PREFIX}/report", _answered(_report)),
]
