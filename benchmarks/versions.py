"""Two versions of the repository in one run: a temporary checkout of the earlier one, and tables with both side by side."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.dashboard import ROOT
from engine.errors import UserError


@dataclass(frozen=True)
class Version:
    """A checkout of the repository, and its name in tables."""

    name: str
    root: Path

    @classmethod
    def this(cls) -> "Version":
        return cls(f"this ({git('describe', '--always', '--dirty', '--exclude=*') or 'no git'})", ROOT)


def git(*arguments: str) -> str | None:
    """What git prints in this repository, or None if it fails or is not installed."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@contextmanager
def checkout(ref: str) -> Iterator[Version]:
    """A worktree of a commit, in the temporary folder. It is removed at the end, also after Ctrl-C."""
    commit = git("rev-parse", "--verify", "--quiet", "--short", "--end-of-options", f"{ref}^{{commit}}")
    if commit is None:
        raise UserError(f"There is no commit {ref!r} in the git repository at {ROOT}; give a branch, a tag or a commit.")
    with tempfile.TemporaryDirectory(prefix="offramp-before-") as folder:
        root = Path(folder) / commit
        try:
            if git("worktree", "add", "--quiet", "--detach", str(root), commit) is None:
                raise UserError(f"git could not check out {ref!r} into {root}; see `git worktree list`.")
            yield Version(commit if commit.startswith(ref) else f"{ref} ({commit})", root)
        finally:
            git("worktree", "remove", "--force", str(root))


def heading(versions: Sequence[Version]) -> str:
    return _line("", [version.name for version in versions], "before / after" if len(versions) > 1 else "")


def row(name: str, measured: Sequence[Sequence[float]], text: Callable[[float], str], percentile: float = 50, span: bool = True) -> str:
    """One line of a table: a percentile for each version, and their ratio if there are two.

    measured: the values of each version
    span:     add the smallest and the largest value
    """
    middle = [float(np.percentile(values, percentile)) for values in measured]
    cells = [
        f"{text(value)} ({text(min(values))} to {text(max(values))})" if span else text(value)
        for value, values in zip(middle, measured, strict=True)
    ]
    ratio = f"{middle[0] / middle[-1]:.2f}" if len(middle) > 1 and middle[-1] else ""
    return _line(name, cells, ratio)


def _line(name: str, cells: Sequence[str], ratio: str) -> str:
    return f"  {name:<52}{''.join(f'{cell:>30}' for cell in cells)}{ratio:>16}".rstrip()
