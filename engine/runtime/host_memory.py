"""How memory is taken from the host and given back, on Linux.

PyTorch takes it in large pages, and not from the system anew for every layer: what is freed usually goes back to the system, and the next
large tensor begins as pages to be found and cleared once more. That is no arithmetic, and it weighs most where there is little of it: in
the first stages of small networks it was several times the work itself.
"""

import ctypes
import os
import sys

#: mallopt's names in glibc's malloc.h, and what they are set to: tensors come out of the heap, none is mapped by itself, ...
M_MMAP_MAX, MAPPED = -4, 0
#: ... and of the heap so many bytes may be free before any are given back. By default that is twice the largest tensor yet.
M_TRIM_THRESHOLD, KEPT = -1, 2**30


def take_memory_in_bulk() -> None:
    """Call it once, before the first tensor is made. Settings that are in the environment already stay as they are."""
    # 2 MiB at a time and not 4 KiB: training is quicker by a twentieth, and big batches by more. Read when PyTorch first takes memory.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if sys.platform == "linux" and not any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not every C library has it
        if mallopt is not None:
            mallopt(M_MMAP_MAX, MAPPED)
            mallopt(M_TRIM_THRESHOLD, KEPT)


def give_memory_back() -> None:
    """Give the system what was freed and is still held for the next array: after a large computation that may be half of all there is."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
