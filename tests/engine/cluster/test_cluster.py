"""On a Ray cluster: the bundle has the bytes of a local run, whatever is killed, and what is finished is not computed again.

All tests that need a cluster are in this file, so that one process of the suite starts one. A single test lets a command start another.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.__main__ import main
from engine.bundle.bundle import read_bundle
from engine.cluster import shard_scheduler, two_pools
from engine.cluster.guard import processes_in
from engine.cluster.session import ClusterOptions, ray_session
from engine.cluster.shard_scheduler import RayScheduler
from engine.errors import UserError
from engine.extensions import load_extensions
from engine.policies.methods.static import StaticRule
from engine.recipes import RECIPES, catalogue, weights_path
from engine.runtime import compute as computing
from engine.runtime.compute import compute
from engine.runtime.executor import execute
from engine.runtime.trained import trained_network
from engine.runtime.weights import save_weights
from engine.storage.files import write_synced
from tests.engine.runtime.test_executor import spread
from tests.scripts import run_script
from tests.sentences import assert_one_sentence
from tests.thorough import variants

ROOT = Path(__file__).resolve().parents[3]
EXTENSIONS = Path(__file__).with_name("extensions")
SHARD, SHARDS = 10, 18


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A cluster of several processes, to which this one is connected. The data folder, with the recipe `slow-dots` and its weights."""
    data, threads = tmp_path_factory.mktemp("cluster") / "data", torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OFFRAMP_DATA", str(data))
        patched.setattr(computing, "SHARD", SHARD)
        patched.setattr(catalogue, "_recipes", dict(catalogue._recipes))
        patched.setenv("OFFRAMP_EXTENSIONS", str(EXTENSIONS))
        load_extensions()
        torch.set_num_threads(1)
        torch.manual_seed(0)
        save_weights(RECIPES["slow-dots"].cascade(), weights_path("slow-dots"), "slow-dots", {"by": "a test"})
        with ray_session(ClusterOptions(workers=4)):
            yield data
        torch.set_num_threads(threads)
        for path in EXTENSIONS.glob("*.py"):
            del sys.modules[f"offramp_extensions.{path.stem}"]


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


def pause(cluster: Path, seconds: float) -> None:
    """How long a block of examples takes to read."""
    write_synced(cluster / "pause.txt", str(seconds).encode())  # whole or not at all, as workers may be reading it


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def on_cluster(cluster: Path) -> Generator[Callable[..., Path]]:
    """Computes a bundle with two workers, which stay unless they are killed or a run is interrupted."""
    with RayScheduler(ClusterOptions(workers=2)) as scheduler:
        yield partial(compute, "slow-dots", "cpu", scheduler=scheduler)


def read(notes: Path) -> list[tuple[int, int]]:
    """(process, first example) of every block that was read."""
    return [(int(pid), int(first)) for pid, first in map(str.split, notes.read_text().splitlines())]


def finished(out: Path) -> set[int]:
    """The shards that are there of a run that was killed."""
    return {int(path.stem) for path in out.with_name(out.name + ".partial").glob("*.safetensors")}


