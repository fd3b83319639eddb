"""Your own policies, data sets, cost units, import forms, views and charts: Python files that Offramp imports when it starts.

OFFRAMP_EXTENSIONS names their folders, separated as in PATH. Every file `*.py` there is imported in the order of names, unless its name
begins with an underscore, and registers what it contains. It can import its neighbours by name, and what it prints goes to stderr.
Extensions are code that runs with your rights: name only folders you trust.
"""

import os
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from engine.errors import UserError

FOLDERS = "OFFRAMP_EXTENSIONS"
PACKAGE = "offramp_extensions"


@dataclass(frozen=True)
class Failure:
    """Why a file could not be loaded. modified: when the file was last changed, in nanoseconds"""

    modified: int
    sentence: str


_failed: dict[Path, Failure] = {}


def load_extensions() -> None:
    """Import every extension that this process has not imported yet. Raises UserError if a folder is missing or a file fails."""
    for folder in filter(None, os.environ.get(FOLDERS, "").split(os.pathsep)):
        if not Path(folder).is_dir():
            raise UserError(f"There is no folder {folder} for extensions; correct the environment variable {FOLDERS}.")
        for path in sorted(Path(folder).resolve().glob("[!_]*.py")):
            load_extension(path)


def _package() -> None:
    """Extensions are modules of a package, so that what they define can be pickled and sent to another process that has loaded them too."""
    package = sys.modules.setdefault(PACKAGE, ModuleType(PACKAGE))
    package.__path__ = []


def load_extension(path: Path) -> None:
    """Import one file, unless it was imported before."""
    name = f"{PACKAGE}.{path.stem}"
    known = sys.modules.get(name)
    if known is not None:
        if known.__file__ != str(path):
            raise UserError(f"Two extensions are called {path.name}: {known.__file__} and {path}; rename one of them.")
        return
    if path in _failed and _failed[path].modified == path.stat().st_mtime_ns:  # a second try would find its own registrations
        raise UserError(_failed[path].sentence)
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    _package()
    module = sys.modules[name] = module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        with redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except KeyboardInterrupt:
        del sys.modules[name]
        raise
    except BaseException as problem:  # SystemExit too: an extension must not end the page
        del sys.modules[name]
        reason = " ".join(f"{type(problem).__name__}: {problem}".split())[:200].rstrip(": ")
        sentence = f"The extension {path} cannot be loaded ({reason}); correct it, or move it out of its folder."
        _failed[path] = Failure(path.stat().st_mtime_ns, sentence)
        raise UserError(sentence) from problem
