"""Workers on a cluster: how many there is room for, what each of them gets, and what becomes of their mistakes."""

import time
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from engine.cluster.session import ClusterOptions, Connection
from engine.display_text import counted
from engine.errors import UserError

#: A cluster without a node that is large enough for a worker may be starting one. After these seconds, it is too small.
PATIENCE = 60.0


@dataclass(frozen=True)
class Resources:
    """What each worker gets. cpus: cores;  gpus: GPUs, or a share of one"""

    cpus: int
    gpus: float

    def __str__(self) -> str:
        return counted(self.cpus, "core") + (f" and {self.gpus:g} GPU{'s' * (self.gpus > 1)}" if self.gpus else "")


def resources(ray: ModuleType, options: ClusterOptions, device: str) -> Resources:
    """What each worker gets. Raises UserError if a GPU is needed and the cluster has none. device: as the user chose it"""
    if ":" in device:
        raise UserError(f"--device {device} names one GPU of a machine, and on a cluster Ray chooses it; give --device cuda.")
    gpus = ray.cluster_resources().get("GPU", 0)
    if device == "cuda" and not gpus:
        raise UserError("The cluster has no GPU; choose --device auto or cpu, or another cluster with --address.")
    if device == "cuda" and options.gpus == 0:
        raise UserError("--device cuda needs a GPU for each worker, and --gpus-per-worker is 0; leave one of them out.")
    if options.gpus is not None:
        return Resources(options.cpus, options.gpus)
    return Resources(options.cpus, 1.0 if gpus and device in ("auto", "cuda") else 0.0)


def room(ray: ModuleType, each: Resources) -> int:
    """For how many workers the nodes of the cluster are large enough."""
    workers = 0
    for node in ray.nodes():
        if node["Alive"]:
            has = node["Resources"]
            fits = [has.get("CPU", 0) / each.cpus, *([has.get("GPU", 0) / each.gpus] if each.gpus else [])]
            workers += int(min(fits) + 1e-9)
    return workers


def fitting(connection: Connection, each: Resources) -> int:
    """As `room`, on a cluster on which there may not be any yet. Raises UserError if there is none after a while."""
    ray, begun = connection.ray, time.monotonic()
    while not (workers := room(ray, each)):
        if connection.is_own or time.monotonic() > begun + PATIENCE:
            has = ray.cluster_resources()
            raise UserError(
                f"No node of the cluster is large enough for a worker with {each}: all nodes together have {has.get('CPU', 0):g} cores and"
                f" {has.get('GPU', 0):g} GPUs; give a smaller --cpus-per-worker or --gpus-per-worker."
            )
        time.sleep(1)
    return workers


def actor_class(ray: ModuleType, cls: type, each: Resources) -> Any:
    """A class whose instances are workers. Ray does not restart them: the work of one that waits for its node to return would wait too.
    So the caller gives the work to others and starts a new worker."""
    return ray.remote(cls).options(num_cpus=each.cpus, num_gpus=each.gpus, max_restarts=0, scheduling_strategy="SPREAD")


def cannot_start(error: Exception) -> UserError:
    """The error of a worker that ended before it could be used."""
    reason = str(error).strip().splitlines()[-1].strip().rstrip(".")[:200]
    return UserError(
        f"A worker could not start ({reason}); every node needs this version of Offramp with its packages, and enough memory for a network."
    )


def end(connection: Connection, actor: Any) -> None:
    """End a worker, with what it computes, if it has not ended yet. Those of a cluster that ended do so by themselves."""
    if not connection.ended():
        with suppress(Exception):
            connection.ray.kill(actor)


def mistake_of(error: Exception) -> Exception:
    """What a worker raised, without the traceback that Ray adds, if it is the mistake of a user."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, UserError) else error
