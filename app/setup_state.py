"""Whether torch may be imported here: run_app.py opens the page first and installs it in the background, see bootstrap.py.

A process that tries to import torch while it is being unpacked cannot import it later. So only processes that start after the
installation may, which the page's own process never does.
"""

import importlib.util
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

#: Written by bootstrap.py; missing where everything was installed at once, or by other means.
STATE = Path(sys.prefix) / "setup.json"
#: Seconds after which an installer that has not renewed its state counts as killed; it does so every second.
SILENT = 20.0


@dataclass(frozen=True)
class SetupState:
    """installing: whether torch is on its way;  lasting: whether it does not exist for this platform

    unavailable_reason: None if torch may be imported by a new process, else one sentence
    """

    unavailable_reason: str | None = None
    installing: bool = False
    lasting: bool = False


READY = SetupState()
_MISSING = "PyTorch is not installed in this Python; start run_app.py, or install requirements.txt."
_STOPPED = "The set-up was stopped before PyTorch was installed; start run_app.py again to go on."


def setup_state(file: Path | None = None) -> SetupState:
    """As it is now. file: where the state is kept"""
    try:
        known = json.loads((file or STATE).read_text(encoding="utf-8"))
        state, written = known["state"], float(known["time"])
    except (OSError, ValueError, TypeError, KeyError):
        return READY if importlib.util.find_spec("torch") else SetupState(_MISSING)
    if state == "done":
        return READY
    if state != "installing":
        return SetupState(str(known.get("sentence") or _STOPPED), lasting=state == "unsupported")
    if abs(time.time() - written) > SILENT:
        return SetupState(_STOPPED)
    total = known.get("total") or 0
    received = f" ({known.get('received', 0):,} of {total:,} MB)" if total else ""
    return SetupState(f"PyTorch is still being installed{received}; try again when it is there.", installing=True)
