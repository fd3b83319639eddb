"""What the browser gets when it asks for another policy: progress, then data or a sentence; and what happens when it goes away."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

import pytest
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware

from app import explore_route, store
from app.allowed_hosts import AllowedHosts
from app.shared_jobs import SharedJobs
from app.wording import budget_sentence
from engine.errors import UserError
from engine.policies import POLICIES
from engine.progress import Progress
from engine.sweep import run_sweep
from tests.app.samples import write_sample
from tests.coroutines import run
from tests.sentences import assert_one_sentence
from tests.thorough import variants

PATIENCE = 30  # seconds until a test that hangs fails
TITLE = "A tiny bundle"
PAGE = AllowedHosts(GZipMiddleware(Starlette(routes=explore_route.ROUTES)), frozenset({"localhost"}))


@dataclass
class Visitor:
    """One request over ASGI. gone: set when the visitor closes the connection"""

    query: str = ""
    path: str = "/offramp/explore"
    host: str = "localhost:8501"
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    on_line: Callable[[dict[str, Any]], None] = lambda line: None

    async def visit(self) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "root_path": "",
            "query_string": self.query.encode(),
            "headers": [(b"host", self.host.encode()), (b"accept-encoding", b"gzip")],
            "server": ("127.0.0.1", 8501),
            "client": ("127.0.0.1", 5000),
        }
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                self.body += message["body"]
                if self.status == 200 and message["body"]:
                    self.on_line(json.loads(message["body"]))  # so every line comes alone and uncompressed

        await asyncio.wait_for(PAGE(scope, receive, send), PATIENCE)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines()]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    monkeypatch.setattr(explore_route, "fits", SharedJobs(1))
    monkeypatch.setattr(explore_route, "INTERVAL", 0.001)
    write_sample(tmp_path)
    yield tmp_path
    assert len(explore_route.fits) == 0


class HeldSweep:
    """Stands in for `run_sweep`: holds the first sweep at its first step until the test lets it go."""

    def __init__(self) -> None:
        self.calls = 0
        self.begun, self.go, self.interrupted = Event(), Event(), Event()

    def __call__(self, *arguments: Any, progress: Progress, **options: Any) -> Any:
        self.calls += 1
        if self.calls > 1:
            return run_sweep(*arguments, progress=progress, **options)
        progress(0, 804)
        self.begun.set()
        assert self.go.wait(PATIENCE)
        try:
            return run_sweep(*arguments, progress=progress, **options)
        except BaseException:
            self.interrupted.set()
            raise


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldSweep]:
    monkeypatch.setattr(store, "run_sweep", sweep := HeldSweep())
    yield sweep
    sweep.go.set()


def test_the_data_is_that_of_the_budget(data: Path) -> None:
    visitor = Visitor("policy=patience&budget=0.6")
    run(visitor.visit())
    assert visitor.status == 200 and visitor.headers["content-type"] == "application/x-ndjson"
    assert visitor.headers["cache-control"] == "no-store"
    entry = store.entry("tiny")
    assert entry is not None
    sweep = store.swept(entry, "patience", "macs")
    step = int(abs(sweep.budgets - 0.6).argmin())
    assert visitor.lines[-1]["data"]["first"]["sentence"] == budget_sentence(sweep, step)
    assert all("progress" in line for line in visitor.lines[:-1])


def test_what_is_there_already_comes_without_progress(data: Path) -> None:
    for _ in range(2):
        visitor = Visitor("policy=maxprob")
        with patch.object(explore_route, "INTERVAL", PATIENCE):
            run(visitor.visit())
        assert [list(line) for line in visitor.lines] == [["data"]]


@pytest.mark.parametrize(
    "budget", variants(["", "budget=", "budget=nan", "budget=-3", "budget=1e9", "budget=x"], "budget=nan", "budget=-3")
)
def test_an_invalid_budget_is_replaced(budget: str) -> None:
    visitor = Visitor(budget)
    run(visitor.visit())
    assert "of the" in visitor.lines[-1]["data"]["first"]["sentence"]


def test_what_does_not_exist_is_replaced_with_a_notice() -> None:
    visitor = Visitor("bundle=none&policy=maxprob&unit=acres")
    run(visitor.visit())
    data = visitor.lines[-1]["data"]
    assert data["selection"] == {"bundle": "tiny", "policy": "maxprob", "unit": "macs"} and len(data["notices"]) == 2


def test_a_policy_that_cannot_run_is_replaced_and_the_notice_says_why(data: Path) -> None:
    write_sample(data, "bare", recorded="confidence")
    visitor = Visitor("bundle=bare&policy=ztw")
    run(visitor.visit())
    (notice,) = visitor.lines[-1]["data"]["notices"]
    assert "needs the probabilities" in notice and visitor.lines[-1]["data"]["selection"]["policy"] == "maxprob"


def test_without_a_bundle_the_reason_is_one_sentence(data: Path) -> None:
    shutil.rmtree(data / "bundles")
    visitor = Visitor()
    run(visitor.visit())
    assert visitor.status == 404
    assert_one_sentence(visitor.body.decode(), "There is no bundle yet")


def test_strangers_are_refused() -> None:
    visitor = Visitor("policy=maxprob", host="evil.example:8501")
    run(visitor.visit())
    assert visitor.status == 421


def test_progress_rises_while_a_policy_is_fitted(held: HeldSweep) -> None:
    visitor = Visitor("policy=entropy", on_line=lambda line: held.go.set())
    run(visitor.visit())
    *before, last = visitor.lines
    assert all(f"“{POLICIES['entropy'].title}” on “{TITLE}”" in line["progress"]["what"] for line in before)
    states = [line["progress"] for line in before if line["progress"]["what"].startswith("Fitting ")]
    assert states
    shares = [state["done"] / state["of"] for state in states]
    assert shares == sorted(shares) and shares[-1] <= 1 and "data" in last


def test_two_visitors_share_a_fit_and_one_may_leave(held: HeldSweep) -> None:
    async def both() -> tuple[Visitor, Visitor]:
        visitors = Visitor("policy=margin"), Visitor("policy=margin")
        leaving, staying = map(asyncio.create_task, [visitor.visit() for visitor in visitors])
        await asyncio.to_thread(held.begun.wait, PATIENCE)
        while not all(visitor.body for visitor in visitors):
            await asyncio.sleep(0)
        visitors[0].gone.set()
        await leaving
        held.go.set()
        await staying
        return visitors

    left, stayed = run(both())
    assert "data" in stayed.lines[-1] and all("progress" in line for line in left.lines)
    assert held.calls == 3 and not held.interrupted.is_set()  # margin, the mix and the oracle: once each


def test_a_fit_ends_when_its_only_visitor_closes_the_connection(held: HeldSweep) -> None:
    visitor = Visitor("policy=energy")

    async def leave() -> None:
        visiting = asyncio.create_task(visitor.visit())
        await asyncio.to_thread(held.begun.wait, PATIENCE)
        visitor.gone.set()
        await visiting
        held.go.set()

    run(leave())
    assert held.interrupted.wait(PATIENCE) and held.calls == 1
    entry = store.entry("tiny")
    assert entry is not None and not store.is_swept(entry, "energy", "macs")


def test_a_fit_that_waits_for_another_says_so(held: HeldSweep) -> None:
    async def both() -> tuple[Visitor, Visitor]:
        first = Visitor("policy=maxlogit")
        second = Visitor("policy=static", on_line=lambda line: held.go.set())
        running = asyncio.create_task(first.visit())
        await asyncio.to_thread(held.begun.wait, PATIENCE)
        await second.visit()
        await running
        return first, second

    first, second = run(both())
    assert second.lines[0]["progress"] == {
        "done": 0,
        "of": 1,
        "what": f"“{POLICIES['static'].title}” on “{TITLE}” waits until other policies are fitted",
    }
    assert "data" in first.lines[-1] and "data" in second.lines[-1]


def test_an_error_while_fitting_is_a_sentence_for_everybody(held: HeldSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> Any:
        held.begun.set()
        assert held.go.wait(PATIENCE)
        raise UserError("This cannot be fitted; take another one.")

    monkeypatch.setattr(store, "run_sweep", fail)

    async def both() -> list[Visitor]:
        visitors = [Visitor("policy=myopic") for _ in range(2)]
        visiting = [asyncio.create_task(visitor.visit()) for visitor in visitors]
        while not all(visitor.body for visitor in visitors):
            await asyncio.sleep(0)
        held.go.set()
        await asyncio.gather(*visiting)
        return visitors

    for visitor in run(both()):
        assert visitor.status == 200 and visitor.lines[-1] == {"error": "This cannot be fitted; take another one."}
