"""Shared by all tests: with OFFRAMP_REQUIRE_ALL=1, a skipped or deselected test is a failure, so that no missing tool goes unnoticed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Generator, Sequence

import pytest

from engine.extensions import load_extensions

load_extensions()  # so that the contract tests also cover what OFFRAMP_EXTENSIONS adds
REQUIRE_ALL = os.environ.get("OFFRAMP_REQUIRE_ALL") == "1"


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    if REQUIRE_ALL and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"OFFRAMP_REQUIRE_ALL=1, but {report.nodeid} was skipped: {reason}"
        if hasattr(report, "wasxfail"):
            del report.wasxfail


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse(report)
    return report


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    option = items[0].config.option if items else None
    requested = option and (option.keyword or option.markexpr or option.deselect or getattr(option, "lf", False))
    if REQUIRE_ALL and items and not requested:  # a selection on the command line is allowed
        pytest.exit(f"OFFRAMP_REQUIRE_ALL=1, but {len(items)} tests were deselected, such as {items[0].nodeid}", returncode=1)


@pytest.fixture(autouse=True)
def main_module_is_restored() -> Generator[None, None, None]:
    """A script that Streamlit runs stays the main module, which every process that a later test spawns would run again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The path of the system's Chromium or Chrome, for the browser tests. The headless shell is twice as quick."""
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    pytest.skip("Chromium or Chrome is not installed; install one (on Debian: sudo apt install chromium-headless-shell)")


@pytest.fixture(scope="session")
def nginx_path() -> str:
    """The path of the system's nginx. It is often in a folder that only root's PATH has."""
    if path := shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])):
        return path
    pytest.skip("nginx is not installed; install it (on Debian or Ubuntu: sudo apt install nginx-light)")
