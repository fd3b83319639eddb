"""Published data sets: split without leaks, read as torchvision reads them, and downloaded only on request.

Small stand-ins in torchvision's layout serve for all four. CIFAR-10 itself is compared too if it is on this computer.
"""

import gzip
import hashlib
import pickle
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from torchvision import datasets

from engine.bundle.bundle import read_bundle
from engine.cascades.bof import BofShape, bof
from engine.cascades.resnet import ResNetShape
from engine.commands.progress import progress_bar
from engine.datasets.published import sets as torchvision_sets
from engine.datasets.published.files import FILES
from engine.datasets.published.sets import FIRST_TEST_ID, SOURCES, TorchvisionSet, download
from engine.errors import UserError
from engine.recipes import Recipe, RecipeConfig, Training
from engine.runtime.compute import compute
from engine.splits import Split
from engine.training.loop import train
from tests.sentences import assert_one_sentence
from tests.stand_ins import (
    HELD_OUT,
    PUBLISHED,
    TEST,
    TRAINING,
    fetch_from,
    pack_cifar10,
    real_cifar10,
    served,
    trust_stand_ins,
    write_cifar,
    write_fashion,
    write_svhn,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("datasets")
    write_cifar(where, datasets.CIFAR10, SOURCES["cifar10"].class_names, "labels")
    write_cifar(where, datasets.CIFAR100, SOURCES["cifar100"].class_names, "fine_labels")
    write_fashion(where)
    write_svhn(where)
    with pytest.MonkeyPatch.context() as patch:
        trust_stand_ins(patch)
        yield where


@pytest.fixture(params=list(SOURCES))
def small(request, folder):
    return TorchvisionSet(request.param, folder, HELD_OUT)


def original(name: str, folder: Path, train: bool):
    kinds = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100, "fashion-mnist": datasets.FashionMNIST}
    if name == "svhn":
        return datasets.SVHN(folder, split="train" if train else "test")
    return kinds[name](folder, train=train)


def check_against(dataset: TorchvisionSet, folder: Path, images: int) -> None:
    """Check that all labels, and the first `images` images of each part, are torchvision's own."""
    for official in (True, False):
        theirs = original(dataset.name, folder, official)
        ids = np.arange(len(theirs)) + (0 if official else FIRST_TEST_ID)
        ours = dataset.take(ids)
        assert ours.labels.tolist() == list(map(int, theirs.labels if dataset.name == "svhn" else theirs.targets))
        for index in range(images):
            image, label = theirs[index]
            inside = np.asarray(image.convert("RGB"))
            frame = (32 - len(inside)) // 2
            shown = ours.pixels[index][frame : 32 - frame, frame : 32 - frame]
            assert np.array_equal(shown, inside) and ours.labels[index] == label
            assert ours.pixels[index].astype(int).sum() == inside.astype(int).sum()  # the frame is black


def test_images_and_labels_are_torchvisions_own(small, folder):
    check_against(small, folder, images=TEST)


def test_class_names_are_torchvisions_own(small, folder):
    if small.name != "svhn":  # torchvision does not name its classes, which are digits
        assert small.class_names == tuple(original(small.name, folder, True).classes)
    assert len(set(small.class_names)) == (100 if small.name == "cifar100" else 10)


def test_splits_are_disjoint_and_complete(small):
    parts = {split: small.ids(split) for split in Split}
    assert {split: len(ids) for split, ids in parts.items()} == {
        Split.TRAIN: TRAINING - 2 * HELD_OUT,
        Split.FIT: HELD_OUT,
        Split.CALIBRATION: HELD_OUT,
        Split.TEST: TEST,
    }
    every = np.concatenate(list(parts.values()))
    assert len(np.unique(every)) == len(every) == TRAINING + TEST
    assert (parts[Split.TEST] >= FIRST_TEST_ID).all() and max(every[: -len(parts[Split.TEST])]) < TRAINING


def test_the_split_never_changes(folder):
    """Its first ids are listed here because weights and bundles depend on it."""
    dataset = TorchvisionSet("cifar10", folder, HELD_OUT)
    firsts = [dataset.ids(split)[:6].tolist() for split in (Split.TRAIN, Split.FIT, Split.CALIBRATION)]
    assert firsts == [[26, 86, 2, 55, 75, 93], [10, 14, 19, 20, 29, 31], [9, 12, 21, 25, 36, 37]]


