"""On a Ray cluster: the bundle has the bytes of a local run, whatever is killed, and what is finished is not computed again.

All tests that need a cluster are in this file, so that one process of the suite starts one.
"""

import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import torch

from engine.cluster.session import ClusterOptions, ray_session
from engine.cluster.shard_scheduler import RayScheduler
from engine.extensions import load_extension
from engine.recipes import RECIPES, catalogue, weights_path
from engine.runtime import compute as computing
from engine.runtime.compute import compute
from engine.runtime.weights import save_weights

ROOT = Path(__file__).resolve().parents[3]
EXTENSION = Path(__file__).with_name("slow_dots.py")
SHARD, SHARDS = 10, 18


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A cluster of several processes, to which this one is connected. The data folder, with the recipe `slow-dots` and its weights."""
    data, threads = tmp_path_factory.mktemp("cluster") / "data", torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OFFRAMP_DATA", str(data))
        patched.setattr(computing, "SHARD", SHARD)
        patched.setattr(catalogue, "_recipes", dict(catalogue._recipes))
        load_extension(EXTENSION)
        patched.setenv("OFFRAMP_EXTENSIONS", str(EXTENSION.parent))
        torch.set_num_threads(1)
        torch.manual_seed(0)
        save_weights(RECIPES["slow-dots"].cascade(), weights_path("slow-dots"), "slow-dots", {"by": "a test"})
        with ray_session(ClusterOptions(workers=4)):
            yield data
        torch.set_num_threads(threads)
        del sys.modules["offramp_extensions.slow_dots"]


@pytest.fixture(scope="module")
def local(cluster: Path) -> dict[str, bytes]:
    """The files of a local run."""
    return contents(compute("slow-dots", "cpu", out=cluster / "local" / "dots"))


@pytest.fixture
def notes(cluster: Path) -> Generator[Path]:
    """The notes of what was read, which begin with each test."""
    path = cluster / "notes.txt"
    path.write_text("")
    yield path
    (cluster / "pause.txt").unlink(missing_ok=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def on_cluster(out: Path, progress: Callable[[int, int], object] = lambda done, total: None, workers: int = 2) -> Path:
    with RayScheduler(ClusterOptions(workers)) as scheduler:
        return compute("slow-dots", "cpu", out=out, progress=progress, scheduler=scheduler)


def read(notes: Path) -> list[tuple[int, int]]:
    """(process, first example) of every block that was read."""
    return [(int(pid), int(first)) for pid, first in map(str.split, notes.read_text().splitlines())]


def test_the_bundle_has_the_bytes_of_a_local_run(cluster: Path, local: dict[str, bytes], notes: Path, tmp_path: Path) -> None:
    (cluster / "pause.txt").write_text("0.05")
    seen: list[tuple[int, int]] = []
    folder = on_cluster(tmp_path / "dots", lambda done, total: seen.append((done, total)))
    assert contents(folder) == local
    assert [path.name for path in tmp_path.iterdir()] == ["dots"]
    readers, blocks = zip(*read(notes), strict=True)
    assert len(set(readers)) == 2 and os.getpid() not in readers and len(blocks) == len(set(blocks)) == SHARDS
    assert seen == [*((SHARD * done, 180) for done in range(SHARDS + 1)), (180, 180)]
