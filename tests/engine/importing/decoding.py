"""Decoding without the separate process, for tests of what a decoder answers: starting it takes most of the time of such a test."""

import contextlib
import io
import runpy
import subprocess
import sys
import warnings
from collections.abc import Sequence
from typing import Any
from unittest import mock

import pytest

from engine.importing.readers import separate_process


def _run_here(command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
    """Runs `python -m module arguments` in this process, whose memory is not capped."""
    _, _, module, *arguments = command
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that the module has been imported before
        with mock.patch.object(sys, "argv", [module, *arguments]), mock.patch.object(separate_process, "cap_memory"):
            try:
                runpy.run_module(module, run_name="__main__")
            except SystemExit as end:
                code = int(end.code or 0)
    return subprocess.CompletedProcess(list(command), code, out.getvalue(), err.getvalue())


def decode_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the end of the test. Reading hostile files needs the process."""
    monkeypatch.setattr(separate_process.subprocess, "run", _run_here)