def first_ids(shards: Iterable[int]) -> set[int]:
    """The first example of each shard."""
    return {1000 * (1 + shard * SHARD // 60) + shard * SHARD % 60 for shard in shards}


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(worker: int) -> bool:
    try:
        return b"ray::" in Path(f"/proc/{worker}/cmdline").read_bytes()  # which is empty once it has ended
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(worker: int) -> None:
    if is_running(worker):
        os.kill(worker, signal.SIGKILL)


OnCluster = Callable[..., Path]


def test_the_bundle_has_the_bytes_of_a_local_run(
    cluster: Path, on_cluster: OnCluster, local: dict[str, bytes], notes: Path, tmp_path: Path
) -> None:
    pause(cluster, 0.1)
    seen: list[tuple[int, int]] = []
    folder = on_cluster(out=tmp_path / "dots", progress=lambda done, total: seen.append((done, total)))
    assert contents(folder) == local
    assert [path.name for path in tmp_path.iterdir()] == ["dots"]
    readers, blocks = zip(*read(notes), strict=True)
    assert os.getpid() not in readers and set(blocks) == first_ids(range(SHARDS)) and len(blocks) == SHARDS
    assert list(dict.fromkeys(seen)) == [(SHARD * done, 180) for done in range(SHARDS + 1)]


def test_a_worker_that_is_killed_is_replaced(
    cluster: Path, on_cluster: OnCluster, local: dict[str, bytes], notes: Path, tmp_path: Path
) -> None:
    pause(cluster, 0.5)
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        if done >= 4 * SHARD and not killed:
            killed.append(read(notes)[-1][0])
            kill(killed[0])
            pause(cluster, 3)  # until the new worker is there
        if len({worker for worker, _ in read(notes)} - set(killed)) == 2:
            pause(cluster, 0)

    assert contents(on_cluster(out=tmp_path / "dots", progress=kill_one)) == local
    workers = [worker for worker, _ in read(notes)]
    assert len(set(workers)) == 3 and killed[0] in workers
    assert len(workers) <= SHARDS + 3, "more was computed again than the killed worker had"


def test_a_shard_at_which_workers_always_end_is_given_up(
    cluster: Path, on_cluster: OnCluster, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_scheduler, "MOST_ENDS", 2)
    (cluster / "deadly.txt").write_text(str(min(first_ids([7]))))
    try:
        with pytest.raises(UserError) as refused:
            on_cluster(out=tmp_path / "dots")
    finally:
        (cluster / "deadly.txt").unlink()
    assert_one_sentence(str(refused.value), "2 workers ended at shard", "memory")
    assert finished(tmp_path / "dots") and 7 not in finished(tmp_path / "dots")


def test_a_run_whose_driver_is_killed_repeats_no_finished_shard(
    cluster: Path, on_cluster: OnCluster, local: dict[str, bytes], notes: Path, tmp_path: Path
) -> None:
    pause(cluster, 0.2)
    import ray

    driver = driver_of(tmp_path / "dots", "--workers", "2", "--address", ray.get_runtime_context().gcs_address)
    wait_until(lambda: len(finished(tmp_path / "dots")) >= 5 or driver.poll() is not None)
    driver.kill()
    _, errors = driver.communicate()
    assert driver.returncode == -signal.SIGKILL
    assert_one_sentence(errors.splitlines()[-1], "it was killed", "same command again")
    wait_until(lambda: not any(is_running(worker) for worker, _ in read(notes)))
    done = finished(tmp_path / "dots")
    assert 5 <= len(done) < SHARDS and not (tmp_path / "dots").exists()
    notes.write_text("")
    assert contents(on_cluster(out=tmp_path / "dots")) == local
    assert sorted(first for _, first in read(notes)) == sorted(first_ids(set(range(SHARDS)) - done)), "a finished shard was repeated"


def driver_of(out: Path, *options: str) -> subprocess.Popen[str]:
    """`compute --cluster ray` as a program."""
    words = ["compute", "slow-dots", "--device", "cpu", "--out", str(out), "--cluster", "ray", *options]
    code = f"from engine.runtime import compute; compute.SHARD = {SHARD}; from engine.__main__ import main; raise SystemExit(main({words}))"
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_a_run_whose_cluster_breaks_ends_in_a_sentence(
    cluster: Path, on_cluster: OnCluster, local: dict[str, bytes], notes: Path, tmp_path: Path
) -> None:
    """The command has a cluster of its own here, of which Ray's own process ends. Nothing is left of it but what is finished."""
    pause(cluster, 0.2)
    driver = driver_of(tmp_path / "dots", "--workers", "1")
    wait_until(lambda: len(finished(tmp_path / "dots")) >= 3 or driver.poll() is not None)
    (raylet,) = [
        process for process in children_of(driver.pid) if b"/raylet" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0]
    ]
    home = Path(os.readlink(f"/proc/{raylet}/fd/1")).parents[2]
    os.kill(raylet, signal.SIGKILL)
    _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 2 and home.name.startswith("offramp-ray-")
    assert_one_sentence(errors.splitlines()[-1], "raylet ended", "same command again")
    assert not home.exists() and not processes_in(str(home)) and not any(is_running(worker) for worker, _ in read(notes))
    assert finished(tmp_path / "dots")
    assert contents(on_cluster(out=tmp_path / "dots")) == local


def children_of(process: int) -> list[int]:
    return [int(child) for children in Path(f"/proc/{process}/task").glob("*/children") for child in children.read_text().split()]


def test_interrupted_with_shards_in_object_storage(
    cluster: Path, on_cluster: OnCluster, local: dict[str, bytes], notes: Path, tmp_path: Path
) -> None:
    """Ctrl-C ends the workers. Each shard is one upload, and none is made twice."""
    pause(cluster, 0.1)

    def interrupt(done: int, total: int) -> None:
        if done >= 9 * SHARD:
            raise KeyboardInterrupt

    puts, there = cluster / "puts.txt", cluster / "bucket" / "shards"
    with pytest.raises(KeyboardInterrupt):
        on_cluster(out=tmp_path / "dots", progress=interrupt, shards_at="bucket://shards")
    wait_until(lambda: not any(is_running(worker) for worker, _ in read(notes)))
    done = puts.read_text().splitlines()
    assert sorted(path.name for path in there.rglob("*.safetensors")) == sorted(done) and len(done) >= 7
    notes.write_text("")
    assert contents(on_cluster(out=tmp_path / "dots", shards_at="bucket://shards")) == local
    assert sorted(puts.read_text().splitlines()) == [f"{shard:06d}.safetensors" for shard in range(SHARDS)]
    assert len(read(notes)) == SHARDS - len(done)
    assert not list(there.rglob("*.safetensors")) and [path.name for path in tmp_path.iterdir()] == ["dots"]


@pytest.mark.parametrize("seed", variants(range(20), 0))
def test_killed_at_random(cluster: Path, on_cluster: OnCluster, local: dict[str, bytes], notes: Path, tmp_path: Path, seed: int) -> None:
    """Workers are killed and the run is interrupted, at any moment. The same command then continues."""
    pause(cluster, 0.05)
    chance = random.Random(seed)

    def strike(done: int, total: int) -> None:
        running = [worker for worker, _ in read(notes) if is_running(worker)]
        if running and chance.random() < 0.1:
            kill(chance.choice(running))
        if chance.random() < 0.05:
            raise KeyboardInterrupt

    while True:
        try:
            folder = on_cluster(out=tmp_path / "dots", progress=strike)
            break
        except KeyboardInterrupt:
            continue
        except UserError as given_up:  # chance may end three workers at one shard
            assert_one_sentence(str(given_up), "workers ended", "fewer --workers")
    assert contents(folder) == local


# Sweeps


def test_sweeps_are_those_of_this_process(cluster: Path, local: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Several policies on several bundles; those that are there are not computed again."""
    bundles = [str(cluster / "local" / "dots"), str(shutil.copytree(cluster / "local" / "dots", tmp_path / "other"))]
    words = ["sweep", *bundles, "--policy", "maxprob,static", "--points", "3", "--json"]
    assert main(words) == 0
    expected = json.loads(capsys.readouterr().out)
    words += ["--cluster", "ray", "--workers", "2", "--out", str(tmp_path / "sweeps")]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == expected and len(expected["sweeps"]) == 4
    first, *others = sorted((tmp_path / "sweeps").iterdir())
    before = [path.stat().st_mtime_ns for path in others]
    first.unlink()
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == expected
    assert first.is_file() and [path.stat().st_mtime_ns for path in others] == before


def test_the_mistake_of_a_sweep_is_one_sentence(cluster: Path, local: dict[str, bytes], capsys: pytest.CaptureFixture) -> None:
    words = ["sweep", str(cluster / "local" / "dots"), "--policy", "maxprob", "--unit", "joules", "--cluster", "ray"]
    assert main(words) == 2
    assert_one_sentence(capsys.readouterr().err.rstrip("\n"), "joules", "macs")


# A real cascade over two pools


def test_two_pools_take_the_routes_of_one_process(
    cluster: Path, local: dict[str, bytes], notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the survivors travel."""
    monkeypatch.setattr(two_pools, "BLOCK", 20)
    outputs = read_bundle(cluster / "local" / "dots").outputs
    rule = spread(outputs)
    dataset, ids = RECIPES["slow-dots"].dataset(), outputs.ids
    expected = execute(trained_network(RECIPES["slow-dots"], torch.device("cpu")), rule, ids, lambda some: dataset.take(some).inputs)
    assert (np.bincount(expected.exit, minlength=3) > 10).all(), "too few leave at an exit for it to be tested"
    run = two_pools.execute_in_pools("slow-dots", rule, ids, boundary=1, device="cpu", batch_size=8)
    assert run.route.exit.tolist() == expected.exit.tolist()
    assert run.route.prediction.tolist() == expected.prediction.tolist()
    assert run.route.visited.tolist() == expected.visited.tolist()
    survivors = int((expected.exit > 0).sum())
    state = 4 * 4 * 8 * 8  # bytes of the four feature maps after the first stage
    assert run.transfer.examples == survivors and run.transfer.seconds > 0
    assert state * survivors < run.transfer.bytes < 1.1 * state * survivors


def test_a_pool_without_a_stage_is_refused(cluster: Path) -> None:
    for boundary in (0, 3):
        with pytest.raises(UserError) as refused:
            two_pools.execute_in_pools("slow-dots", StaticRule(0, 1.0), np.arange(3), boundary)
        assert_one_sentence(str(refused.value), f"boundary is {boundary}", "from 1 to 2")


def test_measuring_two_pools(cluster: Path, notes: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["measure", "slow-dots", "--device", "cpu", "--cluster", "ray", "--boundary", "2", "--batch-sizes", "16", "--examples", "50"]
    assert main([*words, "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert (measured["boundary"], measured["pools"]) == (2, [1, 1])
    runs = measured["runs"]
    assert [(run["budget"], run["examples"], run["same"]) for run in runs] == [(budget, 50, 1.0) for budget in (0.25, 0.5, 0.75)]
    assert runs[0]["travelled"] < runs[1]["travelled"] < runs[2]["travelled"] < 50
    assert all(run["bytes"] > 4 * 6 * 8 * 8 * run["travelled"] for run in runs)


# The benchmark


def test_the_benchmark_runs(cluster: Path, local: dict[str, bytes], notes: Path, tmp_path: Path) -> None:
    done = run_script(ROOT / "benchmarks" / "cluster.py", ["slow-dots", "--limit", "40", "--rounds", "1", "--workers", "1"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "overhead" in done.stdout and done.stdout.count("same exits 100.00%") == 2
