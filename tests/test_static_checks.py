"""The code is clean by its linter, its formatter and its type checker."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHECKS = {
    "ruff": ("ruff", "check"),
    "ruff format": ("ruff", "format", "--check"),
    # It reads the types of the packages that are installed beside this Python.
    "pyrefly": ("pyrefly", "check", "--python-interpreter-path", sys.executable),
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_clean(name: str) -> None:
    check = subprocess.run([sys.executable, "-m", *CHECKS[name]], cwd=ROOT, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
