"""Where images are missing: a button to download them, but on no page that others reach."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.allowed_hosts import PRIVATE
from app.widgets import dataset_download
from app.worker.pictures import Album


def tile() -> None:
    from app.widgets.dataset_download import dataset_download

    dataset_download(None)


def shown(monkeypatch: pytest.MonkeyPatch, datasets: Path, private: str) -> AppTest:
    monkeypatch.setenv("OFFRAMP_DATASETS", str(datasets))
    monkeypatch.setenv(PRIVATE, private)
    monkeypatch.setattr(dataset_download, "album", lambda entry: Album(None, missing="They are not here.", obtainable="cifar10"))
    page = AppTest.from_function(tile).run()
    assert not page.exception
    return page


def unescaped(markdown: str) -> str:
    return markdown.replace("\\", "")


def test_a_page_for_this_computer_alone_has_a_button(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = shown(monkeypatch, tmp_path, private="1")
    assert [button.label for button in page.button] == ["Download 170 MB"]
    assert f"is missing in {tmp_path}" in unescaped(page.markdown[0].value)


def test_a_page_that_others_reach_names_the_command_instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = shown(monkeypatch, tmp_path, private="0")
    assert not page.button
    assert unescaped(page.markdown[0].value) == (
        "The images of CIFAR-10 are missing. The person who runs this server can download them with "
        "`python -m engine download cifar10 --datasets DIR`, where DIR is the folder given to run_app.py,"
        " or serve the page to that computer alone, where it has a button for the download."
    )
