"""What can be tested of clusters without one: messages, recipes for Slurm and KubeRay, shards at addresses, and what is sent to workers."""

import importlib.util
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import yaml

from engine.__main__ import main, parser
from engine.cluster import session, workers
from engine.cluster.session import ClusterOptions, Connection, ray_module, ray_session
from engine.cluster.workers import Resources, fitting, resources
from engine.errors import UserError
from engine.policies import POLICIES
from engine.runtime.shards import Shards
from engine.runtime.shared_shards import ObjectShards, check_address, shared_shards
from engine.sweep import run_sweep
from tests.sentences import assert_one_sentence
from tests.synthetic import outputs

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "cluster"
KEY = "0123456789abcdef" * 4


class Cluster:
    """Answers as Ray does about the nodes of a cluster, a dictionary of resources each."""

    def __init__(self, *nodes: dict[str, float]) -> None:
        self._nodes = nodes

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": node} for node in self._nodes]

    def cluster_resources(self) -> dict[str, float]:
        return {name: sum(node.get(name, 0) for node in self._nodes) for name in ("CPU", "GPU")}


def test_there_is_room_for_whole_workers_on_each_node() -> None:
    cluster = Connection(cast(Any, Cluster({"CPU": 5.0, "GPU": 2.0}, {"CPU": 3.0}, {})))
    assert [fitting(cluster, Resources(cores, 0.0)) for cores in (1, 2, 3)] == [8, 3, 2]
    assert fitting(cluster, Resources(1, 0.5)) == 4


