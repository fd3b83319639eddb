"""The worker process: reads the images of data sets, downloads them, and asks networks about words, which may need torch, and the page's
own process never loads it. It also sweeps over all examples of large bundles, which takes minutes.

    python -m app.worker

app.worker.process starts it, writes requests to its standard input and reads replies from its standard output, in the form of
app.worker.messages. It exits when its input ends, even in the middle of a request, so it cannot outlive the server.
"""

import io
import json
import os
import signal
import sys
import time
import traceback
import zlib
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.worker.messages import Explain, Fetch, Open, Reply, Request, SweepWhole, Take, TakeMasks, read_request, write_reply
from engine.bundle.bundle import read_bundle
from engine.datasets.base import Dataset, MaskDataset, TextDataset
from engine.datasets.published.files import Stamp
from engine.errors import UserError
from engine.extensions import load_extensions
from engine.progress import Progress, in_part, in_thousandths, no_progress
from engine.recipes.dataset_files import files_stamp
from engine.recipes.folder import dataset_of

if TYPE_CHECKING:
    from engine.cascades.base import Cascade


#: Lower priority of a process that sweeps, of 19 at the lowest: the page should not slow down.
NICE = 10
#: Seconds between two replies with progress.
_INTERVAL = 0.25


def reply_to(request: Request, progress: Progress = no_progress) -> Reply:
    """Raises nothing: what goes wrong is part of the reply."""
    try:
        match request:
            case Fetch(name, datasets):
                from engine.datasets.published.sets import download  # loads torch

                download(name, Path(datasets))
                return Reply()
            case Open():
                return Reply(digest=_opened(request).digest())
            case Explain(text=text):
                return Reply(words=_words(request, text))
            case SweepWhole():
                return Reply(unkept=_sweep_whole(request, progress))
            case Take(ids=ids):
                return Reply([encode_exactly(pixels) for pixels in _opened(request).take(np.array(ids, np.int64)).pixels])
            case TakeMasks(ids=ids):
                return Reply([zlib.compress(mask.tobytes()) for mask in _true_masks(request, np.array(ids, np.int64))])
    except UserError as problem:
        return Reply(problem=str(problem))
    except MemoryError:
        return Reply(problem="This computer is short of memory, so the data set cannot be read.")
    except Exception:  # a bug of ours: the page's process raises it
        return Reply(fault=traceback.format_exc())


def encode_exactly(pixels: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) uint8 -> lossless WebP. Images of 32 x 32 pixels have no detail to lose, and take 2 kB."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, method=0)
    return file.getvalue()


def _true_masks(request: TakeMasks, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(examples, height, width)"""
    dataset = _opened(request)
    if not isinstance(dataset, MaskDataset) or dataset.digest() != request.digest:
        raise UserError("The data set on this computer is not the one that the bundle was made from.")
    return dataset.take(ids).labels


def _sweep_whole(request: SweepWhole, progress: Progress) -> dict[str, str]:
    """The results that could not be kept."""
    from engine.analysis.kept_sweeps import document_of, keep_sweep, sweep_for_page

    if hasattr(os, "nice"):
        os.nice(NICE)
    bundle = read_bundle(Path(request.folder))
    if bundle.sha256 != request.sha256:
        raise UserError("This bundle has been replaced meanwhile; load the page again.")
    unkept = {}
    for i, policy in enumerate(request.policies):
        sweep = sweep_for_page(bundle, policy, request.unit, in_part(in_thousandths(progress), i, len(request.policies)))
        try:
            keep_sweep(bundle, sweep)
        except OSError:  # the folder may belong to another user, or the disk may be full
            unkept[policy] = document_of(sweep).decode()
    return unkept


def _words(request: Explain, text: str) -> list[list[float]]:
    os.environ["OFFRAMP_DATASETS"] = request.datasets
    from engine.runtime.word_effects import word_effects  # loads torch

    cascade, dataset = _network(json.dumps(request.provenance, sort_keys=True), request.datasets)
    effects = word_effects(cascade, dataset.tokens, text)
    by_word = zip(effects.place.tolist(), np.round(effects.effect.T.astype(float), 4).tolist(), strict=True)
    return [[*place, *effect] for place, effect in by_word]


@lru_cache(maxsize=1)
def _network(provenance: str, datasets: str) -> "tuple[Cascade, TextDataset]":
    """The network that computed a bundle, kept for the next text, and its data set. provenance: as JSON"""
    from engine.runtime.word_effects import trained_on

    return trained_on(json.loads(provenance))


def _opened(request: Open | Take | TakeMasks) -> Dataset | MaskDataset:
    os.environ["OFFRAMP_DATASETS"] = request.datasets  # where the engine looks for data sets
    dataset = dataset_of(request.provenance)
    if dataset is None:
        raise UserError("The bundle does not say which data set it was made from.")
    return _shared(dataset, request.datasets, files_stamp(request.provenance, Path(request.datasets)))


@lru_cache(maxsize=2)
def _shared(dataset: Dataset | MaskDataset, datasets: str, files: Stamp) -> Dataset | MaskDataset:
    """The first of equal data sets, with what it has read: all bundles share one copy. CIFAR-10 takes 184 MB."""
    return dataset


def _listen(requests: "SimpleQueue[Request]") -> None:
    try:
        for line in sys.stdin.buffer:
            requests.put(read_request(line))
    except Exception:
        traceback.print_exc()
        os._exit(1)  # if only this thread ended, the page would wait for ever
    os._exit(0)  # the server has ended or has stopped us: the result of the current request is of no use


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, and this process ends with it
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to the log and not between the replies
    load_extensions()  # a failure here ends the process; the page has named it
    requests: SimpleQueue[Request] = SimpleQueue()
    Thread(target=_listen, args=[requests], daemon=True).start()
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _INTERVAL:
            last = time.monotonic()
            write_reply(Reply(progress=(done, total)), replies)

    while True:
        write_reply(reply_to(requests.get(), progress), replies)
