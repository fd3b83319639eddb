"""Sweeps as tasks: each policy on each bundle is one, which any process of the cluster may run."""

from collections import deque
from collections.abc import Iterator, Sequence

from engine.analysis.sweep_report import SweepReport, SweepRequest, sweep_report
from engine.cluster.session import ClusterOptions, ray_session
from engine.cluster.workers import Resources, fitting, mistake_of
from engine.extensions import load_extensions

#: A task whose process ends, or whose node is lost, is run again so many times.
RETRIES = 3


def sweeps_on_cluster(requests: Sequence[SweepRequest], options: ClusterOptions) -> Iterator[tuple[SweepRequest, SweepReport]]:
    """The reports in the order in which they are ready. Raises UserError if one cannot be made, or if no worker can start."""
    with ray_session(options) as connection:
        ray = connection.ray
        each = Resources(options.cpus, 0.0)
        at_once = options.workers or fitting(connection, each)
        task = ray.remote(_report).options(num_cpus=each.cpus, max_retries=RETRIES, scheduling_strategy="SPREAD")
        waiting, running = deque(requests), {}
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    request = waiting.popleft()
                    running[task.remote(request)] = request
                for ready in connection.completed(running):
                    request = running.pop(ready)
                    try:
                        yield request, ray.get(ready)
                    except ray.exceptions.RayTaskError as error:
                        raise mistake_of(error) from None
        finally:
            for task_left in running:
                ray.cancel(task_left, force=True)


def _report(request: SweepRequest) -> SweepReport:
    load_extensions()
    return sweep_report(request)
