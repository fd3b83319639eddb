"""Memory is taken in bulk and returned. Every case runs in its own process, as memory taken earlier cannot be changed."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

#: The settings of Linux for large pages.
LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage")
BEGIN = """
import ctypes, resource, torch
from engine.runtime import compute
from engine.measuring import measure
from engine.training import loop as train# tensors that are made by imports come first
from engine.runtime.host_memory import take_memory_in_bulk
take_memory_in_bulk()
"""
#: Prints the flags of the memory of a large tensor. Whether the kernel has large pages to give is another matter.
ONE_TENSOR = """
middle = torch.ones(2**26, dtype=torch.uint8).data_ptr() + 2**25
inside = False
for line in open("/proc/self/smaps"):
    first, *rest = line.split()
    if not first.endswith(":"):
        begin, end = (int(place, 16) for place in first.split("-"))
        inside = begin <= middle < end
    elif inside and first == "VmFlags:":
        print(*rest)
"""
#: Allocates maps of three layers repeatedly. Prints the number of pages taken, all of them small, as the number of large ones varies from
#: run to run.
MANY_BATCHES = """
PR_SET_THP_DISABLE = 41
assert ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0
def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def batch():
    return [torch.ones(size, dtype=torch.uint8) for size in SIZES]
batch()
before = pages()
for _ in range(20):
    batch()
print(pages() - before)
"""


def printed(what: str, **environment: str) -> str:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "THP_"))}
    child = subprocess.run([sys.executable, "-c", BEGIN + what], check=True, stdout=subprocess.PIPE, text=True, env={**mine, **environment})
    return child.stdout


@pytest.mark.skipif(not LARGE_PAGES.is_dir(), reason="this kernel has no large pages")
def test_large_tensors_request_large_pages() -> None:
    assert "hg" in printed(ONE_TENSOR).split()
    assert "hg" not in printed(ONE_TENSOR, THP_MEM_ALLOC_ENABLE="0").split()  # the user's setting takes precedence


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries work differently")
@pytest.mark.parametrize("sizes", [(3_000_000, 2_000_000, 1_000_000), (90_000_000, 40_000_000, 60_000_000)], ids=["small", "large"])
def test_memory_of_one_batch_is_reused_by_the_next(sizes: tuple[int, ...]) -> None:
    """Compared with a process that returns it, because a busy system may take a few pages from either."""
    batches = f"SIZES = {sizes}\n{MANY_BATCHES}"
    kept = int(printed(batches))
    returned = int(printed(batches, MALLOC_TRIM_THRESHOLD_="131072"))  # the user's setting takes precedence
    assert kept < returned / 10


#: Many arrays too small to be mapped separately, freed below one that stays.
HOLES = """
from pathlib import Path
import numpy as np
from engine.runtime.host_memory import give_memory_back
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])
before = resident()
arrays = [np.ones(100_000, np.uint8) for _ in range(2000)]
last = arrays.pop()
del arrays
held = resident() - before
give_memory_back()
print(held, resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries work differently")
def test_freed_memory_is_returned() -> None:
    ran = subprocess.run([sys.executable, "-c", HOLES], check=True, stdout=subprocess.PIPE, text=True)
    held, left = (int(pages) for pages in ran.stdout.split())
    assert held > 150_000_000 / 4096 > 10 * left
