"""The suite's limit of time follows the speed of the machine, within bounds."""

import sys
from pathlib import Path
from runpy import run_path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "limit.py"


class Pool:
    """Works in this process, at a set speed."""

    seconds: float

    def __init__(self, workers: int) -> None:
        assert workers == 2

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def map(self, work: object, rounds: range) -> list[float]:
        return [self.seconds * 0.7, self.seconds]  # the slower of the two counts


@pytest.mark.parametrize(("slowness", "limit"), [(0.3, 900), (1.0, 900), (1.5, 1350), (2.0, 1800), (30.0, 2700)])
def test_a_slower_machine_has_more_time_up_to_three_times(
    slowness: float, limit: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = run_path(str(SCRIPT))["USUAL"]
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", Pool)
    monkeypatch.setattr(Pool, "seconds", slowness * usual, raising=False)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "900"])
    run_path(str(SCRIPT), run_name="__main__")
    assert capsys.readouterr().out == f"{limit}\n"


def test_the_work_that_is_timed_takes_time() -> None:
    assert run_path(str(SCRIPT))["seconds_of_work"](0) > 0.001