@pytest.mark.parametrize("is_own", [False, True])
def test_a_cluster_that_is_too_small_is_refused_in_a_sentence(is_own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, if no nodes can join it."""
    if not is_own:
        monkeypatch.setattr(workers, "PATIENCE", 0.0)
    cluster = Connection(cast(Any, Cluster({"CPU": 2.0}, {"CPU": 2.0})), is_own)
    with pytest.raises(UserError) as refused:
        fitting(cluster, Resources(4, 1.0))
    assert_one_sentence(str(refused.value), "4 cores and 1 GPU", "4 cores and 0 GPUs", "--cpus-per-worker")


@pytest.mark.parametrize(
    ("device", "gpus", "mentions"),
    [("cuda", None, ["no GPU", "--address"]), ("cuda:1", None, ["cuda:1", "--device cuda"])],
)
def test_a_device_that_is_not_there_is_refused(device: str, gpus: float | None, mentions: list[str]) -> None:
    cluster: Any = Cluster({"CPU": 2.0})
    with pytest.raises(UserError) as refused:
        resources(cluster, ClusterOptions(gpus=gpus), device)
    assert_one_sentence(str(refused.value), *mentions)


def test_workers_have_a_gpu_where_there_are_any() -> None:
    with_gpus, without = Cluster({"CPU": 2.0, "GPU": 1.0}), Cluster({"CPU": 2.0})
    cases: list[tuple[Any, float | None, str, float]] = [
        (with_gpus, None, "auto", 1.0),
        (with_gpus, None, "cpu", 0.0),
        (with_gpus, 0.5, "cuda", 0.5),
        (without, None, "auto", 0.0),
    ]
    for cluster, gpus, device, expected in cases:
        assert resources(cluster, ClusterOptions(gpus=gpus), device).gpus == expected


@pytest.mark.parametrize(
    ("words", "mentions"),
    [
        (["compute", "doodles", "--workers", "2"], ["--workers", "--cluster ray"]),
        (["compute", "doodles", "--gpus-per-worker", "1"], ["--gpus-per-worker", "--cluster ray"]),
        (["compute", "doodles", "--cluster", "dask"], ["dask", "ray"]),
        (["compute", "doodles", "--cluster", "ray", "--gpus-per-worker", "1.5"], ["'1.5'", "0.5"]),
        (["compute", "doodles", "--cluster", "ray", "--workers", "0"], ["'0'", "at least 1"]),
        (["sweep", "doodles", "--policy", "maxprob", "--address", "auto"], ["--address", "--cluster ray"]),
        (["sweep", "doodles", "--policy", "maxprob,magic"], ["'magic'"]),
        (["sweep", "doodles", "--policy", "maxprob", "--cluster", "ray", "--out", "/dev/null/x"], ["/dev/null/x", "--out"]),
        (["measure", "doodles", "--second-workers", "2"], ["--second-workers", "--cluster ray"]),
        (["measure", "doodles", "--cluster", "ray"], ["--boundary"]),
        (["measure", "doodles", "--cluster", "ray", "--boundary", "1", "--save"], ["--save", "--cluster"]),
        (["measure", "doodles", "--cluster", "ray", "--boundary", "9"], ["boundary is 9", "from 1 to 4"]),
    ],
)
def test_mistakes_on_the_command_line(words: list[str], mentions: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert_one_sentence(capsys.readouterr().err.rstrip("\n"), *mentions)


def test_without_ray_a_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError) as refused, ray_session(ClusterOptions()):
        pass
    assert_one_sentence(str(refused.value), "python -m pip install -r requirements-cluster.txt")


def test_a_cluster_that_does_not_start_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when one of its processes ends meanwhile."""
    ray = ray_module()

    def fail(**settings: object) -> None:
        raise Exception("The current node timed out during startup. This could happen\nbecause the raylet failed.")

    monkeypatch.setattr(ray, "init", fail)
    with pytest.raises(UserError) as refused, ray_session(ClusterOptions()):
        pass
    assert_one_sentence(str(refused.value), "The current node timed out during startup", "run the same command again")


def test_rules_of_every_policy_can_be_sent_to_workers() -> None:
    made, pickled = outputs(examples=150, exits=3, kind="family", features=True), ray_module().cloudpickle
    for policy in POLICIES.values():
        if policy.deployable and policy.unavailable_reason(made) is None:
            for rule in run_sweep(policy, made, 3).rules:
                sent = pickled.loads(pickled.dumps(rule))
                assert np.array_equal(sent.route(made).exit, rule.route(made).exit), policy.name


@pytest.mark.parametrize(
    ("workers", "cpus", "mentions"),
    [
        (2, 100, ["--cpus-per-worker is 100", "2 cores"]),
        (9, 1, ["9 workers", "2 cores", "8 --workers"]),
        (5, 2, ["5 workers", "at most 4"]),
    ],
)
def test_more_workers_than_this_machine_has_room_for_are_refused(
    workers: int, cpus: int, mentions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "cores_here", lambda: 2)
    with pytest.raises(UserError) as refused, ray_session(ClusterOptions(workers, cpus)):
        pass
    assert_one_sentence(str(refused.value), *mentions)


@pytest.mark.parametrize(
    ("address", "mentions"),
    [("", ["''", "HOST:PORT"]), ("local", ["'local'"]), ("localhost:99999", ["'localhost:99999'"]), ("127.0.0.1:1", ["127.0.0.1:1 ("])],
)
def test_an_address_at_which_no_cluster_can_be_is_refused(address: str, mentions: list[str]) -> None:
    with pytest.raises(UserError) as refused, ray_session(ClusterOptions(address=address)):
        pass
    assert_one_sentence(str(refused.value), *mentions)


@pytest.mark.parametrize(("reply", "reason"), [(b"HTTP/1.1 400 Bad Request\r\n", "another service"), (None, "timed out")])
def test_another_service_at_an_address_is_refused(reply: bytes | None, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray would wait for it without end."""
    monkeypatch.setattr(session, "ANSWERS_WITHIN", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                if reply is not None:
                    connection.sendall(reply)
                over.wait()

        over, address = threading.Event(), f"127.0.0.1:{server.getsockname()[1]}"
        service = threading.Thread(target=answer)
        service.start()
        with pytest.raises(UserError) as refused, ray_session(ClusterOptions(address=address)):
            pass
        over.set()
        service.join()
    assert_one_sentence(str(refused.value), address, reason, "`ray start --head`")


# Shards at an address


def test_shards_in_memory_of_an_address() -> None:
    store = shared_shards("memory://shards-of-a-test", KEY, 3)
    assert isinstance(store, ObjectShards) and store.is_of(KEY) and store.finished() == set()
    arrays = {"a": np.arange(6).reshape(2, 3).T}
    store.write(1, arrays)
    assert store.finished() == {1}
    assert shared_shards("memory://shards-of-a-test", KEY[::-1], 3).finished() == set(), "the shards of another run"
    store.remove()
    assert store.finished() == set()


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_shards_in_a_shared_folder_are_renamed(form: str, tmp_path: Path) -> None:
    store = shared_shards(form.format(tmp_path / "shared"), KEY, 3)
    assert isinstance(store, Shards) and store.is_of(KEY)
    store.write(2, {"a": np.arange(3)})
    assert shared_shards(form.format(tmp_path / "shared"), KEY, 3).finished() == {2}
    copied = Shards.begun(tmp_path / "here", 3, KEY)
    for index in (0, 1):
        store.write(index, {"a": np.arange(index)})
    copied.copy_from(store)
    assert [array.tolist() for array in copied.column("a")] == [[], [0], [0, 1, 2]]


@pytest.mark.parametrize("url", ["nothing://bucket", "s3://bucket/shards"])
def test_an_address_that_cannot_be_used_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("s3fs") is not None and url.startswith("s3"):
        monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    for use in (lambda: check_address(url, False), lambda: shared_shards(url, KEY, 3)):
        with pytest.raises(UserError) as refused:
            use()
        assert_one_sentence(str(refused.value), url, "s3://BUCKET/FOLDER")


def test_addresses_are_checked_before_a_run(tmp_path: Path) -> None:
    check_address("memory://shards-of-a-test", has_workers=False)
    check_address(str(tmp_path / "new" / "folder"), has_workers=True)
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").touch()
    for url, mentions in (
        ("", "--shards is empty"),
        ("memory://shards-of-a-test", "memory of one process"),
        (str(tmp_path / "file"), "FileExistsError"),
    ):
        with pytest.raises(UserError) as refused:
            check_address(url, has_workers=True)
        assert_one_sentence(str(refused.value), url, mentions)


# Recipes for clusters


def test_the_slurm_script_is_valid_and_its_command_is_known() -> None:
    script = EXAMPLES / "slurm.sbatch"
    assert subprocess.run(["bash", "-n", script], capture_output=True).returncode == 0
    text = script.read_text()
    assert [line.split()[1].partition("=")[0] for line in text.splitlines() if line.startswith("#SBATCH")][:2] == ["--job-name", "--nodes"]
    command = text[text.index("-m engine ") :].split()[2:]
    assert parser().parse_args(command).cluster == "ray"


def test_the_kuberay_job_has_what_the_operator_requires() -> None:
    job = yaml.safe_load((EXAMPLES / "kuberay.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob") and job["metadata"]["name"]
    command = job["spec"]["entrypoint"].split()
    assert command[:3] == ["python", "-m", "engine"] and parser().parse_args(command[3:]).cluster == "ray"
    cluster = job["spec"]["rayClusterSpec"]
    requirements = (EXAMPLES.parents[1] / "requirements-cluster.txt").read_text()
    assert f"ray=={cluster['rayVersion']}" in requirements and cluster["authOptions"] == {"mode": "token"}
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert container["name"] and container["image"] and container["resources"]["limits"]["cpu"]
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert all(isinstance(variable["value"], str) for variable in container["env"])
    for group in groups[1:]:
        assert group["groupName"] and group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
