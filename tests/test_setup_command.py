"""The command `offramp`, which `pip install -e .` provides, and commands of the engine without torch."""

import subprocess
import sys
from pathlib import Path

import pytest

import run_app
from setting_up.environment import ROOT
from tests.tiny_setup import TinySetup, is_one_sentence


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


def test_without_the_packages_it_uses_those_of_the_environment_in_the_checkout(tmp_path: Path) -> None:
    """As after `pip install --no-deps -e .`; the working directory stays, because paths are relative to it."""
    tiny = TinySetup(tmp_path)
    engine = tiny.folder / "engine"
    engine.mkdir()
    (engine / "__main__.py").write_text("import os, sys, tiny_view\nprint(sys.argv[1:], os.getcwd())\n")
    code = f"import sys; sys.path.insert(0, {str(tiny.folder)!r}); import run_app; sys.exit(run_app.command())"
    command = [sys.executable, "-c", code, "list", "--json"]
    listed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=tiny.environment)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout == f"['list', '--json'] {tmp_path}\n" and "Setting up Offramp" in listed.stderr


def test_a_python_outside_the_environment_is_told_to_activate_it() -> None:
    code = "import sys; sys.modules['PIL'] = None; from engine.__main__ import main; sys.exit(main(sys.argv[1:]))"
    given = ["report", "doodles", "--policy", "maxprob", "--out", "doodles.html"]
    done = subprocess.run([sys.executable, "-c", code, *given], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and is_one_sentence(done.stderr), done.stderr
    assert "no PIL, which `report` needs" in done.stderr and ". .venv/bin/activate" in done.stderr


@pytest.mark.parametrize("command", run_app.NEED_TORCH)
def test_a_command_that_needs_torch_says_so(command: str) -> None:
    without = "import sys; sys.modules['torch'] = sys.modules['torchvision'] = None"
    code = f"{without}; from engine.__main__ import main; sys.exit(main(sys.argv[1:]))"
    given = [command, "cifar10" if command == "download" else "doodles"]
    done = subprocess.run([sys.executable, "-c", code, *given], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and is_one_sentence(done.stderr), done.stderr
    assert "PyTorch is not installed" in done.stderr and f"`{command}`" in done.stderr
