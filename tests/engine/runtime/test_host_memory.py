"""Memory is taken in bulk and returned. Each setting has a process of its own, as memory taken earlier cannot be changed."""

import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

#: The settings of Linux for large pages.
LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage")
BEGIN = """
import ctypes, resource, torch
from engine.runtime.host_memory import take_memory_in_bulk
take_memory_in_bulk()
"""
#: Tensors that are made by imports come first.
IMPORTS = """
from engine.runtime import compute
from engine.measuring import measure
from engine.training import loop as train
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
        break
else:
    print()
"""
#: Allocates maps of three layers repeatedly, of small and of large batches. Prints the number of pages taken for each, all of them small,
#: as the number of large ones varies from run to run.
MANY_BATCHES = """
PR_SET_THP_DISABLE = 41
assert ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0
def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def batch(sizes):
    return [torch.ones(size, dtype=torch.uint8) for size in sizes]
for sizes in ((3_000_000, 2_000_000, 1_000_000), (36_000_000, 34_000_000, 35_000_000)):
    batch(sizes)
    before = pages()
    for _ in range(8):
        batch(sizes)
    print(pages() - before)
"""


@cache
def printed(own_settings: bool) -> list[list[str]]:
    """The words of each line that ONE_TENSOR and MANY_BATCHES print. own_settings: with settings of the user, which take precedence"""
    imports = "" if own_settings else IMPORTS
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "THP_"))}
    if own_settings:
        mine |= {"THP_MEM_ALLOC_ENABLE": "0", "MALLOC_TRIM_THRESHOLD_": "131072"}
    child = subprocess.run(
        [sys.executable, "-c", imports + BEGIN + ONE_TENSOR + MANY_BATCHES], check=True, stdout=subprocess.PIPE, text=True, env=mine
    )
    return [line.split() for line in child.stdout.splitlines()]


@pytest.mark.skipif(not LARGE_PAGES.is_dir(), reason="this kernel has no large pages")
def test_large_tensors_request_large_pages() -> None:
    assert "hg" in printed(own_settings=False)[0]
    assert "hg" not in printed(own_settings=True)[0]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries work differently")
def test_memory_of_one_batch_is_reused_by_the_next() -> None:
    """Compared with a process that returns it, because a busy system may take a few pages from either."""
    _, *kept = printed(own_settings=False)
    _, *returned = printed(own_settings=True)
    assert len(kept) == len(returned) == 2
    assert all(int(few) < int(many) / 10 for (few,), (many,) in zip(kept, returned, strict=True))


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
