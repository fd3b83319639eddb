"""What the page knows about an installation in the background."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import setup_state
from app.setup_state import SILENT
from app.worker.messages import Fetch
from app.worker.process import WorkerLost, WorkerProcess
from setting_up import environment
from tests.sentences import assert_one_sentence


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(setup_state, "STATE", tmp_path / environment.STATE)
    return tmp_path


def test_torch_that_was_installed_at_once_is_ready(venv: Path) -> None:
    assert setup_state.setup_state() == setup_state.READY
    environment.write_state(venv, "done")
    assert setup_state.setup_state() == setup_state.READY


def test_it_counts_the_megabytes(venv: Path) -> None:
    environment.write_state(venv, "installing", received=1764, total=2855)
    state = setup_state.setup_state()
    assert state.installing and not state.lasting
    assert_one_sentence(str(state.unavailable_reason), "1,764 of 2,855 MB")


def test_an_installer_that_was_killed_is_noticed(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.write_state(venv, "installing", received=1, total=2)
    later = setup_state.time.time() + SILENT + 1
    monkeypatch.setattr(setup_state.time, "time", lambda: later)
    state = setup_state.setup_state()
    assert not state.installing
    assert_one_sentence(str(state.unavailable_reason), "stopped", "run_app.py")


def test_a_failure_and_a_platform_without_torch_keep_their_sentence(venv: Path) -> None:
    environment.write_state(venv, "failed", sentence="The disk is full.")
    assert setup_state.setup_state().unavailable_reason == "The disk is full." and not setup_state.setup_state().lasting
    environment.write_state(venv, "unsupported", sentence="There is no torch here.", key="k")
    assert setup_state.setup_state().unavailable_reason == "There is no torch here." and setup_state.setup_state().lasting


def test_without_a_state_the_installed_packages_count(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_state.importlib.util, "find_spec", lambda name: None)
    assert_one_sentence(str(setup_state.setup_state().unavailable_reason), "not installed", "requirements.txt")
    (venv / environment.STATE).write_text("[1, 2")
    assert not setup_state.setup_state().installing


def test_the_worker_does_not_start_before(venv: Path) -> None:
    environment.write_state(venv, "installing", received=1, total=2)
    worker = WorkerProcess()
    with pytest.raises(WorkerLost) as refusal:  # lost, so that the page tries again later
        worker.call(Fetch("cifar10", str(venv)))
    assert worker.pid is None
    assert_one_sentence(str(refusal.value), "still being installed")


def page() -> None:
    from app.setup_notice import show_setup

    show_setup()


def test_one_line_on_the_page(venv: Path) -> None:
    environment.write_state(venv, "installing", received=1764, total=2855)
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert [line.value.replace("\\", "") for line in shown.caption] == [
        "PyTorch is still being installed (1,764 of 2,855 MB). Everything that does not run a network works already."
    ]
    environment.write_state(venv, "failed", sentence="The disk is full.")
    assert [line.value.replace("\\", "") for line in shown.run().caption] == ["The disk is full."]
    environment.write_state(venv, "unsupported", sentence="There is no torch here.")
    assert not shown.run().caption  # the places that need torch say so
    environment.write_state(venv, "done")
    assert not shown.run().caption and not shown.exception
