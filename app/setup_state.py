"""Whether a new process may import torch: run_app.py opens the page before torch is installed, see bootstrap.py.

A process that tries to import torch while it is being unpacked cannot import it later. So only processes that start after the
installation may import it. The page's own process never does.
"""

import importlib.util
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

#: Written by the installer; missing if everything was installed at once or by other means.
STATE = Path(sys.prefix) / "setup.json"
#: An installer renews its state every second. After so many seconds without that it counts as killed.
SILENT = 20.0


@dataclass(frozen=True)
class SetupState:
    """unavailable_reason: None if a new process may import torch, else one sentence
    installing: whether torch is being installed
    lasting: whether torch does not exist for this platform
    """

    unavailable_reason: str | None = None
    installing: bool = False
    lasting: bool = False


READY = SetupState()
_MISSING = "PyTorch is not installed in this Python; start run_app.py or install requirements.txt."
_STOPPED = "Set-up was stopped before PyTorch was installed; start run_app.py again to continue."


def setup_state(file: Path | None = None) -> SetupState:
    """The current state. file: where it is stored (default: STATE)"""
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
    return SetupState(f"PyTorch is still being installed{received}; try again in a few minutes.", installing=True)
