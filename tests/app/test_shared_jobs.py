"""Work that visitors share: done once, abandoned when the last of them leaves, and forgotten when it ends."""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack
from threading import Event

import pytest

from app.shared_jobs import Abandoned, SharedJobs
from engine.errors import UserError
from engine.progress import Progress

PATIENCE = 30  # seconds until a test that hangs fails


class Held:
    """Work that takes a step whenever the test lets it, and notes how it ended."""

    def __init__(self) -> None:
        self.runs = 0
        self.begun, self.go, self.ended = Event(), Event(), Event()

    def __call__(self, progress: Progress) -> str:
        self.runs += 1
        try:
            progress(1, 3)
            self.begun.set()
            assert self.go.wait(PATIENCE)
            progress(2, 3)
            return "result"
        finally:
            self.ended.set()


@pytest.fixture
def jobs() -> SharedJobs[str]:
    return SharedJobs(at_once=1)


@pytest.fixture
def held() -> Iterator[Held]:
    work = Held()
    yield work
    work.go.set()  # no thread stays behind


def unexpected(progress: Progress) -> str:
    raise AssertionError("begun although there is such a job")


def test_visitors_share_a_job(jobs: SharedJobs[str], held: Held) -> None:
    with jobs.waiting("a", held) as first, jobs.waiting("a", unexpected) as second:
        assert first is second and len(jobs) == 1
        assert held.begun.wait(PATIENCE) and first.begun and first.progress == (1, 3)
        held.go.set()
        assert first.future.result(PATIENCE) == "result" and first.progress == (2, 3)
    assert held.runs == 1 and len(jobs) == 0


def test_a_job_goes_on_until_its_last_visitor_leaves(jobs: SharedJobs[str], held: Held) -> None:
    with ExitStack() as last:
        with jobs.waiting("a", held) as job:
            last.enter_context(jobs.waiting("a", unexpected))
            assert held.begun.wait(PATIENCE)
        assert len(jobs) == 1
    assert len(jobs) == 0 and not held.ended.is_set()
    held.go.set()
    with pytest.raises(Abandoned):
        job.future.result(PATIENCE)
    assert held.ended.is_set()


def test_one_who_stays_gets_the_result_after_another_has_left(jobs: SharedJobs[str], held: Held) -> None:
    with jobs.waiting("a", held) as job:
        with jobs.waiting("a", unexpected):
            assert held.begun.wait(PATIENCE)
        held.go.set()
        assert job.future.result(PATIENCE) == "result"


def test_who_comes_after_a_job_was_given_up_gets_a_new_one(jobs: SharedJobs[str], held: Held) -> None:
    with jobs.waiting("a", held) as old:
        assert held.begun.wait(PATIENCE)
    with jobs.waiting("a", lambda progress: "new") as job:
        assert job is not old
        held.go.set()
        assert job.future.result(PATIENCE) == "new"


def test_a_job_that_has_not_begun_is_never_run_if_everybody_leaves(jobs: SharedJobs[str], held: Held) -> None:
    with jobs.waiting("a", held):
        assert held.begun.wait(PATIENCE)
        with jobs.waiting("b", unexpected) as job:
            assert not job.begun and len(jobs) == 2
        with pytest.raises(CancelledError):
            job.future.result(PATIENCE)
        assert len(jobs) == 1


def test_as_many_run_at_once_as_allowed(held: Held) -> None:
    jobs: SharedJobs[str] = SharedJobs(at_once=2)
    other = Held()
    with jobs.waiting("a", held), jobs.waiting("b", other), jobs.waiting("c", lambda progress: "third") as third:
        assert held.begun.wait(PATIENCE) and other.begun.wait(PATIENCE) and not third.begun
        other.go.set()
        assert third.future.result(PATIENCE) == "third"
        assert not held.ended.is_set()


def test_an_error_reaches_everybody_and_is_not_kept(jobs: SharedJobs[str]) -> None:
    go = Event()

    def fail(progress: Progress) -> str:
        assert go.wait(PATIENCE)
        raise UserError("One sentence.")

    with jobs.waiting("a", fail) as first, jobs.waiting("a", unexpected) as second:
        go.set()
        for job in (first, second):
            with pytest.raises(UserError, match="One sentence."):
                job.future.result(PATIENCE)
    work: Callable[[Progress], str] = lambda progress: "works"  # noqa: E731
    with jobs.waiting("a", work) as job:
        assert job.future.result(PATIENCE) == "works"
    assert len(jobs) == 0
