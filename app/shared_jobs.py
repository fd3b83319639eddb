"""Long work that visitors wait for: done once for all who want the same, and abandoned when the last of them leaves."""

from collections.abc import Callable, Generator, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from engine.progress import Progress

Value = TypeVar("Value")


class Abandoned(Exception):
    """Raised inside a job that no one waits for any more, at its next step."""


@dataclass(eq=False)
class Job(Generic[Value]):
    """future:   its result, or what it raised
    progress: steps done and steps in all, as last reported; (0, 1) before that
    begun:    False while it waits for a thread
    """

    future: Future[Value] = field(init=False)
    progress: tuple[int, int] = (0, 1)
    begun: bool = False
    _waiting: int = 0
    _abandoned: bool = False


class SharedJobs(Generic[Value]):
    """Thread-safe. A job is forgotten as soon as it ends, so its result must be kept elsewhere if it is needed again."""

    def __init__(self, at_once: int) -> None:
        """at_once: how many jobs run at the same time; the others wait, first come, first served"""
        self._threads = ThreadPoolExecutor(at_once, "job")
        self._lock = Lock()
        self._jobs: dict[Hashable, Job[Value]] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    @contextmanager
    def waiting(self, key: Hashable, work: Callable[[Progress], Value]) -> Generator[Job[Value]]:
        """Inside this context, the caller waits for the job under `key`. If there is none, it begins.

        work: should report its progress often, and must leave nothing unfinished behind when that raises
        """
        job = self._enter(key, work)
        try:
            yield job
        finally:
            self._leave(key, job)

    def _enter(self, key: Hashable, work: Callable[[Progress], Value]) -> Job[Value]:
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = Job()
                job.future = self._threads.submit(self._run, key, job, work)
            job._waiting += 1
            return job

    def _leave(self, key: Hashable, job: Job[Value]) -> None:
        with self._lock:
            job._waiting -= 1
            if job._waiting == 0:
                job._abandoned = True
                job.future.cancel()  # if it has not begun
                self._forget(key, job)  # a visitor who comes now gets a new one

    def _run(self, key: Hashable, job: Job[Value], work: Callable[[Progress], Value]) -> Value:
        def progress(done: int, total: int) -> None:
            if job._abandoned:
                raise Abandoned
            job.progress = done, total

        job.begun = True
        try:
            return work(progress)
        finally:
            with self._lock:
                self._forget(key, job)

    def _forget(self, key: Hashable, job: Job[Value]) -> None:
        if self._jobs.get(key) is job:
            del self._jobs[key]
