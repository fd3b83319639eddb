"""Small stand-ins for published data sets, in torchvision's layout, and a site that serves their files."""

import os
import pickle
import struct
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from scipy.io import savemat
from torchvision import datasets

from engine.bundle.bundle import write_bundle
from engine.datasets.published.sets import CIFAR10_NAMES, TorchvisionSet
from engine.outputs import Outputs
from engine.splits import BUNDLE_SPLITS
from tests import synthetic

#: The files that torchvision accepts as CIFAR-10, before any test changes them.
PUBLISHED = {"train_list": datasets.CIFAR10.train_list, "test_list": datasets.CIFAR10.test_list, "meta": datasets.CIFAR10.meta}
TRAINING, TEST, HELD_OUT = 100, 30, 20


def noise(examples: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (examples, *shape), dtype=np.uint8)


def write_cifar(folder: Path, kind: type, names: tuple[str, ...], key: str) -> None:
    where = folder / kind.base_folder
    where.mkdir(parents=True)
    each = TRAINING // len(kind.train_list)
    for index, (name, _) in enumerate([*kind.train_list, *kind.test_list]):
        count = each if index < len(kind.train_list) else TEST
        labels = [(7 * index + 3 * i) % len(names) for i in range(count)]
        (where / name).write_bytes(pickle.dumps({"data": noise(count, 3072, seed=index), key: labels}))
    (where / kind.meta["filename"]).write_bytes(pickle.dumps({kind.meta["key"]: list(names)}))


def write_fashion(folder: Path) -> None:
    where = folder / "FashionMNIST" / "raw"
    where.mkdir(parents=True)
    for part, count in (("train", TRAINING), ("t10k", TEST)):
        (where / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, count, 28, 28) + noise(count, 28, 28).tobytes())
        (where / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, count) + bytes(i % 10 for i in range(count)))


def write_svhn(folder: Path) -> None:
    for part, count in (("train", TRAINING), ("test", TEST)):
        labels = np.arange(count)[:, None] % 10 + 1  # 10 stands for the digit 0
        savemat(folder / f"{part}_32x32.mat", {"X": noise(32, 32, 3, count), "y": labels.astype(np.uint8)})


def write_photos(dataset: TorchvisionSet, folder: Path, recipe: str) -> None:
    """Write a bundle of an untrained network on a data set with the classes of CIFAR-10."""
    rng = np.random.default_rng(2)
    ids = [dataset.ids(split) for split in BUNDLE_SPLITS]
    labels = dataset.take(np.concatenate(ids)).labels
    logits = synthetic.draw_logits(labels, rng.uniform(size=len(labels)), 3, 10, rng)
    split = np.repeat([str(split) for split in BUNDLE_SPLITS], [len(part) for part in ids])
    made = Outputs.from_logits(logits, labels, split, synthetic.stage_costs(3), ids=np.concatenate(ids))
    about = {"recipe": recipe, "dataset": dataset.name, "dataset_digest": dataset.digest()}
    write_bundle(synthetic.draft(made, folder.name, class_names=CIFAR10_NAMES, images=(), provenance=about), folder)


def trust_stand_ins(patch: pytest.MonkeyPatch) -> None:
    """Let torchvision accept other bytes than the published ones."""
    for kind in (datasets.CIFAR10, datasets.CIFAR100):
        patch.setattr(kind, "train_list", [[name, None] for name, _ in kind.train_list])
        patch.setattr(kind, "test_list", [[name, None] for name, _ in kind.test_list])
        patch.setattr(kind, "meta", {**kind.meta, "md5": None})
    patch.setattr(datasets.SVHN, "split_list", {part: [url, name, None] for part, (url, name, _) in datasets.SVHN.split_list.items()})


def real_cifar10() -> Path | None:
    """The folder of the real CIFAR-10, if it is on this computer."""
    for where in (os.environ.get("OFFRAMP_DATASETS"), Path(__file__).resolve().parents[2] / "shared" / "datasets"):
        if where and (Path(where) / datasets.CIFAR10.base_folder).is_dir():
            return Path(where)
    return None


def pack_cifar10(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder / datasets.CIFAR10.base_folder, datasets.CIFAR10.base_folder)
    return archive


def fetch_from(address: str, patch: pytest.MonkeyPatch) -> None:
    """Let torchvision download all of its files from `address`."""
    patch.setenv("no_proxy", "127.0.0.1")
    for kind in (datasets.CIFAR10, datasets.CIFAR100):
        patch.setattr(kind, "url", f"{address}/{kind.filename}")
    patch.setattr(datasets.FashionMNIST, "mirrors", [f"{address}/"])
    parts = {part: [f"{address}/{name}", name, md5] for part, (_, name, md5) in datasets.SVHN.split_list.items()}
    patch.setattr(datasets.SVHN, "split_list", parts)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the files of a folder and yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
