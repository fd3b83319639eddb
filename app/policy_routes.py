"""What the panel of policies asks for, over HTTP: their descriptions, and the budget at which a promise about errors is kept.

`GET offramp/policies` is answered with the cards of all policies.
`GET offramp/guarantee?bundle=doodles&unit=macs&errors=0.01&confidence=0.9` is answered with `{"policy": ..., "budget": ..., "text": ...}`,
where the budget is a share of the full network's cost and the text a few sentences. Of the budgets of the page, it is the least whose rule
is at least as strict as the one that keeps the promise. The promise itself was tested at thresholds fixed before, not at this one.
"""

from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app import store
from app.address import BUNDLE, UNIT
from app.media import PREFIX
from app.payload.policy_cards import policy_cards
from app.wording import Words, result_sentences
from engine.errors import UserError
from engine.policies import POLICIES
from engine.targets import Promise

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


async def _policies(_: Request) -> Response:
    return JSONResponse(policy_cards(POLICIES), headers=_HEADERS)


async def _guarantee(request: Request) -> Response:
    query = request.query_params
    try:
        promise = Promise(_share(query.get("errors", ""), "errors"), _share(query.get("confidence", ""), "confidence"))
        answer = await run_in_threadpool(_kept_at, query.get(BUNDLE, ""), query.get(UNIT, ""), promise)
    except UserError as problem:
        return PlainTextResponse(str(problem), 400, headers=_HEADERS)
    return JSONResponse(answer, headers=_HEADERS)


def _share(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"The {what} must be a number between 0 and 1, not {text[:40]!r}; give for example 0.1.") from None


def _kept_at(bundle: str, unit: str, promise: Promise) -> dict[str, Any]:
    entry = store.entry(bundle)
    if entry is None or unit not in store.opened(entry).outputs.stage_cost:
        raise UserError("This bundle does not exist or has changed; load the page again.")
    result, opened = store.for_promise(entry, unit, promise), store.opened(entry)
    words = Words.of(opened)
    sentences = result_sentences(result, opened.outputs.test().examples, words)
    sweep = store.swept(entry, result.policy, unit)
    # One threshold for all exits: the more a rule costs, the stricter it is.
    strict = np.flatnonzero(sweep.planned_cost >= result.planned_cost - 1e-9)
    step = int(strict[0]) if strict.size else len(sweep.budgets) - 1
    stands = (
        f"The handle stands at the next budget of the page, {sweep.budgets[step]:.1%}, where the threshold is at least as strict;"
        " the promise was tested at its own threshold."
    )
    text = f"{words.adapted(result.target)} {sentences} {stands}"
    return {"policy": result.policy, "budget": round(float(sweep.budgets[step]), 4), "text": text}


ROUTES = [Route(f"/{PREFIX}/policies", _policies), Route(f"/{PREFIX}/guarantee", _guarantee)]
