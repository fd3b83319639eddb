"""The command `offramp`, which `pip install -e .` gives."""

import subprocess
import sys
from pathlib import Path

import pytest

import run_app
from setting_up.environment import ROOT
from tests.tiny_setup import is_one_sentence


@pytest.mark.parametrize(
    ("words", "given"),
    [([], []), (["page"], []), (["page", "--port", "9000"], ["--port", "9000"]), (["--port", "9000"], ["--port", "9000"])],
)
def test_alone_or_with_page_it_is_the_page(words: list[str], given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[list[str]] = []
    monkeypatch.setattr(run_app, "main", lambda argv: pages.append(argv) or 0)
    monkeypatch.setattr(sys, "argv", ["offramp", *words])
    assert run_app.command() == 0 and pages == [given]


def offramp(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[0] = 'offramp'; import run_app; sys.exit(run_app.command())"
    return subprocess.run([sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True)


def test_any_other_word_is_a_command_of_the_engine(tmp_path: Path) -> None:
    listed = offramp("list", folder=tmp_path)
    assert listed.returncode == 0 and "doodles" in listed.stdout
    mistyped = offramp("lst")
    assert mistyped.returncode == 2 and is_one_sentence(mistyped.stderr)
