"""Extensions are imported once, in order, and a mistake in one is answered by a sentence."""

import os
import sys
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.errors import UserError
from engine.extensions import load_extensions
from tests.sentences import assert_one_sentence


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFRAMP_EXTENSIONS", str(tmp_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))  # what is imported here is forgotten afterwards
    return tmp_path


def test_files_are_imported_once_in_the_order_of_their_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("b.py", "a.py", "_helper.py", "notes.txt"):
        (folder / name).write_text(f"print({name!r})")
    load_extensions()
    load_extensions()
    assert capsys.readouterr().out.split() == ["a.py", "b.py"]


def test_several_folders_may_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [folder / "one", folder / "two"]
    for place in folders:
        place.mkdir()
        (place / f"{place.name}.py").write_text("print(__file__)")
    monkeypatch.setenv("OFFRAMP_EXTENSIONS", os.pathsep.join(map(str, folders)))
    load_extensions()
    assert capsys.readouterr().out.split() == [str(place / f"{place.name}.py") for place in folders]
    (folders[1] / "one.py").write_text("")
    with pytest.raises(UserError) as caught:
        load_extensions()
    assert_one_sentence(str(caught.value), str(folders[0] / "one.py"), str(folders[1] / "one.py"))


@pytest.mark.parametrize("content", ["1 / 0", "import nowhere_at_all", "def ("])
def test_a_file_that_fails_is_named_and_tried_again(folder: Path, content: str) -> None:
    (folder / "mine.py").write_text(content)
    for _ in range(2):
        with pytest.raises(UserError) as caught:
            load_extensions()
        assert_one_sentence(str(caught.value), str(folder / "mine.py"))
    (folder / "mine.py").write_text("")
    load_extensions()


def test_a_missing_folder_is_named_on_the_command_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OFFRAMP_EXTENSIONS", str(folder / "gone"))
    assert main(["list"]) == 2
    assert_one_sentence(capsys.readouterr().err.strip(), "OFFRAMP_EXTENSIONS", str(folder / "gone"))
