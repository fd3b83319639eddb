"""What pip and uv print: as progress while they work, and as one sentence when they fail."""

from __future__ import annotations

import platform
import re
import shutil
import sys
import time
from pathlib import Path

from setting_up.environment import LOG, print_line

LINUX = sys.platform.startswith("linux")
SIZE = {"view": "about 1 GB of disk", "full": f"about {6 if LINUX else 2} GB of disk", "dev": f"about {7 if LINUX else 3} GB of disk"}
AGAIN = "then run the same command again"
OFFLINE = r"connection broken|connection error|max retries|name resolution|timed out|dns error|tcp connect error|network was disabled"
NO_NETWORK = OFFLINE + r"|ProxyError|SSLError|HTTP error|from versions: none|Failed to fetch|error sending request"
NO_WHEEL = r"Because (\S+?)(?:\{.*?\})?==(\S+) has no (?:usable )?wheels|No matching distribution found for ([^\s=]+)==(\S+)"
NO_ROOM = r"No space left|Errno 28|not enough space|Disk quota"
READ_ONLY = r"Permission denied|Read-only file system|Errno 13|Errno 30"
PIP_FAILS_TOO = f"{NO_ROOM}|{READ_ONLY}|{NO_WHEEL}|{OFFLINE}"
PIP_WHEEL = r"\s*(?:Downloading|Using cached|Processing) (?:\S*/)?([\w.]+-[^-\s]+)-\S*\.whl(?!\.metadata)( \([\d.]+ \w+\))?"
UV_WHEEL = r" *(?:Downloading (\S+) \(([\d.]+)([KMG])iB\)|Downloaded (\S+))\s*$"


class Progress:
    """unpacking: whether packages may be half unpacked;  received, total: MB of the larger wheels, which uv announces"""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._terminal = quiet, sys.stdout.isatty() and not quiet
        self.unpacking, self.received, self.total = False, 0.0, 0.0
        self._sizes: dict[str, float] = {}
        self._started, self._news = time.monotonic(), "working"

    def read(self, line: str) -> None:
        """Take a line that the installer printed. Without a terminal, print what it means."""
        news = self.news(line)
        self._news = news or self._news
        if news and not (self._quiet or self._terminal):
            print_line(f"  {news}")

    def news(self, line: str) -> str:
        """What a line of the installer tells a person, or ""."""
        if line.startswith(("Prepared", "Installing collected packages")):
            self.unpacking = True
            return "unpacking the packages"
        wheel = re.match(PIP_WHEEL, line)
        if wheel:
            return f"got {wheel[1]}{wheel[2] or ''}"
        wheel = re.match(UV_WHEEL, line)
        if not wheel:
            return ""
        if wheel[1]:
            self._sizes[wheel[1]] = float(wheel[2]) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[wheel[3]] / 1e6
            self.total += self._sizes[wheel[1]]
            return ""
        self.received += self._sizes.get(wheel[4], 0)
        rate = self.received / max(time.monotonic() - self._started, 0.1)
        return f"got {wheel[4]}: {self.received:,.0f} of {self.total:,.0f} MB, {rate:,.1f} MB/s"

    def show(self, ended: bool = False) -> None:
        """On a terminal, renew the one line that counts the seconds, or remove it at the end."""
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            line = "" if ended else f"  {time.monotonic() - self._started:4.0f} s  {self._news}"
            print("\r" + line[:width].ljust(width), end="\r" if ended else "", flush=True)


def is_lasting(output: str) -> bool:
    """Whether a package has no wheel for this platform, as far as a working network can tell."""
    return bool(re.search(NO_WHEEL, output)) and not re.search(NO_NETWORK, output, re.IGNORECASE)


def explain(output: str, venv: Path, level: str) -> str:
    log = f" The full log is in {venv / LOG}." if (venv / LOG).exists() else ""
    if re.search(NO_ROOM, output):
        free = shutil.disk_usage(venv.parent).free / 1e9
        return f"The disk is full: Offramp needs {SIZE[level]} in {venv} and {free:.1f} GB are free; make room, {AGAIN}.{log}"
    if re.search(READ_ONLY, output):
        return f"Offramp may not write to {venv}: move this folder to a place where you may write, {AGAIN}.{log}"
    if "File exists" in output and not venv.is_dir():
        return f"{venv} is not a folder: move it away, {AGAIN}."
    if re.search(NO_NETWORK, output, re.IGNORECASE):
        return f"The packages could not be downloaded: check the internet connection (or the proxy), {AGAIN}.{log}"
    missing = re.search(NO_WHEEL, output)
    if missing:
        python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        package = f"{missing[1]} {missing[2]}" if missing[1] else f"{missing[3]} {missing[4]}"
        if level == "view":
            return f"There is no {package} for {python}: start Offramp with another Python (3.11 to 3.14), {AGAIN}.{log}"
        return f"There is no {package} for {python}, so networks cannot be run here; viewing, importing and sweeping work."
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("hint:")]
    reason = f": {lines[-1][:200].rstrip('.')}" if lines else ""
    return f"The packages could not be installed{reason}. Fix that, {AGAIN}.{log}"
