"""The requests that the page sends to its worker process, and the replies.

A message is a line of JSON. The images of a reply follow its line as raw bytes. Nothing that arrives is ever run as code.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any


@dataclass(frozen=True)
class Open:
    """Open the data set that a bundle was made from; the reply holds its digest.

    provenance: of the bundle;  datasets: the folder of all data sets
    """

    provenance: Mapping[str, Any]
    datasets: str


@dataclass(frozen=True)
class Take:
    """Read images of such a data set. ids: of the examples, one image each"""

    provenance: Mapping[str, Any]
    datasets: str
    ids: Sequence[int]


@dataclass(frozen=True)
class TakeMasks:
    """Read the true masks of images of such a data set, (height, width) uint8 each. digest: that the data set must have"""

    provenance: Mapping[str, Any]
    datasets: str
    ids: Sequence[int]
    digest: str


@dataclass(frozen=True)
class Fetch:
    """Download a data set. name: in engine.datasets.published.files.FILES"""

    name: str
    datasets: str


@dataclass(frozen=True)
class Explain:
    """Say what each word of a text does for the predictions of the network that computed a bundle.

    provenance: of the bundle;  datasets: the folder of all data sets
    """

    provenance: Mapping[str, Any]
    datasets: str
    text: str


@dataclass(frozen=True)
class SweepWhole:
    """Sweep policies over all test examples of a large bundle and keep the results in the data folder.

    The reply holds the results that could not be kept there. Progress is reported before.
    folder, sha256: of the bundle;  policies, unit: names that exist
    """

    folder: str
    sha256: str
    policies: Sequence[str]
    unit: str


Request = Open | Take | TakeMasks | Fetch | Explain | SweepWhole
_KINDS: Mapping[str, type[Request]] = {kind.__name__: kind for kind in (Open, Take, TakeMasks, Fetch, Explain, SweepWhole)}


@dataclass(frozen=True)
class Reply:
    """images:  encoded, of a Take; of a TakeMasks, masks row by row, compressed with zlib
    digest:  of the data set, of an Open
    words:   of an Explain, [[begin, end, effect at each exit ...], ...]
    unkept:  of a SweepWhole, {policy: its results, see `engine.analysis.kept_sweeps.document_of`}
    progress: steps done and steps in all; such a reply is followed by another one
    problem: a sentence to show if the request cannot be met
    fault:   the traceback of a bug of ours, for the log
    """

    images: Sequence[bytes] = ()
    digest: str | None = None
    words: Sequence[Sequence[float]] = ()
    unkept: Mapping[str, str] = field(default_factory=dict)
    progress: Sequence[int] | None = None
    problem: str | None = None
    fault: str | None = None


def write_request(request: Request, file: IO[bytes]) -> None:
    """Raises OSError if the other end is gone."""
    file.write(json.dumps({"kind": type(request).__name__, **asdict(request)}).encode() + b"\n")
    file.flush()


def read_request(line: bytes) -> Request:
    fields = json.loads(line)
    return _KINDS[fields.pop("kind")](**fields)


def write_reply(reply: Reply, file: IO[bytes]) -> None:
    sizes = [len(image) for image in reply.images]
    head = {"sizes": sizes, **{name: value for name, value in vars(reply).items() if name != "images"}}
    file.write(json.dumps(head).encode() + b"\n" + b"".join(reply.images))
    file.flush()


def read_reply(file: IO[bytes]) -> Reply:
    """Raises EOFError if the other end is gone."""
    line = file.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    fields = json.loads(line)
    sizes = fields.pop("sizes")
    images = [file.read(size) for size in sizes]
    if [len(image) for image in images] != sizes:
        raise EOFError
    return Reply(images, **fields)
