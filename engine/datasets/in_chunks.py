"""Draws many examples in several processes, in the order of their ids."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TypeVar

T = TypeVar("T")

CHUNK = 250  # examples that a process draws at once
WORTH_SHARING = 2_000  # examples; starting processes takes about a second, so fewer are drawn faster without them


def drawn_in_chunks(draw_chunk: Callable[[int, list[int]], T], seed: int, ids: Sequence[int], workers: int | None) -> list[T]:
    """What `draw_chunk` gives for the seed and each chunk of the ids, in order.

    draw_chunk: a function of a module, because other processes import it
    workers:    number of processes; None: one per core for `WORTH_SHARING` examples or more, otherwise one. What is drawn does not depend
                on it
    """
    chunks = [list(ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK)]
    if workers is None:
        workers = (os.cpu_count() or 1) if len(ids) >= WORTH_SHARING else 1
    workers = min(len(chunks), workers)
    one_chunk = partial(draw_chunk, seed)
    if workers <= 1:
        return [one_chunk(chunk) for chunk in chunks]
    # Spawned, not forked: a forked process with threads (PyTorch's, Streamlit's) may hang.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(one_chunk, chunks))
