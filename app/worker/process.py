"""The page's side of its worker, see app.worker: started when it is first needed, stopped when it rests, replaced when it was killed."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Lock, Timer

from app.worker.messages import Reply, Request, read_reply, write_request
from engine.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
#: -P: a folder `app` where the server was started must not pass for ours.
COMMAND = (sys.executable, "-P", "-m", "app.worker")
REST = 300.0  # seconds without a request after which it is stopped: torch and a data set take some 700 MB

KILLED = -9  # the return code of a process that was sent SIGKILL


class WorkerLost(UserError):
    """It ended before it had answered."""


class WorkerFault(RuntimeError):
    """An error in what it runs, with its traceback."""


class WorkerProcess:
    """One process at most, and one request at a time, whichever thread asks."""

    def __init__(self, rest: float = REST) -> None:
        self._rest = rest
        self._turn = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: Timer | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs, if one does."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def ask(self, request: Request) -> Reply:
        """Raises UserError if what is asked for cannot be had; WorkerLost, which is one, if the process ended meanwhile."""
        with self._turn:
            self._cancel_rest()
            process = self._running()
            assert process.stdin is not None and process.stdout is not None
            try:
                write_request(request, process.stdin)
                answer = read_reply(process.stdout)
            except (OSError, EOFError) as problem:
                raise WorkerLost(f"The process that handles data sets {self._end()} before it had answered; try again.") from problem
            self._timer = Timer(self._rest, self.stop)
            self._timer.daemon = True
            self._timer.start()
        if answer.fault is not None:
            raise WorkerFault(answer.fault)
        if answer.problem is not None:
            raise UserError(answer.problem)
        return answer

    def stop(self) -> None:
        """Give its memory back; the next request starts another one."""
        with self._turn:
            self._cancel_rest()
            if self._process is not None:
                self._end()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
            try:
                self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
            except OSError as problem:  # no memory, or too many processes
                raise WorkerLost(f"The process that handles data sets could not be started ({problem.strerror}); try again.") from problem
        return self._process

    def _end(self) -> str:
        """End it, if it has not ended; returns how it did."""
        process, self._process = self._process, None
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            process.stdin.close()  # it ends when its input does
        except OSError:
            pass  # what was not written need not be
        process.stdout.close()
        try:
            code = process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return "was killed, as happens where memory is short," if code == KILLED else f"ended with exit code {code}"

    def _cancel_rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
