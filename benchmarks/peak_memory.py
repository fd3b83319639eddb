"""How much memory this process has taken at most."""

import resource
import sys
from pathlib import Path


def peak_memory() -> float:
    """In MiB. On Linux, `getrusage` also counts what the parent process held when this one was started, so its own file is read."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
