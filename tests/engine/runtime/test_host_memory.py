"""Memory is had in bulk. Each case in a process of its own: what was taken earlier cannot be taken otherwise any more."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

#: Where Linux keeps what is set about large pages.
LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage")
BEGIN = """
import ctypes, resource, torch
from engine.runtime import compute
from engine.measuring import measure
from engine.training import loop as train# whatever is made while they are imported is made first
from engine.runtime.host_memory import take_memory_in_bulk
take_memory_in_bulk()
"""
#: Prints what the kernel was told about the memory of a large tensor. Whether it had large pages to give is not for us to say.
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
#: Maps of three layers, again and again. Prints how many pages were asked for, all of them small: how many large ones there are differs
#: from run to run.
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
    found = subprocess.run([sys.executable, "-c", BEGIN + what], check=True, stdout=subprocess.PIPE, text=True, env={**mine, **environment})
    return found.stdout


@pytest.mark.skipif(not LARGE_PAGES.is_dir(), reason="this kernel knows no large pages")
def test_large_tensors_ask_for_large_pages() -> None:
    assert "hg" in printed(ONE_TENSOR).split()
    assert "hg" not in printed(ONE_TENSOR, THP_MEM_ALLOC_ENABLE="0").split()  # a person's own setting stays


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have their own ways")
@pytest.mark.parametrize("sizes", [(3_000_000, 2_000_000, 1_000_000), (90_000_000, 40_000_000, 60_000_000)], ids=["small", "large"])
def test_what_one_batch_frees_the_next_one_takes(sizes: tuple[int, ...]) -> None:
    """Beside a process that gives it back, for a busy system may take a few pages away from either."""
    batches = f"SIZES = {sizes}\n{MANY_BATCHES}"
    kept = int(printed(batches))
    given_back = int(printed(batches, MALLOC_TRIM_THRESHOLD_="131072"))  # a person's own setting stays
    assert kept < given_back / 10


#: Many arrays too small to be mapped one by one, freed below one that stays.
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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have their own ways")
def test_what_is_free_but_held_is_given_back() -> None:
    ran = subprocess.run([sys.executable, "-c", HOLES], check=True, stdout=subprocess.PIPE, text=True)
    held, left = (int(pages) for pages in ran.stdout.split())
    assert held > 150_000_000 / 4096 > 10 * left
