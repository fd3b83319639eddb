"""A checkout that sets itself up in seconds: tiny wheels instead of the packages, and uv as a local wheel."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest

from setting_up import environment
from setting_up.environment import ROOT

#: A server that only prints that it was started.
SERVED = "print('served')\n"
UNKNOWN_HASH = f" \\\n    --hash=sha256:{'0' * 64}\n"


def is_one_sentence(text: str) -> bool:
    """Whether it is one line (a second sentence may name the log) without a traceback."""
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text


def fake_package(site: Path, name: str, version: str, record: bool = True) -> None:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if record:
        (info / "RECORD").write_text("")


def write_wheel(folder: Path, name: str, version: str, files: dict[str, str], tag: str = "py3-none-any") -> Path:
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as packed:
        for place, text in files.items():
            packed.writestr(place, text)
        packed.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n")
        packed.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        packed.writestr(f"{info}/RECORD", "")
    return path


def locked_line(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name.replace('_', '-')}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@cache
def installed_uv() -> Path:
    """The uv of requirements-dev.txt."""
    beside = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed: install requirements-dev.txt")
    return Path(uv)


class TinySetup:
    """A checkout in `folder`. `view` is the package tiny_view, and `full` has tiny_torch too. It uses no index."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.venv, self.wheels = folder / "offramp", folder / "offramp" / ".venv", folder / "wheels"
        for path in (self.folder / "app", self.folder / "locks", self.wheels):
            path.mkdir(parents=True)
        for name in ("run_app.py", "bootstrap.py"):
            shutil.copy(ROOT / name, self.folder)
        shutil.copytree(ROOT / "setting_up", self.folder / "setting_up", ignore=shutil.ignore_patterns("__pycache__"))
        self.serve(SERVED)
        (self.folder / "locks" / "uv.txt").write_text(f"uv==9.9.9{UNKNOWN_HASH}")
        for name in ("view", "torch"):
            write_wheel(self.wheels, f"tiny_{name}", "1.0", {f"tiny_{name}.py": f"NAME = {name!r}\n"})
        self.pin("1.0", "1.0")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
        path = os.pathsep.join(place for place in clean["PATH"].split(os.pathsep) if not (Path(place) / "uv").exists())
        self.environment = clean | {"PATH": path, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_NO_INDEX": "1"}
        self.environment |= {"PIP_FIND_LINKS": str(self.wheels), "XDG_CACHE_HOME": str(folder / "cache")}

    def take_environment(self, other: TinySetup) -> None:
        """Start with the environment of another checkout, without packages, so that pip need not be unpacked and compiled again."""
        kept = {"bin", "Scripts", "include", "Include", "lib", "lib64", "Lib", environment.PIP, "pyvenv.cfg"}

        def ignore(folder: str, names: list[str]) -> list[str]:
            if Path(folder) == other.venv:
                return [name for name in names if name not in kept]
            return names if Path(folder).name == "site-packages" else []

        shutil.rmtree(self.venv, ignore_errors=True)
        shutil.copytree(other.venv, self.venv, symlinks=True, copy_function=os.link, ignore=ignore)

    def serve(self, program: str) -> None:
        (self.folder / "app" / "serve.py").write_text(program)

    def pin(self, view: str, torch: str | None = None) -> None:
        """The versions to install. torch: None leaves it out, so that `view` is everything"""
        packages = {"tiny_view": view} | ({"tiny_torch": torch} if torch else {})
        lines = [f"{name.replace('_', '-')}=={version}\n" for name, version in packages.items()]
        (self.folder / "requirements-view.txt").write_text(lines[0])
        (self.folder / "requirements.txt").write_text("-r requirements-view.txt\n" + "".join(lines[1:]))
        wheels = {name: next(self.wheels.glob(f"{name}-{version}-*.whl"), None) for name, version in packages.items()}
        locked = [locked_line(wheel) if wheel else line.strip() + UNKNOWN_HASH for wheel, line in zip(wheels.values(), lines, strict=True)]
        (self.folder / "locks" / "view.txt").write_text(locked[0])
        (self.folder / "locks" / "full.txt").write_text("".join(locked))

    def offer_uv(self, downloaded: bool = False) -> None:
        """Offer the real uv as a wheel that pip can download. downloaded: it was, by a set-up elsewhere"""
        uv = installed_uv()
        version = subprocess.check_output([uv, "--version"], text=True).split()[1]
        folder = Path(self.environment["XDG_CACHE_HOME"]) / "offramp" if downloaded else self.wheels
        folder.mkdir(parents=True, exist_ok=True)
        wheel = write_wheel(folder, "uv", version, {})
        with zipfile.ZipFile(wheel, "a") as packed:
            packed.write(uv, f"uv-{version}.data/scripts/{uv.name}")
        (self.folder / "locks" / "uv.txt").write_text(locked_line(wheel))

    def start(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "run_app.py", "--no-browser", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=self.environment, timeout=100)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "run_app.py", "--no-browser", *arguments]
        pipe = subprocess.PIPE
        group = os.name != "nt"  # so that a test can kill the children too
        return subprocess.Popen(
            command, cwd=self.folder, stdout=pipe, stderr=pipe, text=True, env=self.environment, start_new_session=group
        )

    def imports(self, name: str) -> bool:
        python = self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        return subprocess.run([python, "-I", "-c", f"import {name}"], capture_output=True).returncode == 0
