"""Compute: the bundle holds the outputs of the network, and a run killed at any point ends in the same bytes as an uninterrupted one."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from engine.bundle import bundle as bundles
from engine.bundle.bundle import read_bundle, write_bundle
from engine.cascades.base import Cascade, CascadeKind, Stage
from engine.cascades.macs import stage_macs
from engine.datasets.base import Images
from engine.errors import UserError
from engine.recipes import Recipe, RecipeConfig, Training, catalogue, weights_path
from engine.runtime import compute as computing
from engine.runtime import shard_worker
from engine.runtime import shards as storing
from engine.runtime.compute import compute
from engine.runtime.weights import save_weights
from engine.splits import BUNDLE_SPLITS, Split
from engine.storage.files import sha256_of
from tests.sentences import assert_one_sentence
from tests.synthetic import draft, outputs
from tests.thorough import KILLS

ROOT = Path(__file__).resolve().parents[3]
SHARD, PER_SPLIT, CLASSES = 20, 45, 3  # seven shards: the last one is shorter, and two span splits


class Dots:
    """Coloured noise that depends only on the id of the example."""

    name, class_names, image_size, shippable = "dots", ("red", "green", "blue"), (8, 8), True
    taken: list[int] = []

    def ids(self, split):
        start = 1000 * [Split.TRAIN, *BUNDLE_SPLITS].index(split)
        return np.arange(start, start + PER_SPLIT)

    def take(self, ids):
        Dots.taken.extend(ids.tolist())
        labels = (ids * 5 % CLASSES).astype(np.int64)
        pixels = np.stack([np.random.default_rng(int(id)).integers(0, 150, (8, 8, 3), dtype=np.uint8) for id in ids])
        pixels[np.arange(len(ids)), :, :, labels] += 60
        return Images(pixels, labels, {"fog": (ids % 7).astype(np.float32), "ice": (ids % 2).astype(np.float32)})

    def digest(self):
        return "dots-1"


class First(nn.Module):
    def forward(self, state):
        return (torch.relu(self.convolution(state[0])),)

    def __init__(self, inputs, outputs):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)


class Head(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.out = nn.Linear(inputs, CLASSES)

    def forward(self, state):
        return self.out(state[0].mean(dim=(2, 3)))


def chain() -> Cascade:
    return Cascade([Stage(First(3, 4), Head(4)), Stage(First(4, 6), Head(6))])


def family() -> Cascade:
    return Cascade([Stage(First(3, 4), Head(4)), Stage(First(3, 8), Head(8))], CascadeKind.FAMILY)


def set_up(make=chain, seed: int = 0) -> None:
    """Register the recipe `dots` and write its weights to the current data folder."""
    catalogue._recipes["dots"] = Recipe(RecipeConfig("dots", "Dots", "Dots.", Training(epochs=1)), Dots, make)
    computing.SHARD = SHARD
    torch.manual_seed(seed)
    save_weights(make(), weights_path("dots"), "dots", {"by": "a test"})


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(computing, "SHARD", SHARD)
    monkeypatch.setitem(catalogue._recipes, "dots", None)  # restored afterwards
    set_up()
    Dots.taken.clear()
    return tmp_path / "data"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def direct(make, seed=0):
    """Ids, images, and logits of every example from one forward pass, (exits, examples, classes)."""
    torch.manual_seed(seed)
    cascade = make().eval()
    ids = np.concatenate([Dots().ids(split) for split in BUNDLE_SPLITS])
    images = Dots().take(ids)
    with torch.inference_mode():
        logits = cascade(torch.from_numpy(images.pixels).permute(0, 3, 1, 2).float() / 255)
    return ids, images, logits.numpy()


@pytest.mark.parametrize("make", [chain, family])
@pytest.mark.parametrize("batch_size", [1, 7, 500])
def test_the_bundle_holds_the_outputs_of_the_network(data, make, batch_size):
    set_up(make)
    folder = compute("dots", "cpu", batch_size)
    assert folder == data / "bundles" / "dots"
    opened = read_bundle(folder)
    outputs = opened.outputs
    ids, images, logits = direct(make)
    assert np.array_equal(outputs.ids, ids) and np.array_equal(outputs.labels, images.labels)
    np.testing.assert_allclose(outputs.logits, logits, atol=1e-5)
    assert np.array_equal(outputs.prediction, logits.argmax(axis=-1))
    assert np.array_equal(outputs.split, np.repeat([str(split) for split in BUNDLE_SPLITS], PER_SPLIT))
    assert {name: values.tolist() for name, values in outputs.factors.items()} == {
        name: values.tolist() for name, values in images.factors.items()
    }
    assert outputs.kind == ("family" if make is family else "chain") and outputs.recorded == "logits"
    assert outputs.stage_cost["macs"].tolist() == list(stage_macs(make(), (8, 8)).stage)
    assert opened.class_names == ("red", "green", "blue") and opened.exit_names == ("Exit 1", "Exit 2")
    assert opened.title == "Dots" and opened.unit_notes["macs"]


def test_only_test_examples_have_images(data):
    opened = read_bundle(compute("dots", "cpu"))
    ids, images, _ = direct(chain)
    for id, split, pixels in zip(ids, opened.outputs.split, images.pixels, strict=True):
        assert (int(id) in opened.images) == (split == Split.TEST)
        if split == Split.TEST:
            shown = np.asarray(Image.open(io.BytesIO(opened.images[int(id)])).convert("RGB"), float)
            assert abs(shown.mean() - pixels.mean()) < 4 and shown.shape == pixels.shape


def test_exits_may_have_names(data, monkeypatch):
    named = catalogue._recipes["dots"].configured(exit_names=("Quick", "Thorough"))
    assert read_bundle(compute(named, "cpu")).exit_names == ("Quick", "Thorough")


def test_images_that_may_not_be_shipped_are_left_out(data, monkeypatch):
    monkeypatch.setattr(Dots, "shippable", False)
    assert read_bundle(compute("dots", "cpu")).images is None


def test_provenance_states_recipe_data_and_weights(data):
    facts = read_bundle(compute("dots", "cpu", 16)).provenance
    assert facts["recipe"] == "dots" and facts["dataset"] == "dots" and facts["dataset_digest"] == "dots-1"
    assert facts["weights_sha256"] == sha256_of(weights_path("dots"))
    assert facts["batch_size"] == 16 and facts["dtype"] == "float32" and facts["versions"]["torch"] == torch.__version__


def test_a_limit_takes_the_first_of_each_split(data):
    outputs = read_bundle(compute("dots", "cpu", limit=4)).outputs
    assert outputs.ids.tolist() == [id for split in BUNDLE_SPLITS for id in Dots().ids(split)[:4]]


def test_out_names_the_bundle(data, tmp_path):
    folder = compute("dots", "cpu", limit=2, out=tmp_path / "elsewhere" / "my-dots")
    assert folder == tmp_path / "elsewhere" / "my-dots" and read_bundle(folder).id == "my-dots"
    assert not (data / "bundles").exists()


def test_only_the_bundle_remains(data):
    compute("dots", "cpu")
    assert [path.name for path in (data / "bundles").iterdir()] == ["dots"]


def test_many_classes_are_kept_in_half_precision(data, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "CLASSES", 1001)
    monkeypatch.setattr(Dots, "class_names", tuple(f"class {c}" for c in range(1001)))
    monkeypatch.setattr(Dots, "take", lambda self, ids: Images(np.zeros((len(ids), 8, 8, 3), np.uint8), ids % 1001))
    set_up()
    outputs = read_bundle(compute("dots", "cpu")).outputs
    assert outputs.logits.dtype == np.float16 and outputs.factors == {}


def test_progress_counts_examples_up_to_all(data):
    seen = []
    compute("dots", "cpu", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 135) for done in (0, 20, 40, 60, 80, 100, 120, 135)]


# User errors


def test_missing_weights_are_refused(data):
    weights_path("dots").unlink()
    with pytest.raises(UserError, match=r"no weights for dots at .*; train them with `python -m engine train dots`\."):
        compute("dots", "cpu")


@pytest.mark.parametrize("empty", [Split.CALIBRATION, Split.TEST])
def test_a_data_set_without_examples_of_a_split_is_refused(empty, data, monkeypatch):
    ids = Dots.ids
    monkeypatch.setattr(Dots, "ids", lambda self, split: ids(self, split)[: 0 if split is empty else None])
    with pytest.raises(UserError) as refused:
        compute("dots")
    assert str(refused.value) == f"The data set dots has no {empty} examples, which every bundle needs; add some and train again."


def test_weights_of_another_network_are_refused(data):
    save_weights(family(), weights_path("dots"), "dots", {})
    with pytest.raises(UserError, match="another network"):
        compute("dots", "cpu")


@pytest.mark.parametrize("bad", [{"batch_size": 0}, {"limit": 0}, {"batch_size": -3}, {"limit": -1}])
def test_sizes_below_1_are_refused(data, bad):
    with pytest.raises(UserError, match="must be at least 1"):
        compute("dots", "cpu", **bad)


def test_an_invalid_bundle_name_is_refused_before_the_work(data, tmp_path):
    with pytest.raises(UserError, match="cannot name a bundle"):
        compute("dots", "cpu", out=tmp_path / "My Dots")
    assert Dots.taken == [] and list(tmp_path.glob("My*")) == []


def test_an_imported_bundle_is_not_replaced(data, tmp_path):
    write_bundle(draft(outputs(), "dots", provenance={"imported_from": "dots.npz"}), tmp_path / "dots")
    with pytest.raises(UserError, match="is an imported bundle; choose another name"):
        compute("dots", "cpu", out=tmp_path / "dots")
    assert Dots.taken == [] and "imported_from" in read_bundle(tmp_path / "dots").provenance


def test_the_bundle_of_another_recipe_is_replaced_only_if_asked(data, tmp_path):
    for provenance, made in (({"recipe": "stripes", "variant": "stripes-exits-1"}, "of stripes-exits-1"), ({}, "that no recipe made")):
        write_bundle(draft(outputs(), "kept", provenance=provenance), tmp_path / "kept")
        with pytest.raises(UserError, match=f"already holds a bundle {made}; choose another place with --out, or add --replace") as refusal:
            compute("dots", "cpu", out=tmp_path / "kept")
        assert_one_sentence(str(refusal.value))
        assert Dots.taken == [] and read_bundle(tmp_path / "kept").provenance == provenance
    (tmp_path / "kept" / "bundle.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        compute("dots", "cpu", out=tmp_path / "kept")
    compute("dots", "cpu", out=tmp_path / "kept", replace=True)
    assert read_bundle(tmp_path / "kept").provenance["recipe"] == "dots"
    (tmp_path / "kept").rename(tmp_path / "dots")
    (tmp_path / "dots" / "bundle.json").write_text("{")
    compute("dots", "cpu", out=tmp_path / "dots")  # as the sentence about a damaged bundle says


@pytest.mark.parametrize("name", ["dots", "dots.old", "dots.new", "dots.partial"])
@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_not_a_bundle_is_never_replaced(data, tmp_path, name, kind):
    mine = tmp_path / "somewhere" / name
    mine.parent.mkdir()
    if kind == "folder":
        mine.mkdir()
        (mine / "thesis.txt").write_text("mine")
    elif kind == "file":
        mine.write_text("mine")
    else:
        mine.symlink_to(tmp_path / "gone")
    with pytest.raises(UserError, match="is not a bundle; choose another place"):
        compute("dots", "cpu", out=tmp_path / "somewhere" / "dots")
    assert Dots.taken == [] and (mine.is_symlink() or "mine" in (mine / "thesis.txt" if kind == "folder" else mine).read_text())


def test_a_place_below_a_file_is_refused_before_the_work(data, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="cannot be written"):
        compute("dots", "cpu", out=tmp_path / "file" / "dots")
    assert Dots.taken == []


def test_a_limit_does_not_replace_a_larger_bundle(data):
    folder = compute("dots", "cpu", limit=10)
    compute("dots", "cpu", limit=20)
    with pytest.raises(UserError, match="has 60 examples and --limit 10 would leave 30"):
        compute("dots", "cpu", limit=10)
    assert read_bundle(folder).outputs.examples == 60


# Killed and resumed


class Killed(BaseException):
    """Simulates the end of the process: nothing catches it, nothing cleans up."""


@pytest.fixture
def uninterrupted(data) -> dict[str, bytes]:
    """The files of a run that is not killed."""
    return contents(compute("dots", "cpu", out=data / "uninterrupted" / "dots"))


def kill_after(shards: int):
    def progress(done, total):
        if done >= min(shards * SHARD, total):
            raise Killed

    return progress


@pytest.mark.parametrize("shards", range(8))
def test_killed_after_any_shard_and_resumed(data, uninterrupted, shards):
    Dots.taken.clear()
    with pytest.raises(Killed):
        compute("dots", "cpu", progress=kill_after(shards))
    assert not (data / "bundles" / "dots").exists()
    assert 0 <= len(Dots.taken) - min(shards * SHARD, 3 * PER_SPLIT) <= SHARD  # one shard is read ahead
    assert contents(compute("dots", "cpu")) == uninterrupted
    every_id = np.concatenate([Dots().ids(split) for split in BUNDLE_SPLITS])
    assert set(Dots.taken) == set(every_id) and len(Dots.taken) <= len(every_id) + SHARD, "more than the shard read ahead was repeated"


def test_killed_repeatedly(data, uninterrupted):
    for shards in range(1, 8):
        with pytest.raises(Killed):
            compute("dots", "cpu", progress=kill_after(shards))
    assert contents(compute("dots", "cpu")) == uninterrupted


def test_killed_while_a_shard_is_written(data, uninterrupted, monkeypatch):
    def half_written(path, arrays):
        path.write_bytes(b"half a shard")
        raise Killed

    with pytest.raises(Killed):
        compute("dots", "cpu", progress=kill_after(3))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(storing, "save_tensors", half_written)
        compute("dots", "cpu")
    assert contents(compute("dots", "cpu")) == uninterrupted


def test_killed_while_the_bundle_is_written(data, uninterrupted, monkeypatch):
    """At every operation of writing the bundle. All shards exist, so the network does not run again."""

    def deadly(operation, step, taken):
        def run(*arguments, **options):
            if next(taken) == step:
                raise Killed
            return operation(*arguments, **options)

        return run

    with pytest.raises(Killed):
        compute("dots", "cpu", progress=kill_after(7))
    monkeypatch.setattr(shard_worker, "trained_network", lambda *_: pytest.fail("the network runs again"))
    for step in count(1):
        with monkeypatch.context() as patch:
            taken = count(1)
            for name in ("write_table", "save_tensors", "write_synced", "swap_in", "sha256_of"):
                patch.setattr(bundles, name, deadly(getattr(bundles, name), step, taken))
            patch.setattr(shutil, "rmtree", deadly(shutil.rmtree, step, taken))
            try:
                compute("dots", "cpu")
                break
            except Killed:
                assert (data / "bundles" / "dots.partial").is_dir()
    assert step > 8 and contents(data / "bundles" / "dots") == uninterrupted


@pytest.mark.parametrize("other", [{"seed": 1}, {"batch_size": 16}, {"limit": 30}, {"shard": 10}, {"dtype": "bfloat16"}])
def test_shards_of_another_run_are_not_mixed_in(data, other, monkeypatch):
    with pytest.raises(Killed):
        compute("dots", "cpu", progress=kill_after(4))
    if "seed" in other:
        set_up(seed=1)
    if "shard" in other:
        monkeypatch.setattr(computing, "SHARD", 10)
    options = {name: value for name, value in other.items() if name in ("batch_size", "limit", "dtype")}
    resumed = contents(compute("dots", "cpu", **options))
    assert resumed == contents(compute("dots", "cpu", **options, out=data / "fresh" / "dots"))


def test_shards_of_other_images_are_not_mixed_in(data, uninterrupted, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Dots, "digest", lambda self: "dots-0")
        patch.setattr(Dots, "take", lambda self, ids: Images(np.zeros((len(ids), 8, 8, 3), np.uint8), ids % CLASSES))
        compute("dots", "cpu", progress=kill_after(4))
    assert contents(compute("dots", "cpu")) == uninterrupted


def test_a_folder_without_a_marker_is_started_again(data, uninterrupted):
    with pytest.raises(Killed):
        compute("dots", "cpu", progress=kill_after(4))
    (data / "bundles" / "dots.partial" / "run.json").unlink()
    assert contents(compute("dots", "cpu")) == uninterrupted


def test_the_old_bundle_stays_while_a_new_one_is_computed(data, uninterrupted):
    compute("dots", "cpu")
    set_up(seed=1)
    with pytest.raises(Killed):
        compute("dots", "cpu", progress=kill_after(5))
    assert contents(data / "bundles" / "dots") == uninterrupted


def as_a_program(data: Path, progress: str) -> subprocess.Popen:
    """`compute dots` in a process with the same number of threads as this one. progress: what it does after a shard"""
    code = "import time; from tests.engine.runtime import test_compute as t; t.set_up(); "
    code += f"t.compute('dots', 'cpu', progress=lambda done, total: {progress})"
    environment = {**os.environ, "OFFRAMP_DATA": str(data), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)


def test_a_killed_process_is_resumed(data, uninterrupted):
    shards = data / "bundles" / "dots.partial"
    victim = as_a_program(data, f"done == {3 * SHARD} and time.sleep(600)")
    deadline = time.monotonic() + 90
    while len(list(shards.glob("*.safetensors"))) < 3:
        assert victim.poll() is None and time.monotonic() < deadline, "the process ended before it could be killed"
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert not (data / "bundles" / "dots").exists()
    assert contents(compute("dots", "cpu")) == uninterrupted


@pytest.mark.parametrize("kill", range(KILLS))
def test_after_a_kill_at_any_moment_the_next_run_ends_in_the_same_bytes(data, uninterrupted, kill):
    """Each kill is in another part of the run, which waits after every shard so that there is time for it."""
    victim = as_a_program(data, "time.sleep(0.05)")
    deadline = time.monotonic() + 90
    while not (data / "bundles" / "dots.partial").is_dir():
        assert victim.poll() is None and time.monotonic() < deadline, "the process ended before it could be killed"
        time.sleep(0.005)
    time.sleep(0.7 * (kill + np.random.default_rng().random()) / KILLS)
    victim.kill()
    victim.wait()
    if (data / "bundles" / "dots").exists():
        assert contents(data / "bundles" / "dots") == uninterrupted
    assert contents(compute("dots", "cpu")) == uninterrupted
    assert [path.name for path in (data / "bundles").iterdir()] == ["dots"]
