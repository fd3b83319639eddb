"""Prints a limit of time for this machine, in seconds: the one given, or a longer one where two processes at once are slower than usual.

python3 .ci/limit.py SECONDS

Shared machines differ by a factor of three, and a suite that became slower must not hide behind a quick one or fail on a slow one.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor

#: What `seconds_of_work` returned where the limit was set, on two idle cores of an AMD EPYC.
USUAL = 0.4
#: However slow the machine is.
LONGEST = 3.0


def seconds_of_work(_: int) -> float:
    """How long a fixed amount of work takes that is like the suite's: objects, dictionaries and strings."""
    begun = time.perf_counter()
    for round in range(100):
        counts: dict[str, int] = {}
        for number in range(20_000):
            word = str(number * 7919 % 10_007)
            counts[word] = counts.get(word, round) + number
    return time.perf_counter() - begun


def slowness() -> float:
    """The factor by which work takes longer than usual on two processes: the median of several tries."""
    with ProcessPoolExecutor(2) as both:
        tries = sorted(max(both.map(seconds_of_work, range(2))) for _ in range(7))
    return tries[len(tries) // 2] / USUAL


if __name__ == "__main__":
    print(round(float(sys.argv[1]) * min(max(slowness(), 1.0), LONGEST)))
