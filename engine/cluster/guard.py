"""A small process beside a command that uses Ray: it cleans up, and says what happened, where the command itself no longer can.

Ray ends a program that has lost its cluster, without an exception. So may the system, when memory runs out. The guard notices because it
reads from a pipe that closes then: it ends what is left of the cluster that the command started, removes its folder, and prints a sentence.

It runs as a script of the standard library alone, so that it needs no time and little memory.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

#: Seconds between two looks at the processes of the cluster. Ray may end a command so soon after it has lost one.
PAUSE = 0.1
#: Seconds that a process may take to end.
PATIENCE = 10.0
#: Seconds in which a folder gets its guard.
YOUNG = 60.0
#: From now on the command ends as it should, and there is nothing to report.
LEAVING = "leaving"
AGAIN = "run the same command again, which continues from what is written"
#: Where Linux shows processes.
PROCESSES = Path("/proc")


class Guard:
    """Watches over this process and the folder of its cluster. Leaving its context ends what is left in the folder, and removes it."""

    def __init__(self, home: str) -> None:
        command = [sys.executable, "-I", "-S", __file__, home]
        # In a session of its own, so that Ctrl-C is for the command alone. The error output is shared.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=os.sep, start_new_session=True)

    def __enter__(self) -> "Guard":
        return self

    def watch(self, processes: Mapping[str, int]) -> None:
        """Have the guard notice when one of Ray's own processes ends. {name: number}"""
        for name, number in processes.items():
            self._send(f"{name} {number}")

    def leave(self) -> None:
        self._send(LEAVING)

    def __exit__(self, *_: object) -> None:
        self.leave()
        with suppress(OSError):  # it has been killed
            self._pipe.close()
        self._process.wait()

    @property
    def _pipe(self):  # noqa: ANN202 - of the standard library's own kind
        assert self._process.stdin is not None
        return self._process.stdin

    def _send(self, line: str) -> None:
        with suppress(OSError):
            self._pipe.write(f"{line}\n".encode())
            self._pipe.flush()


def is_running(number: int) -> bool:
    """Whether a process has not ended. One that its parent has not asked about has ended all the same."""
    if not PROCESSES.is_dir():
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return True
    try:
        return (PROCESSES / str(number) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def processes_in(folder: str) -> dict[int, str]:
    """{number: name} of the processes of this user that write into a folder, as all processes of a Ray cluster do into its own. Left out
    are this process and its parent. Empty on systems other than Linux, which do not show that."""
    writing, here = {}, (os.getpid(), os.getppid())
    for place in PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if int(place.name) not in here and any(_is_written(folder, file) for file in (place / "fd").iterdir()):
                writing[int(place.name)] = os.path.basename((place / "cmdline").read_bytes().partition(b"\0")[0].decode(errors="replace"))
    return writing


def _is_written(folder: str, file: Path) -> bool:
    """Whether an open file lies in a folder and is open for writing."""
    try:
        if not os.readlink(file).startswith(folder + os.sep):
            return False
        about = (file.parents[1] / "fdinfo" / file.name).read_text().split()
    except OSError:
        return False
    return int(about[about.index("flags:") + 1], 8) & os.O_ACCMODE != os.O_RDONLY


def remove_abandoned(folders: Iterable[Path]) -> None:
    """Remove those folders of this user that killed commands have left: no process writes there, and no guard watches. On Linux only."""
    for folder in folders if PROCESSES.is_dir() else ():
        with suppress(OSError):
            about = folder.stat()
            if about.st_uid != os.getuid() or time.time() - about.st_mtime < YOUNG or _is_guarded(str(folder)) or processes_in(str(folder)):
                continue
        shutil.rmtree(folder, ignore_errors=True)


def _is_guarded(folder: str) -> bool:
    for place in PROCESSES.glob("[0-9]*"):
        with suppress(OSError):
            if folder.encode() in (place / "cmdline").read_bytes().split(b"\0"):
                return True
    return False


def end_all_in(folder: str) -> None:
    """End the processes that write into a folder, and remove it."""
    deadline = time.monotonic() + PATIENCE
    while (left := processes_in(folder)) and time.monotonic() < deadline:
        for number in left:
            with suppress(OSError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def lost(names: Iterable[str]) -> str:
    """The sentence for a cluster of which such processes have ended."""
    what = _listed(sorted(names))
    return f"Ray's {what} ended, perhaps killed for lack of memory, and the cluster of this command with it; {AGAIN}."


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"processes {', '.join(others)} and {last}" if others else f"process {last}"


def main(home: str) -> None:
    """Watch until the pipe is closed. home: the folder of the cluster"""
    watched: dict[str, int] = {}
    ended: list[str] = []
    received = b""
    while True:
        ended = [name for name, number in watched.items() if not is_running(number)]  # before the command, whose end would end them too
        if not select.select([sys.stdin], [], [], PAUSE)[0]:
            continue
        if not (read := os.read(sys.stdin.fileno(), 2**16)):
            break
        received += read
        for line in received.decode().splitlines():
            name, _, number = line.partition(" ")
            if number:
                watched[name] = int(number)
    end_all_in(home)
    if LEAVING.encode() not in received:
        unknown = f"The command ended before its work was done: it was killed, or its connection to Ray was lost; {AGAIN}."
        print(lost(ended) if ended else unknown, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
