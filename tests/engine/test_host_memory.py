"""Memory is had in bulk. Each case in a process of its own: what was taken earlier cannot be taken otherwise any more."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

#: Where Linux says whether memory may be had in large pages.
LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
BEGIN = """
import resource, torch
from engine import compute, measure, train  # whatever is made while they are imported is made first
from engine.devices import pick_device
pick_device("cpu")
def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
"""
ONE_TENSOR = """
before = pages()
torch.ones(2**26, dtype=torch.uint8)
print(pages() - before)
"""
#: Maps of three layers, again and again.
MANY_BATCHES = """
def batch():
    return [torch.ones(size, dtype=torch.uint8) for size in SIZES]
batch()
before = pages()
for _ in range(20):
    batch()
print(pages() - before)
"""


def pages_taken(what: str, **environment: str) -> int:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "THP_"))}
    found = subprocess.run([sys.executable, "-c", BEGIN + what], check=True, stdout=subprocess.PIPE, text=True, env={**mine, **environment})
    return int(found.stdout)


def test_large_tensors_are_given_memory_in_large_pages() -> None:
    pages = pages_taken(ONE_TENSOR)
    large = LARGE_PAGES.is_file() and "[never]" not in LARGE_PAGES.read_text()
    assert pages < 2**26 / 4096 / 4 if large else pages > 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have their own ways")
@pytest.mark.parametrize("sizes", [(3_000_000, 2_000_000, 1_000_000), (90_000_000, 40_000_000, 60_000_000)], ids=["small", "large"])
def test_what_one_batch_frees_the_next_one_takes(sizes: tuple[int, ...]) -> None:
    batches = f"SIZES = {sizes}\n{MANY_BATCHES}"
    kept = pages_taken(batches)
    given_back = pages_taken(batches, THP_MEM_ALLOC_ENABLE="0", MALLOC_TRIM_THRESHOLD_="131072")  # a person's own setting stays
    assert kept < 200 < 20 * sum(sizes) / 4096 / 2 < given_back
