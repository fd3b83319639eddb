"""The frame: every registered view is in the navigation, and the default one is drawn."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.allowed_hosts import PRIVATE
from app.serve import MAIN
from tests.app.samples import write_sample


def test_the_frame_opens_the_default_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sample(tmp_path, examples=90, exits=3)
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    monkeypatch.setenv(PRIVATE, "1")
    page = AppTest.from_file(str(MAIN), default_timeout=100).run()
    assert not page.exception and [title.value for title in page.title] == ["Explore"]


@pytest.mark.parametrize(("name", "warnings"), [("", 0), ("explore", 0), ("nothing", 1)])
def test_only_a_view_that_does_not_exist_is_warned_of(name: str, warnings: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    monkeypatch.setenv(PRIVATE, "1")
    page = AppTest.from_file(str(MAIN), default_timeout=100)
    page.query_params["view"] = name
    assert len(page.run().warning) == warnings and page.title[0].value == "Explore"


def test_a_server_without_the_pages_files_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PRIVATE, raising=False)
    page = AppTest.from_file(str(MAIN), default_timeout=100).run()
    assert not page.exception and "run_app.py" in page.error[0].value and not page.title
