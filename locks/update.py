#!/usr/bin/env python3
"""Writes the locks from the requirements: every package with its exact version and hashes, for all platforms and Pythons from 3.11 on.

    python locks/update.py                all locks; keeps the locked versions that the requirements allow
    python locks/update.py --upgrade      all locks, with the newest versions that the requirements allow

Each lock is a constraint for the next one, so view is a subset of full, and full of dev. uv.txt holds only the installer. This uses the
uv of requirements-dev.txt and the main package index in pip's configuration.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from setting_up.environment import read_pins, requirements  # noqa: E402
from setting_up.pip_settings import uv_settings  # noqa: E402

#: {lock: the lock that constrains it}
BELOW = {"view": None, "full": "view", "dev": "full"}


def header(source: str) -> str:
    return f"# Made from {source} by `python locks/update.py`. Do not edit.\n"


def compile_lock(uv: str, source: Path, lock: Path, below: Path | None, upgrade: bool) -> None:
    command = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--python-version", "3.11", "--no-config"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--output-file", str(lock), str(source)]
    command += ["--constraints", str(below)] * (below is not None) + ["--upgrade"] * upgrade
    settings, _ = uv_settings(subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True))
    settings.pop("UV_INDEX", None)  # a package on an extra index may have other hashes than the public one
    subprocess.run(command, env={**os.environ, **settings}, check=True)
    text = lock.read_text(encoding="utf-8")
    lock.write_text(header(source.name) + re.sub(r"^#.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")


def main(argv: list[str]) -> int:
    upgrade = argv == ["--upgrade"]
    if argv and not upgrade:
        print(__doc__, file=sys.stderr)
        return 2
    version = read_pins(requirements("dev"))["uv"]
    uv = Path(sys.executable).with_name("uv.exe" if sys.platform == "win32" else "uv")
    if not uv.exists():
        print(f"uv {version} is not installed beside {sys.executable}: run python3 run_tests.py --version first.", file=sys.stderr)
        return 2
    for level, below in BELOW.items():
        compile_lock(str(uv), requirements(level), HERE / f"{level}.txt", below and HERE / f"{below}.txt", upgrade)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "requirements-dev.txt"
        source.write_text(f"uv=={version}\n", encoding="utf-8")
        compile_lock(str(uv), source, HERE / "uv.txt", None, upgrade)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
