"""The commands that the project's documents show, found in their Markdown.

A command is a line of a fenced block that begins with `python` or `python3`; inline code that begins with one of them, with `run_app.py` or
with `run_tests.py`; or inline code that is the path of a benchmark. Two or more spaces, or ` # `, end a command; `&&` joins several.
Inline code with a command of the engine and its arguments (`measure --save`), or with options alone (`--data DIR`), is a fragment.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.commands import COMMANDS

PYTHONS = ("python", "python3")
STARTERS = ("run_app.py", "run_tests.py")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`((?:[^`\n]|\n(?!\n))+)`")
AMONG_COMMANDS = re.compile(r"(?:^|\s)python3? ")
BENCHMARK = re.compile(r"benchmarks/\w+\.py")


@dataclass(frozen=True)
class Shown:
    """A part of a document. where: document and line;  text: one command or fragment as it is written there, or a block of Python"""

    where: str
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


@dataclass(frozen=True)
class Document:
    name: str
    text: str

    @classmethod
    def read(cls, path: Path) -> "Document":
        return cls(path.name, path.read_text(encoding="utf-8"))

    def commands(self) -> Iterator[Shown]:
        for position, language, block in self._blocks():
            if language != "python":
                for line in re.finditer(r"^.*\S.*$", block, re.MULTILINE):
                    if line[0].split()[0] in PYTHONS:
                        yield from self._links(position + line.start(), line[0])
        for position, code in self._inline():
            first, *more = code.split()
            if first in PYTHONS and more:
                yield from self._links(position, code)
            elif first in STARTERS or BENCHMARK.fullmatch(code):
                yield Shown(self._where(position), f"python {code}")

    def strays(self) -> Iterator[Shown]:
        """Lines in a block of commands that begin with something else and are therefore not recognised as commands."""
        for position, language, block in self._blocks():
            if language != "python" and AMONG_COMMANDS.search(block):
                for line in re.finditer(r"^.*\S.*$", block, re.MULTILINE):
                    if line[0].split()[0] not in PYTHONS:
                        yield Shown(self._where(position + line.start()), line[0])

    def fragments(self) -> Iterator[Shown]:
        for position, code in self._inline():
            first, *more = code.split()
            if (first in COMMANDS and more) or first.startswith("--"):
                yield Shown(self._where(position), code)

    def programs(self) -> Iterator[Shown]:
        """Blocks of Python."""
        for position, language, block in self._blocks():
            if language == "python":
                yield Shown(self._where(position), block)

    def _blocks(self) -> Iterator[tuple[int, str, str]]:
        return ((block.start(2), block[1], block[2]) for block in FENCED.finditer(self.text))

    def _inline(self) -> Iterator[tuple[int, str]]:
        prose = FENCED.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), self.text)
        spans = ((span.start(), " ".join(span[1].split())) for span in INLINE.finditer(prose))
        return ((position, code) for position, code in spans if code)

    def _links(self, position: int, line: str) -> Iterator[Shown]:
        command = re.split(r"\s{2,}|\s#\s", line.strip(), maxsplit=1)[0]
        return (Shown(self._where(position), link.strip()) for link in command.split("&&"))

    def _where(self, position: int) -> str:
        return f"{self.name}:{self.text.count(chr(10), 0, position) + 1}"
