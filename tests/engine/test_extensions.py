"""Extensions are imported once, in order, and a mistake in one is answered by a sentence."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.errors import UserError
from engine.extensions import load_extensions
from tests.sentences import assert_one_sentence


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What is imported from here is forgotten afterwards."""
    monkeypatch.setenv("OFFRAMP_EXTENSIONS", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def test_files_are_imported_once_in_the_order_of_their_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("b.py", "a.py", "_helper.py", "notes.txt"):
        (folder / name).write_text(f"print({name!r})")
    load_extensions()
    load_extensions()
    printed = capsys.readouterr()
    assert printed.err.split() == ["a.py", "b.py"] and printed.out == ""  # --json prints one document on stdout and nothing else


def test_several_folders_may_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [folder / "one", folder / "two"]
    for place in folders:
        place.mkdir()
        (place / f"{place.name}.py").write_text("print(__file__)")
    monkeypatch.setenv("OFFRAMP_EXTENSIONS", os.pathsep.join(map(str, folders)))
    load_extensions()
    assert capsys.readouterr().err.split() == [str(place / f"{place.name}.py") for place in folders]
    (folders[1] / "one.py").write_text("")
    with pytest.raises(UserError) as caught:
        load_extensions()
    assert_one_sentence(str(caught.value), str(folders[0] / "one.py"), str(folders[1] / "one.py"))


@pytest.mark.parametrize("content", ["1 / 0", "import nowhere_at_all", "def (", "raise SystemExit(3)", "raise ValueError"])
def test_a_file_that_fails_is_named_and_tried_again(folder: Path, content: str) -> None:
    (folder / "mine.py").write_text(content)
    for _ in range(2):
        with pytest.raises(UserError) as caught:
            load_extensions()
        assert_one_sentence(str(caught.value), str(folder / "mine.py"))
    (folder / "mine.py").write_text("")
    load_extensions()


def test_a_file_that_fails_halfway_keeps_its_own_sentence(folder: Path) -> None:
    (folder / "halfway.py").write_text("import _counted\n_counted.times += 1\nraise ValueError(f'time {_counted.times}')")
    (folder / "_counted.py").write_text("times = 0")
    sentences = set()
    for _ in range(3):
        with pytest.raises(UserError) as caught:
            load_extensions()
        sentences.add(str(caught.value))
    assert len(sentences) == 1 and "time 1" in sentences.pop()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("class Bad: name = 'bad'\nengine.register_policy(Bad)", "not a subclass of engine.Policy"),
        ("class Bad(engine.Policy): name = 5\nengine.register_policy(Bad)", "5 cannot name a policy"),
        ("class Bad(engine.Policy): name = '../x'\nengine.register_policy(Bad)", "cannot name a policy"),
        ("engine.register_dataset('../x', 'X', 'images', 2)", "cannot name a data set"),
        ("engine.register_reader('.CSV')", "is not an ending of file names"),
        ("from app.views.registry import view\nview(title='X', url_path='a/../b', order=1)", "cannot name a view"),
    ],
)
def test_an_invalid_registration_is_one_sentence(folder: Path, code: str, reason: str) -> None:
    (folder / "bad.py").write_text(f"import engine\n{code}\n")
    with pytest.raises(UserError) as caught:
        load_extensions()
    assert_one_sentence(str(caught.value), str(folder / "bad.py"), reason)


def test_a_missing_folder_is_named_on_the_command_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OFFRAMP_EXTENSIONS", str(folder / "gone"))
    assert main(["list"]) == 2
    assert_one_sentence(capsys.readouterr().err.strip(), "OFFRAMP_EXTENSIONS", str(folder / "gone"))
