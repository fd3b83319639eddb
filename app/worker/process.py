"""The page's side of the worker process: it is started when first needed, stopped when idle, and replaced when it was killed."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Lock, Timer

from app.setup_state import setup_state
from app.worker.messages import Reply, Request, read_reply, write_request
from engine.errors import UserError
from engine.progress import Progress, no_progress

ROOT = Path(__file__).resolve().parents[2]
#: -P: a folder `app` in the working directory must not be taken for ours.
COMMAND = (sys.executable, "-P", "-m", "app.worker")
IDLE = 300.0  # seconds without a request after which it is stopped: torch and a data set take some 700 MB

KILLED = -9  # the return code of a process that was sent SIGKILL


class WorkerLost(UserError):
    """The worker ended before it replied."""


class WorkerNotReady(WorkerLost):
    """The worker cannot start before torch is installed."""


class WorkerFault(RuntimeError):
    """A bug of ours in the worker, with its traceback."""


class WorkerProcess:
    """At most one process and one request at a time, whichever thread calls."""

    def __init__(self, idle: float = IDLE, does: str = "handles data sets", needs_torch: bool = True) -> None:
        """does: what its messages say of it"""
        self._idle, self._does, self._needs_torch = idle, does, needs_torch
        self._turn = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: Timer | None = None

    @property
    def pid(self) -> int | None:
        """Of the running process, if there is one."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def call(self, request: Request, progress: Progress = no_progress) -> Reply:
        """Raises UserError if the request cannot be met; WorkerLost, which is one, if the process ended meanwhile.

        progress: what it raises ends the process
        """
        with self._turn:
            self._cancel_timer()
            process = self._running()
            assert process.stdin is not None and process.stdout is not None
            try:
                write_request(request, process.stdin)
                reply = read_reply(process.stdout)
                while reply.progress is not None:
                    self._report(progress, *reply.progress)
                    reply = read_reply(process.stdout)
            except (OSError, EOFError) as problem:
                raise WorkerLost(f"The process that {self._does} {self._end()} before it replied; try again.") from problem
            self._timer = Timer(self._idle, self.stop)
            self._timer.daemon = True
            self._timer.start()
        if reply.fault is not None:
            raise WorkerFault(reply.fault)
        if reply.problem is not None:
            raise UserError(reply.problem)
        return reply

    def _report(self, progress: Progress, done: int, total: int) -> None:
        try:
            progress(done, total)
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """Free its memory; the next request starts another process."""
        with self._turn:
            self._cancel_timer()
            if self._process is not None:
                self._end()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            if self._needs_torch and (reason := setup_state().unavailable_reason):
                raise WorkerNotReady(reason)
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
            try:
                self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
            except OSError as problem:  # out of memory, or too many processes
                raise WorkerLost(f"The process that {self._does} could not be started ({problem.strerror}); try again.") from problem
        return self._process

    def _end(self) -> str:
        """End the process if it is still running; returns how it ended."""
        process, self._process = self._process, None
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            process.stdin.close()  # it exits when its input ends
        except OSError:
            pass  # what was not written is of no use
        process.stdout.close()
        try:
            code = process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return "was killed, as happens when memory is short," if code == KILLED else f"ended with exit code {code}"

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
