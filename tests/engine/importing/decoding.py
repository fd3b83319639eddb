"""Decoding without the separate process, for tests of what a decoder answers: starting it takes most of the time of such a test."""

from contextvars import ContextVar

import pytest

from engine.importing.readers import separate_process


def decode_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the end of the test. The memory of this process is not limited: reading hostile files needs the worker."""
    monkeypatch.setattr(separate_process, "is_confined", ContextVar("is_confined", default=True))
