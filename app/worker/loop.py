"""The process that does what needs torch, so that the page's own never loads it: reads the pictures of data sets, and downloads them.

    python -m app.worker

Started by app.worker.process, which writes requests to its standard input and reads the answers from its standard output; the messages
are those of app.worker.messages.
It ends when its input does, in the middle of a request if need be, so it cannot outlive the server.
"""

import io
import os
import signal
import sys
import traceback
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.worker.messages import Fetch, Open, Reply, Request, Take, read_request, write_reply
from engine.datasets.base import Dataset
from engine.datasets.published.files import FILES, Stamp
from engine.errors import UserError
from engine.recipes.folder import dataset_of


def answered(request: Request) -> Reply:
    try:
        match request:
            case Fetch(name, datasets):
                from engine.datasets.published.sets import download  # with torch: only where something is downloaded

                download(name, Path(datasets))
                return Reply()
            case Open():
                return Reply(digest=_opened(request).digest())
            case Take(ids=ids):
                return Reply([encode_exactly(pixels) for pixels in _opened(request).take(np.array(ids, np.int64)).pixels])
    except UserError as problem:
        return Reply(problem=str(problem))
    except MemoryError:
        return Reply(problem="This computer is short of memory, so the data set cannot be read.")
    except Exception:  # ours to mend: the process that asked says so
        return Reply(fault=traceback.format_exc())


def encode_exactly(pixels: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) uint8 -> lossless WebP: of 32 x 32 pixels none is there to spare, and 2 kB are no burden."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, method=0)
    return file.getvalue()


def _opened(request: Open | Take) -> Dataset:
    os.environ["OFFRAMP_DATASETS"] = request.datasets  # where the engine looks
    name = str(request.provenance.get("dataset"))
    files = FILES.get(name)
    dataset = dataset_of(request.provenance) or _torchvision(name)
    return _kept(dataset, request.datasets, files.stamp(Path(request.datasets)) if files else ())


@lru_cache(maxsize=2)
def _kept(dataset: Dataset, datasets: str, lying: Stamp) -> Dataset:
    """The first of equal ones, with what it has read: one copy for all bundles over it. CIFAR-10 takes 184 MB."""
    return dataset


def _torchvision(name: str) -> Dataset:
    from engine.datasets.published.sets import TorchvisionSet  # with torch, so only where its files lie

    return TorchvisionSet(name)


def _listen(requests: "SimpleQueue[Request]") -> None:
    try:
        for line in sys.stdin.buffer:
            requests.put(read_request(line))
    except Exception:
        traceback.print_exc()
        os._exit(1)  # a thread that ends alone would leave the page waiting for ever
    os._exit(0)  # the server has ended, or needs us no more: what is being done is of no use


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, and we end when it does
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to the log, not between the answers
    requests: SimpleQueue[Request] = SimpleQueue()
    Thread(target=_listen, args=[requests], daemon=True).start()
    while True:
        write_reply(answered(requests.get()), answers)
