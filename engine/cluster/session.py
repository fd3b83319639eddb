"""A connection to a Ray cluster: to one that runs already, or to one that is started on this machine and ends with the command.

What Ray writes goes to a temporary folder, it reports no statistics of usage, it serves no dashboard, and it answers only those who have
the token that is made for it. If one of its own processes ends, so does the command, in a sentence, see `engine.cluster.guard`.
"""

import importlib.util
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.cluster.guard import Guard, end_all_in, is_running, lost, processes_in, remove_abandoned
from engine.display_text import counted
from engine.errors import UserError

logger = logging.getLogger("offramp")
REQUIREMENTS = "requirements-cluster.txt"
#: For objects on their way between processes. Shards do not travel: each worker writes its own.
OBJECT_STORE_BYTES = 2**28
#: Most workers for each core of this machine.
MOST_SHARING = 4
#: Ray's sockets are files in its folder, and the paths of sockets are short everywhere.
LONGEST_HOME = 32
HOME = "offramp-ray-"
#: Seconds in which a cluster has to accept a connection.
ANSWERS_WITHIN = 10.0
#: How a connection begins in HTTP/2, which Ray speaks, with settings that may be empty; and the kind of frame that the settings of the
#: other side are (RFC 9113, sections 3.4 and 6.5).
HTTP2_BEGINS, HTTP2_SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]), 4
#: The processes of Ray without which it does not work; a raylet ends itself when one of its two agents has ended. Ray ends a driver that
#: has lost one, without an exception: after 10 to 60 seconds, or at once if the driver asks the raylet for something.
NEEDED = ("gcs_server", "raylet", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
#: Workers end before the raylet that ends them. Seconds in which it does so too.
FOLLOWS_WITHIN = 1.0
#: Settings of Ray that it reads when it is imported. It has no other way to keep it from printing on stdout, whose text belongs to the
#: command, what it has to say about ended workers; this is a pattern of the lines that it leaves out.
RAY_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "^"}
#: Settings that a worker needs to see the same data and extensions, if they are set.
SETTINGS = ("OFFRAMP_DATA", "OFFRAMP_DATASETS", "OFFRAMP_EXTENSIONS")


@dataclass(frozen=True)
class ClusterOptions:
    """What a user may choose about a cluster.

    workers: how many; None: as many as there is room for
    cpus:    cores of each worker, which are also its threads
    gpus:    GPUs of each worker, or a share of one; None: one if the cluster has any and the device is not the CPU
    address: of a cluster that runs already, such as "auto" or "10.0.0.5:6379"; None: start one on this machine
    """

    workers: int | None = None
    cpus: int = 1
    gpus: float | None = None
    address: str | None = None


def ray_module() -> ModuleType:
    """Ray. Raises UserError if it is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            f"Ray is not installed in this Python and `--cluster ray` needs it; install it with `python -m pip install -r {REQUIREMENTS}`."
        )
    os.environ.update(RAY_SETTINGS)
    import ray

    return ray


@dataclass(frozen=True)
class Connection:
    """Ray, connected.

    is_own: whether this program has started the cluster, so that no nodes can join it
    own:    {name: number} of those processes of its own cluster without which it does not work
    """

    ray: ModuleType
    is_own: bool = False
    own: Mapping[str, int] = field(default_factory=dict)

    def completed(self, tasks: Iterable[Any]) -> list[Any]:
        """At most one result that is there, after at most a second, so that Ctrl-C is noticed. Raises UserError if the cluster ended."""
        self.check()
        completed = self.ray.wait(list(tasks), num_returns=1, timeout=1)[0]
        self.check()  # the result may be that the cluster ended, after which Ray ends a program that asks it for more
        return completed

    def ended(self) -> list[str]:
        """The names of those of its own processes that have ended."""
        return [name for name, number in self.own.items() if not is_running(number)]

    def check(self, within: float = 0.0) -> None:
        """Raises UserError if one of its own processes has ended, or does so within some seconds."""
        deadline = time.monotonic() + within
        while not (ended := self.ended()):
            if not self.own or time.monotonic() >= deadline:
                return
            time.sleep(0.02)
        raise UserError(lost(ended))

    def check_after_loss(self) -> None:
        """To be called before a worker that ended is replaced. Raises UserError if it ended because the cluster did."""
        self.check(FOLLOWS_WITHIN)


@contextmanager
def ray_session(options: ClusterOptions) -> Generator[Connection]:
    """A connection; one that the program has made is used as it is. Raises UserError without Ray, or if no cluster answers."""
    ray = ray_module()
    if ray.is_initialized():
        yield Connection(ray)
        return
    if options.address is None:
        _check_room(options)
    else:
        _check_address(options.address)
    folder = _short_folder() or tempfile.gettempdir()
    remove_abandoned(Path(folder).glob(f"{HOME}*"))
    with (
        tempfile.TemporaryDirectory(prefix=HOME, dir=folder, ignore_cleanup_errors=True) as home,
        Guard(home) as guard,
        _terminable(),
    ):
        connection = Connection(ray)
        try:
            if options.address is not None:
                _join(ray, options)
            else:
                with _uninterrupted():
                    _start(ray, options, home)
                own = {name: number for number, name in processes_in(home).items() if name in NEEDED}
                guard.watch(own)
                connection = Connection(ray, is_own=True, own=own)
            with _terminable():  # again, as Ray has a handler that aborts
                yield connection
        except ray.exceptions.RayError:
            connection.check_after_loss()
            raise
        finally:
            if not connection.ended():
                guard.leave()  # otherwise when its context is left: until then Ray may end this program
            else:
                end_all_in(home)  # for which Ray would wait
            ray.shutdown()


@contextmanager
def _terminable() -> Generator[None]:
    """Within it, SIGTERM ends the program as an exception does, so that the cluster is ended too. Only the main thread can see to that."""
    received: list[int] = []

    def handle(number: int, frame: object) -> None:
        received.append(128 + number)
        sys.exit(received[0])

    try:
        with _handling(signal.SIGTERM, handle):
            yield
    except SystemExit as leaving:
        if received:  # Ray may have put a code of its own in place of this one
            raise SystemExit(received[0]) from leaving
        raise


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Within it, Ctrl-C is kept for the end, unless it is pressed twice: Ray may crash if its start is interrupted."""
    received: list[int] = []

    def handle(number: int, frame: object) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt

    with _handling(signal.SIGINT, handle):
        yield
    if received:
        raise KeyboardInterrupt


