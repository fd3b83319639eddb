"""Downloads that a page started: one at a time, shown to all visitors, and a failure is a sentence."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from app.allowed_hosts import PRIVATE
from app.worker import downloads
from engine.datasets.published.files import FILES
from engine.errors import UserError


class Fetching:
    """Replaces the download in a process of its own: waits until the test ends it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.begun, self.end = Event(), Event()
        self.fails: Exception | None = None

    def __call__(self, name: str, folder: Path) -> None:
        self.names.append(name)
        self.begun.set()
        assert self.end.wait(30)
        if self.fails:
            raise self.fails


@pytest.fixture
def fetching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fetching]:
    monkeypatch.setenv("OFFRAMP_DATASETS", str(tmp_path))
    monkeypatch.setenv(PRIVATE, "1")
    monkeypatch.setattr(downloads, "fetch", fetching := Fetching())
    yield fetching
    fetching.end.set()
    for name in FILES:
        ended(name)


def ended(name: str) -> downloads.Download | None:
    if latest := downloads.latest(name):
        latest._thread.join(30)
    return latest


def test_nothing_is_downloaded_unasked(fetching: Fetching) -> None:
    assert downloads.latest("cifar10") is None and fetching.names == []


@pytest.mark.parametrize("private", ["0", None])
def test_a_page_that_others_reach_downloads_nothing(fetching: Fetching, monkeypatch: pytest.MonkeyPatch, private: str | None) -> None:
    """Nor does a page that was not started by app.serve, so that nothing is known of it."""
    monkeypatch.delenv(PRIVATE) if private is None else monkeypatch.setenv(PRIVATE, private)
    with pytest.raises(UserError, match="served to others.*python -m engine download cifar10 on the server"):
        downloads.start("cifar10")
    assert downloads.latest("cifar10") is None and fetching.names == []


def test_a_second_press_starts_no_second_download(fetching: Fetching) -> None:
    first = downloads.start("cifar10")
    assert fetching.begun.wait(30)
    assert downloads.start("cifar10") is first is downloads.latest("cifar10") and first.running
    fetching.end.set()
    assert not ended("cifar10").running and fetching.names == ["cifar10"] and first.problem is None


def test_two_data_sets_are_downloaded_one_after_the_other(fetching: Fetching) -> None:
    downloads.start("cifar10")
    assert fetching.begun.wait(30)
    downloads.start("svhn")
    assert downloads.latest("svhn").running and fetching.names == ["cifar10"]
    fetching.end.set()
    ended("svhn")
    assert fetching.names == ["cifar10", "svhn"]


def test_received_bytes_are_those_of_the_unfinished_files(fetching: Fetching, tmp_path: Path) -> None:
    files = FILES["svhn"]
    download = downloads.start("svhn")
    assert download.received == 0
    unfinished = files.unfinished(tmp_path)
    unfinished.mkdir()
    for name, size in files.archives.items():
        with open(unfinished / name, "wb") as file:
            file.truncate(size // 2)
    assert download.received == files.size // 2


@pytest.mark.parametrize(("error", "words"), [(UserError("No answer."), "No answer."), (KeyError("x"), "server's log")])
def test_a_failure_is_one_sentence_and_may_be_tried_again(fetching: Fetching, error: Exception, words: str) -> None:
    fetching.fails = error
    fetching.end.set()
    downloads.start("cifar10")
    failed = ended("cifar10")
    assert not failed.running and words in failed.problem
    fetching.fails = None
    downloads.start("cifar10")
    assert ended("cifar10") is not failed and downloads.latest("cifar10").problem is None
