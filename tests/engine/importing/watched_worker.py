"""A worker that also notes where in the code each refusal was worded: one line `file:line` for each, in the file that WATCHED names.

The places are those of `UserError(...)` in the source, so two sentences from one template are one place.
"""

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.importing.readers import separate_process

ROOT = Path(__file__).resolve().parents[3]
#: The code of the worker: as `separate_process` starts it, with this module in between.
START = "import sys; sys.path.insert(0, sys.argv[1]); from tests.engine.importing.watched_worker import main; main()"


def watched(worker: separate_process.Worker, notes: Path, monkeypatch: Any) -> separate_process.Worker:
    """The same worker, which will be started as a watched one."""
    monkeypatch.setattr(separate_process, "_START", START)
    monkeypatch.setenv("WATCHED", str(notes))
    return worker


def main() -> None:
    notes = open(os.environ["WATCHED"], "a")  # noqa: SIM115 - until the process ends

    def noted(self: UserError, *arguments: Any) -> None:
        Exception.__init__(self, *arguments)
        caller = sys._getframe(1)
        print(f"{caller.f_code.co_filename}:{caller.f_lineno}", file=notes, flush=True)

    UserError.__init__ = noted  # type: ignore[method-assign]
    from engine.importing.worker import main as work

    work()


def places(*folders: str) -> dict[str, tuple[str, int, int]]:
    """{place: (file, first line, last line)} of every `UserError(...)` in these folders or files. A place is `file function number`."""
    made: dict[str, tuple[str, int, int]] = {}
    for path in (path for folder in folders for path in _sources(ROOT / folder)):
        for function, call in _calls(ast.parse(path.read_text()), "module"):
            name = f"{path.relative_to(ROOT / 'engine')} {function}"
            number = sum(other.rpartition(" ")[0] == name for other in made) + 1
            assert call.end_lineno is not None
            made[f"{name} {number}"] = (str(path), call.lineno, call.end_lineno)
    return made


def _sources(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def _calls(node: ast.AST, function: str) -> Iterator[tuple[str, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == "UserError":
            yield function, child
        yield from _calls(child, child.name if isinstance(child, ast.FunctionDef) else function)


def reached(notes: Path, all_places: dict[str, tuple[str, int, int]]) -> set[str]:
    """The places that were noted."""
    lines = set(notes.read_text().split("\n")) - {""}
    at = [(file, int(line)) for file, _, line in (text.rpartition(":") for text in lines)]
    return {name for name, (path, first, last) in all_places.items() if any(file == path and first <= line <= last for file, line in at)}