def test_images_come_in_the_requested_order(small):
    ids = np.concatenate([small.ids(Split.TEST)[:5], small.ids(Split.TRAIN)[:5]])[::-1]
    some, whole = small.take(ids), small.take(np.sort(ids))
    back = np.argsort(np.argsort(ids))
    assert np.array_equal(some.pixels, whole.pixels[back]) and np.array_equal(some.labels, whole.labels[back])
    assert some.pixels.shape == (10, 32, 32, 3) and some.pixels.dtype == np.uint8 and some.labels.dtype == np.int64


@pytest.mark.parametrize("id", [-1, TRAINING, FIRST_TEST_ID - 1, FIRST_TEST_ID + TEST])
def test_an_unknown_id_is_refused(small, id):
    with pytest.raises(KeyError, match=str(id)):
        small.take(np.array([0, id]))


def test_the_digest_changes_with_any_pixel_label_or_split(folder, tmp_path):
    def changed(name: str, at: int) -> str:
        where = tmp_path / f"{name}{at}" / "FashionMNIST" / "raw"
        where.mkdir(parents=True)
        for path in (folder / "FashionMNIST" / "raw").iterdir():
            data = bytearray(path.read_bytes())
            if path.name.startswith(name):
                data[at] = (data[at] + 1) % 10
            (where / path.name).write_bytes(data)
        return TorchvisionSet("fashion-mnist", where.parents[1], HELD_OUT).digest()

    same = TorchvisionSet("fashion-mnist", folder, HELD_OUT)
    others = [changed("train-images", -1), changed("t10k-images", 500), changed("train-labels", -1), changed("t10k-labels", -1)]
    others += [TorchvisionSet("fashion-mnist", folder, HELD_OUT + 1).digest(), TorchvisionSet("svhn", folder, HELD_OUT).digest()]
    assert changed("nothing", 0) == same.digest() and len({same.digest(), *others}) == 7


def test_a_missing_data_set_names_the_folder_and_the_command(small, tmp_path, monkeypatch):
    monkeypatch.setenv("OFFRAMP_DATASETS", str(tmp_path / "nowhere"))
    with pytest.raises(UserError) as caught:
        TorchvisionSet(small.name).ids(Split.TEST)
    assert_one_sentence(str(caught.value), str(tmp_path / "nowhere"), f"python -m engine download {small.name}", "OFFRAMP_DATASETS")
    assert not (tmp_path / "nowhere").exists()  # nothing was fetched


def test_a_damaged_file_is_reported_like_a_missing_one(folder, tmp_path):
    where = tmp_path / "FashionMNIST" / "raw"
    where.mkdir(parents=True)
    for path in (folder / "FashionMNIST" / "raw").iterdir():
        (where / path.name).write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match="incomplete"):
        TorchvisionSet("fashion-mnist", tmp_path).digest()


def test_a_pickle_that_is_not_the_published_one_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    where = tmp_path / "cifar-10-batches-py"
    where.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        published = {"data_batch_1": hashlib.md5(b"the published bytes").hexdigest()}
        patch.setattr(datasets.CIFAR10, "train_list", list(map(list, published.items())))
        (where / "data_batch_1").write_bytes(pickle.dumps(Trap()))
        with pytest.raises(UserError):
            TorchvisionSet("cifar10", tmp_path).ids(Split.TRAIN)
    assert not (tmp_path / "sprung").exists()


def test_the_folder_is_looked_up_when_data_is_needed(folder, monkeypatch):
    dataset = TorchvisionSet("svhn", held_out=HELD_OUT)
    monkeypatch.setenv("OFFRAMP_DATASETS", str(folder))
    assert len(dataset.ids(Split.TEST)) == TEST


def test_too_few_images_to_hold_out_are_refused(folder):
    with pytest.raises(UserError, match="too few"):
        TorchvisionSet("svhn", folder).ids(Split.TRAIN)


def test_the_error_for_an_unknown_data_set_lists_the_known_ones():
    for use in (download, lambda name: TorchvisionSet(name).class_names):
        with pytest.raises(UserError, match="cifar11.*cifar10, cifar100, fashion-mnist, svhn"):
            use("cifar11")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder whose files torchvision downloads instead of the published ones."""
    root = tmp_path / "site"
    root.mkdir()
    with served(root) as address:
        fetch_from(address, monkeypatch)
        yield root


@pytest.fixture
def nowhere(monkeypatch):
    """torchvision downloads from an address where no server listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but not listening
        fetch_from(f"http://127.0.0.1:{unused.getsockname()[1]}", monkeypatch)
        yield


