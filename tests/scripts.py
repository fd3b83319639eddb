"""Runs a script of the repository in the process of the tests, which has already imported what takes seconds to import."""

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from runpy import run_path
from subprocess import CompletedProcess

import pytest
import torch


def run_script(path: Path, options: Sequence[str], folder: Path) -> CompletedProcess[str]:
    """As `python PATH OPTIONS...` started in a folder. What the script changes in this process is changed back."""
    stdout, stderr, status, threads = StringIO(), StringIO(), 0, torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(stdout), redirect_stderr(stderr):
        patched.setattr(sys, "argv", [str(path), *options])
        patched.setattr(sys, "path", list(sys.path))
        patched.setattr(os, "environ", os.environ.copy())
        patched.chdir(folder)
        try:
            run_path(str(path), run_name="__main__")
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except FileNotFoundError as missing:
            if missing.filename != str(path):
                raise
            status = 2
            print(missing, file=stderr)
        finally:
            torch.set_num_threads(threads)
    return CompletedProcess([str(path), *options], status, stdout.getvalue(), stderr.getvalue())
