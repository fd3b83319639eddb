"""A connection to a Ray cluster: to one that runs already, or to one that is started on this machine and ends with the command.

What Ray writes goes to a temporary folder, it reports no statistics of usage, it has no dashboard, and it answers only those who have the
token that is made for it.
"""

import importlib.util
import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from engine.errors import UserError

REQUIREMENTS = "requirements-cluster.txt"
#: For objects on their way between processes. Shards do not travel: each worker writes its own.
OBJECT_STORE_BYTES = 2**28
#: Ray's sockets are files in its folder, and the paths of sockets are short everywhere.
LONGEST_HOME = 32
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
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    return ray


@contextmanager
def ray_session(options: ClusterOptions) -> Generator[ModuleType]:
    """Ray, connected; a connection that the program has made is used as it is. Raises UserError without Ray, or if no cluster answers."""
    ray = ray_module()
    if ray.is_initialized():
        yield ray
        return
    with (
        tempfile.TemporaryDirectory(prefix="offramp-ray-", dir=_short_folder(), ignore_cleanup_errors=True) as home,
        _terminable(),
    ):
        try:
            _join(ray, options) if options.address else _start(ray, options, home)
            # Ray prints what it has to say about ended workers on stdout, whose text belongs to the command, and has no setting for that.
            ray._private.worker._worker_logs_enabled = False
            yield ray
        finally:
            ray.shutdown()


@contextmanager
def _terminable() -> Generator[None]:
    """Within it, SIGTERM ends the program as an exception does, so that the cluster is ended too. Only the main thread can see to that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _start(ray: ModuleType, options: ClusterOptions, home: str) -> None:
    """Start a cluster of several processes on this machine."""
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray writes one to the home folder of the user
    cores = cores_here()
    ray.init(
        address="local",
        num_cpus=max(cores, options.workers * options.cpus) if options.workers else cores,
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        _temp_dir=home,
        **_quietly(options),
    )


def _join(ray: ModuleType, options: ClusterOptions) -> None:
    try:
        ray.init(address=options.address, **_quietly(options))
    except Exception as problem:  # of many kinds, by address, version and token
        reason = " ".join(str(problem).split())[:200].rstrip(".: ")
        raise UserError(
            f"There is no connection to a Ray cluster at {options.address} ({reason}); start one with `ray start --head`, or leave out"
            " --address to start one on this machine."
        ) from problem


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
