"""The figures of all examples of a large bundle: a worker process of its own computes them, and the page shows those of the sample until
then."""

from app import store
from app.worker.messages import SweepWhole
from app.worker.process import WorkerProcess
from engine.bundle.library import Entry
from engine.progress import Progress


def sweep_whole(entry: Entry, policy: str, unit: str, progress: Progress) -> None:
    """Sweep a policy, and those that it is compared with, over all examples, as far as that has not been done. Raises UserError.

    The results are kept in the data folder, or else in memory. progress: what it raises ends the work, and what was finished is kept
    """
    missing = store.not_exact(entry, policy, unit)
    if not missing:
        return
    worker = WorkerProcess(does="computes the figures of all examples", needs_torch=False)
    try:
        reply = worker.call(SweepWhole(str(entry.folder), store.opened(entry).sha256, missing, unit), progress)
    finally:
        worker.stop()
    for name, document in reply.unkept.items():
        store.keep_in_memory(entry, name, unit, document.encode())