def test_a_requested_download_brings_the_images(folder, site, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", None)
    pack_cifar10(folder, site / datasets.CIFAR10.filename)
    there = download("cifar10", tmp_path / "new")
    assert there == tmp_path / "new"
    assert TorchvisionSet("cifar10", there, HELD_OUT).digest() == TorchvisionSet("cifar10", folder, HELD_OUT).digest()


def test_a_download_reports_its_progress_in_plain_lines(folder, site, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", None)
    monkeypatch.setattr(torchvision_sets, "WATCHED", 0.01)
    pack_cifar10(folder, site / datasets.CIFAR10.filename)
    fetch = torchvision_sets._fetch

    def slowly(*given):
        time.sleep(0.2)  # enough time for a report while it runs
        fetch(*given)

    monkeypatch.setattr(torchvision_sets, "_fetch", slowly)
    download("cifar10", tmp_path / "new", progress_bar("bytes"))
    first, *_, last = (printed := capsys.readouterr()).err.splitlines()
    assert " 0 of 170,498,071 bytes" in first and "170,498,071 of 170,498,071 bytes" in last
    assert "\r" not in printed.err and "%" not in printed.err and printed.out == ""  # nothing of torchvision's own bar


def test_two_simultaneous_downloads_fetch_the_files_once(folder, site, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", None)
    pack_cifar10(folder, site / datasets.CIFAR10.filename)
    fetched, fetch = [], torchvision_sets._fetch

    def slowly(*given):
        fetched.append(given)
        time.sleep(0.3)  # enough time for the other download to arrive
        fetch(*given)

    monkeypatch.setattr(torchvision_sets, "_fetch", slowly)
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: download("cifar10", tmp_path / "new"), range(2))
    assert first == second and len(fetched) == 1
    assert TorchvisionSet("cifar10", first, HELD_OUT).digest() == TorchvisionSet("cifar10", folder, HELD_OUT).digest()


@pytest.mark.parametrize("content", [None, b"not a data set"])
def test_a_failed_or_altered_download_is_reported_in_one_sentence(content, site, tmp_path):
    if content:
        (site / datasets.CIFAR10.filename).write_bytes(gzip.compress(content))
    with pytest.raises(UserError) as caught:
        download("cifar10", tmp_path / "new")
    assert_one_sentence(str(caught.value), "CIFAR-10 could not be downloaded", str(tmp_path / "new"), "try again")


@pytest.mark.parametrize("name", list(SOURCES))
def test_each_failed_download_is_reported_in_one_sentence_and_leaves_no_files(name, nowhere, tmp_path):
    with pytest.raises(UserError) as caught:
        download(name, tmp_path)
    assert_one_sentence(str(caught.value), FILES[name].title, str(tmp_path), "Connection refused", *FILES[name].archives)
    assert FILES[name].stamp(tmp_path) == ()


def test_a_dead_connection_times_out(tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision_sets, "PATIENCE", 0.2)
    before = socket.getdefaulttimeout()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fetch_from(f"http://127.0.0.1:{silent.getsockname()[1]}", monkeypatch)
        with pytest.raises(UserError, match="timed out"):
            download("cifar10", tmp_path)
    assert socket.getdefaulttimeout() == before


def test_an_archive_put_there_by_hand_needs_no_network(folder, nowhere, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", None)
    pack_cifar10(folder, tmp_path / datasets.CIFAR10.filename)
    unpacked = TorchvisionSet("cifar10", download("cifar10", tmp_path), HELD_OUT)
    assert unpacked.digest() == TorchvisionSet("cifar10", folder, HELD_OUT).digest()


def test_an_incomplete_archive_is_refused(folder, site, tmp_path, monkeypatch):
    """Both one that is already there and one that is downloaded; a complete download repairs it."""
    packed = pack_cifar10(folder, site / datasets.CIFAR10.filename)
    whole = packed.read_bytes()
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", hashlib.md5(whole).hexdigest())
    packed.write_bytes(whole[: len(whole) // 2])
    there = tmp_path / "there"
    there.mkdir()
    (there / packed.name).write_bytes(whole[: len(whole) // 3])
    for _ in range(2):
        with pytest.raises(UserError, match="could not be downloaded"):
            download("cifar10", there)
        assert not FILES["cifar10"].complete(there)
    packed.write_bytes(whole)
    assert len(TorchvisionSet("cifar10", download("cifar10", there), HELD_OUT).ids(Split.TEST)) == TEST
    assert FILES["cifar10"].complete(there) and not FILES["cifar10"].unfinished(there).exists()


def test_a_download_replaces_truncated_files(folder, site, tmp_path, monkeypatch):
    """Fashion-MNIST is the one set whose unpacked files torchvision does not check."""
    there = tmp_path / "there" / "FashionMNIST" / "raw"
    there.mkdir(parents=True)
    published = []
    for path in sorted((folder / "FashionMNIST" / "raw").iterdir()):
        packed = gzip.compress(path.read_bytes())
        (site / f"{path.name}.gz").write_bytes(packed)
        published.append((f"{path.name}.gz", hashlib.md5(packed).hexdigest()))
        (there / path.name).write_bytes(path.read_bytes()[:-3])
    monkeypatch.setattr(datasets.FashionMNIST, "resources", published)
    repaired = TorchvisionSet("fashion-mnist", download("fashion-mnist", tmp_path / "there"), HELD_OUT)
    assert repaired.digest() == TorchvisionSet("fashion-mnist", folder, HELD_OUT).digest()


def test_the_files_we_know_are_torchvisions_own():
    """Names and addresses. The sizes are those that the sites report."""
    for name, kind in (("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)):
        assert set(FILES[name].archives) == {kind.filename} and kind.url.startswith(f"https://www.{FILES[name].host}/")
        read = [file for file, _ in [*PUBLISHED["train_list"], *PUBLISHED["test_list"]]] if name == "cifar10" else ["train", "test"]
        assert set(FILES[name].opened) == {f"{kind.base_folder}/{file}" for file in [*read, kind.meta["filename"]]}
    fashion = FILES["fashion-mnist"]
    assert set(fashion.archives) == {f"FashionMNIST/raw/{file}" for file, _ in datasets.FashionMNIST.resources}
    assert set(fashion.opened) == {archive.removesuffix(".gz") for archive in fashion.archives}
    assert datasets.FashionMNIST.mirrors == [f"http://{fashion.host}/"]
    for part in ("train", "test"):
        url, file, _ = datasets.SVHN.split_list[part]
        assert file in FILES["svhn"].archives and url.startswith(f"http://{FILES['svhn'].host}/")
    assert set(FILES) == set(SOURCES)


def test_cifar10_itself_or_its_stand_in(folder, monkeypatch):
    """The real one if it is on this computer."""
    if where := real_cifar10():
        for name, value in PUBLISHED.items():
            monkeypatch.setattr(datasets.CIFAR10, name, value)
        real = TorchvisionSet("cifar10", where)
        assert [len(real.ids(split)) for split in Split] == [40_000, 5_000, 5_000, 10_000]
        for split in Split:
            counts = np.bincount(real.take(real.ids(split)).labels, minlength=10)
            assert counts.min() > 0.8 * counts.mean()
        check_against(real, where, images=20)
        return
    check_against(TorchvisionSet("cifar10", folder, HELD_OUT), folder, images=TEST)


def test_a_network_learns_on_it_and_its_bundle_has_the_correct_labels(folder, tmp_path, monkeypatch):
    """From torchvision's files to a bundle, with Bag-of-Features exits, whose shared classifier is saved once and loaded again."""
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OFFRAMP_DATASETS", str(folder))
    dataset = TorchvisionSet("cifar10", held_out=HELD_OUT)
    shape = BofShape(ResNetShape(classes=10, widths=(4, 6), blocks=(0, 1), exits=(1,)), words=8)
    small = Recipe(
        RecipeConfig("small", "Small", "Small.", Training(epochs=2, batch_size=10, validation=20)), lambda: dataset, lambda: bof(shape)
    )
    train(small, device="cpu")
    made = read_bundle(compute(small, "cpu"))
    assert made.class_names == SOURCES["cifar10"].class_names
    for split, size in ((Split.FIT, HELD_OUT), (Split.CALIBRATION, HELD_OUT), (Split.TEST, TEST)):
        ids = made.outputs.ids[made.outputs.split == split]
        assert ids.tolist() == dataset.ids(split).tolist() and len(ids) == size
        assert made.outputs.labels[made.outputs.split == split].tolist() == dataset.take(ids).labels.tolist()