@contextmanager
def _handling(number: signal.Signals, handle: Callable[[int, object], None]) -> Generator[None]:
    """Within it, a signal is handled in another way, if this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handle)
    try:
        yield
    finally:
        signal.signal(number, before)


def _check_room(options: ClusterOptions) -> None:
    """Raises UserError if this machine is too small for the workers. A few may share a core."""
    cores, workers = cores_here(), options.workers or 1
    if options.cpus > cores:
        raise UserError(
            f"--cpus-per-worker is {options.cpus} and this machine has {counted(cores, 'core')}; give at most as many, or the --address of"
            " a cluster with larger machines."
        )
    if workers * options.cpus > MOST_SHARING * cores:
        raise UserError(
            f"{counted(workers, 'worker')} with {counted(options.cpus, 'core')} each are too many for this machine, which has"
            f" {counted(cores, 'core')}; give at most {MOST_SHARING * cores // options.cpus} --workers, or a larger cluster's --address."
        )


def _check_address(address: str) -> None:
    """Raises UserError if nothing answers at an address, or something else than Ray, for which Ray would wait without end."""
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not (host and port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 2**16) or "/" in host:
        raise UserError(f"--address is {address!r} and must be auto, or HOST:PORT such as 10.0.0.5:6379.")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWERS_WITHIN) as connection:
            connection.sendall(HTTP2_BEGINS)
            frame = b"" if os.environ.get("RAY_USE_TLS") == "1" else connection.recv(9)
    except (OSError, UnicodeError) as problem:
        raise _no_connection(address, str(problem)) from problem
    if len(frame) > 3 and frame[3] != HTTP2_SETTINGS:
        raise _no_connection(address, "another service answers there")


def _no_connection(address: str, reason: str, remedy: str | None = None) -> UserError:
    remedy = remedy or "start one with `ray start --head`, or leave out --address to start one on this machine"
    return UserError(f"There is no connection to a Ray cluster at {address} ({_first_sentence(reason)}); {remedy}.")


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).partition(". ")[0][:200].rstrip(".: ")


def _start(ray: ModuleType, options: ClusterOptions, home: str) -> None:
    """Start a cluster of several processes on this machine."""
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray writes one to the home folder of the user
    cores = cores_here()
    what = counted(options.workers, "worker") if options.workers else "workers"
    logger.info("Starting a cluster for %s on this machine.", what)
    try:
        ray.init(
            address="local",
            num_cpus=max(cores, options.workers * options.cpus) if options.workers else cores,
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            _temp_dir=home,
            **_quietly(options),
        )
    except Exception as problem:  # Ray raises Exception itself if one of its processes ends meanwhile
        end_all_in(home)
        raise UserError(
            f"A cluster could not be started on this machine ({_first_sentence(str(problem))}); run the same command again."
        ) from problem


def _join(ray: ModuleType, options: ClusterOptions) -> None:
    try:
        ray.init(address=options.address, **_quietly(options))
    except Exception as problem:  # of many kinds, by address, version and token
        remedy = "give its token in RAY_AUTH_TOKEN, and use the versions of Ray and Python that it has"
        raise _no_connection(options.address or "", str(problem), None if options.address == "auto" else remedy) from problem


def _quietly(options: ClusterOptions) -> dict[str, object]:
    return {"log_to_driver": False, "logging_level": "ERROR", "runtime_env": {"env_vars": worker_environment(options.cpus)}}


def worker_environment(cpus: int) -> dict[str, str]:
    """Environment variables of a worker: where this program, its data and its extensions are, and the number of threads."""
    here = str(Path(__file__).resolve().parents[2])
    paths = dict.fromkeys([here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])
    settings = {name: os.environ[name] for name in SETTINGS if os.environ.get(name)}
    threads = {f"{library}_NUM_THREADS": str(cpus) for library in ("OMP", "OPENBLAS")}
    return {"PYTHONPATH": os.pathsep.join(paths), **threads, **settings}


def cores_here() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _short_folder() -> str | None:
    return "/tmp" if os.name == "posix" and len(tempfile.gettempdir()) > LONGEST_HOME else None
