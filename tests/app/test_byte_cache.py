"""A cache that counts bytes: what it keeps, what it drops first, and that forty threads at once make a value once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest

from app.byte_cache import ByteCache


def cache(limit: int) -> ByteCache[bytes]:
    return ByteCache(limit, len)


def unexpected() -> bytes:
    raise AssertionError("made again although it was kept")


def kept(cache: ByteCache[bytes], keys: str) -> str:
    """Those of the keys that are kept."""
    return "".join(key for key in keys if cache.peek(key) is not None)


def test_a_value_is_kept() -> None:
    made = cache(100)
    assert made.get("a", lambda: b"12345") == b"12345" == made.get("a", unexpected)
    assert (made.held, len(made)) == (5, 1)


def test_the_least_recently_used_are_dropped_and_no_more_than_needed() -> None:
    made = cache(100)
    for key in "abcd":
        made.get(key, lambda: bytes(25))
    made.get("a", unexpected)
    made.get("e", lambda: bytes(40))
    assert kept(made, "abcde") == "ade" and made.held == 90


def test_the_limit_itself_is_allowed() -> None:
    made = cache(100)
    made.put("a", bytes(60))
    made.put("b", bytes(40))
    assert kept(made, "ab") == "ab"
    made.put("c", bytes(1))
    assert kept(made, "abc") == "bc" and made.held == 41


def test_a_value_above_the_limit_is_kept_alone_until_the_next() -> None:
    made = cache(100)
    made.put("small", bytes(10))
    made.put("large", bytes(1000))
    assert made.peek("small") is None and made.get("large", unexpected) and made.held == 1000
    made.put("small", bytes(10))
    assert made.peek("large") is None and made.held == 10


def test_a_replaced_value_counts_once() -> None:
    made = cache(100)
    made.put("a", bytes(60))
    made.put("a", bytes(30))
    assert (made.held, len(made)) == (30, 1)
    made.drop("a")
    made.drop("a")
    assert (made.held, len(made)) == (0, 0)


def at_once(visitors: int, get: Callable[[], bytes]) -> list[bytes | Exception]:
    """What each of that many threads gets when all call at once."""
    together = Barrier(visitors)

    def one(_: int) -> bytes | Exception:
        together.wait(30)
        try:
            return get()
        except ValueError as problem:
            return problem

    with ThreadPoolExecutor(visitors) as threads:
        return list(threads.map(one, range(visitors)))


def test_forty_threads_wait_for_the_one_that_makes_a_value() -> None:
    made, turns, lock = cache(100), [], Lock()
    slow = Event()

    def make() -> bytes:
        with lock:
            turns.append(1)
        slow.wait(0.2)  # never set: time for the others to arrive
        return b"once"

    assert at_once(40, lambda: made.get("a", make)) == [b"once"] * 40 and len(turns) == 1


def test_other_keys_do_not_wait() -> None:
    made, begun, end = cache(100), Event(), Event()

    def slow() -> bytes:
        begun.set()
        assert end.wait(30)
        return b"slow"

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(made.get, "slow", slow)
        assert begun.wait(30)
        assert made.get("quick", lambda: b"quick") == b"quick" and not waiting.done()
        end.set()
        assert waiting.result(30) == b"slow"


def test_a_failure_is_not_kept_and_every_waiting_thread_gets_its_own() -> None:
    made = cache(100)

    def fail() -> bytes:
        raise ValueError("no")

    problems = at_once(8, lambda: made.get("a", fail))
    assert len({id(problem) for problem in problems}) == 8 and all(isinstance(problem, ValueError) for problem in problems)
    assert made.get("a", lambda: b"now") == b"now"


def test_a_value_may_be_made_from_another_one_in_the_same_cache() -> None:
    made = cache(100)
    assert made.get("outer", lambda: made.get("inner", lambda: b"in") + b"out") == b"inout"
    assert (made.peek("inner"), made.peek("outer")) == (b"in", b"inout")


def test_a_size_that_cannot_be_computed_leaves_nothing_behind() -> None:
    made: ByteCache[object] = ByteCache(100, len)
    with pytest.raises(TypeError):
        made.get("a", lambda: 5)
    assert len(made) == 0 and made.held == 0
    assert made.get("a", lambda: b"12") == b"12"
