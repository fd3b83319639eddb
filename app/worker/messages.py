"""What the page asks of its worker process, and what that answers.

A message is a line of JSON, and the pictures of an answer follow their line as plain bytes: nothing that arrives is ever run.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any


@dataclass(frozen=True)
class Open:
    """Which data set a bundle was made from, if it lies here.

    provenance: what the bundle says of it;  datasets: the folder of all data sets
    """

    provenance: Mapping[str, Any]
    datasets: str


@dataclass(frozen=True)
class Take:
    """Some pictures of such a data set. ids: of the examples, one picture each"""

    provenance: Mapping[str, Any]
    datasets: str
    ids: Sequence[int]


@dataclass(frozen=True)
class Fetch:
    """Download a data set. name: in engine.datasets.published.files.FILES"""

    name: str
    datasets: str


Request = Open | Take | Fetch
_KINDS: Mapping[str, type[Request]] = {kind.__name__: kind for kind in (Open, Take, Fetch)}


@dataclass(frozen=True)
class Reply:
    """digest:  of the data set, if it was to be opened
    problem: the sentence to show if what was asked for cannot be had
    fault:   what went wrong in our own code, for the log
    """

    pictures: Sequence[bytes] = ()
    digest: str | None = None
    problem: str | None = None
    fault: str | None = None


def write_request(request: Request, file: IO[bytes]) -> None:
    """Raises OSError if the other end is gone."""
    file.write(json.dumps({"kind": type(request).__name__, **asdict(request)}).encode() + b"\n")
    file.flush()


def read_request(line: bytes) -> Request:
    said = json.loads(line)
    return _KINDS[said.pop("kind")](**said)


def write_reply(answer: Reply, file: IO[bytes]) -> None:
    sizes = [len(picture) for picture in answer.pictures]
    head = {"sizes": sizes, "digest": answer.digest, "problem": answer.problem, "fault": answer.fault}
    file.write(json.dumps(head).encode() + b"\n" + b"".join(answer.pictures))
    file.flush()


def read_reply(file: IO[bytes]) -> Reply:
    """Raises EOFError if the other end is gone."""
    line = file.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    said = json.loads(line)
    sizes = said.pop("sizes")
    pictures = [file.read(size) for size in sizes]
    if [len(picture) for picture in pictures] != sizes:
        raise EOFError
    return Reply(pictures, **said)
