"""What every registered data set must do. A new one is tested here without a line of its own.

Published sets need their files and are tested in tests/engine/datasets/published.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest

from engine.datasets import DATASETS, IGNORED, AnyDataset, MaskDataset, TextDataset, Texts, dataset, register_dataset
from engine.datasets.base import PADDING
from engine.datasets.camvid import CamVid
from engine.datasets.cityscapes import Cityscapes
from engine.datasets.packed import PackedImages
from engine.datasets.published.files import FILES
from engine.datasets.sentences import Sentences
from engine.errors import UserError
from engine.recipes import RECIPES
from engine.recipes.small_networks import SMALL_NETWORKS
from engine.splits import BUNDLE_SPLITS, Split
from tests.packed_images import write_packed
from tests.sentences import assert_one_sentence
from tests.stand_in_sentences import install_minilm, write_sentences
from tests.street_files import write_camvid, write_cityscapes

SOME = 8


@pytest.fixture(scope="module", params=[name for name in DATASETS if name not in FILES])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", autouse=True)
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A small file for each data set that reads one."""
    folder = tmp_path_factory.mktemp("datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OFFRAMP_DATASETS", str(folder))
        for name in set(DATASETS) - set(FILES):
            match dataset(name):
                case PackedImages() as made:
                    write_packed(folder, made)
                case Sentences() as made:
                    write_sentences(folder, made)
                case CamVid():
                    write_camvid(folder)
                case Cityscapes():
                    write_cityscapes(folder)
        install_minilm(tmp_path_factory.mktemp("packages"), patch)
        yield


@pytest.fixture(scope="module")
def built(name: str) -> AnyDataset:
    return dataset(name)


def test_it_is_described_without_being_built(name: str) -> None:
    entry = DATASETS[name]
    assert entry.title and entry.description and not entry.description.endswith(".")
    assert entry.classes >= 2


def test_it_is_what_its_entry_says(name: str, built: AnyDataset) -> None:
    assert len(built.class_names) == DATASETS[name].classes and len(set(built.class_names)) == len(built.class_names)
    assert isinstance(built.name, str) and isinstance(built.shippable, bool)
    assert bool(DATASETS[name].terms) != built.shippable and not DATASETS[name].terms.endswith(".")
    if isinstance(built, TextDataset):
        assert built.longest > 0 and built.vocabulary > 1
    else:
        height, width = built.image_size
        assert height > 0 and width > 0


def test_splits_are_disjoint_and_always_the_same(name: str, built: AnyDataset) -> None:
    ids = {split: built.ids(split) for split in Split}
    for split, own in ids.items():
        assert own.dtype == np.int64 and own.ndim == 1 and len(np.unique(own)) == len(own)
        np.testing.assert_array_equal(own, dataset(name).ids(split))
    assert all(len(ids[split]) > 0 for split in BUNDLE_SPLITS)
    for one, other in combinations(ids.values(), 2):
        assert len(np.intersect1d(one, other)) == 0


def test_examples_come_in_the_order_of_their_ids(built: AnyDataset) -> None:
    ids = built.ids(Split.TEST)[:SOME]
    taken, backwards = built.take(ids), built.take(ids[::-1])
    of_pixels = built.image_size if isinstance(built, MaskDataset) else ()
    classes = taken.labels[taken.labels != IGNORED] if of_pixels else taken.labels
    assert taken.labels.shape == (len(ids), *of_pixels) and classes.min() >= 0 and classes.max() < len(built.class_names)
    np.testing.assert_array_equal(backwards.inputs[::-1], taken.inputs)
    np.testing.assert_array_equal(backwards.labels[::-1], taken.labels)
    if isinstance(built, TextDataset):
        assert isinstance(taken, Texts) and isinstance(backwards, Texts) and backwards.texts[::-1] == taken.texts
        assert built.texts(ids) == taken.texts
        assert taken.tokens.dtype == np.int32 and len(taken.texts) == len(ids) and all(taken.texts)
        assert taken.tokens.max() < built.vocabulary and taken.tokens.shape[1] <= built.longest
        is_word = taken.tokens != PADDING
        assert (is_word[:, :-1] >= is_word[:, 1:]).all(), "padding is at the end"
    else:
        assert taken.inputs.dtype == np.uint8 and taken.inputs.shape == (len(ids), *built.image_size, 3)
    for values in taken.factors.values():
        assert values.shape == (len(ids),) and values.dtype == np.float32


def test_its_digest_stays_the_same(name: str, built: AnyDataset) -> None:
    assert built.digest() == dataset(name).digest() and int(built.digest(), 16) >= 0


def test_networks_for_small_images_come_with_it(name: str) -> None:
    recipes = {f"{name}-{network}" for network in SMALL_NETWORKS} & set(RECIPES)
    if DATASETS[name].small_images:
        assert len(recipes) == len(SMALL_NETWORKS)
    else:
        assert recipes <= {"doodles-resnet", "doodles-bof"}, "which are smaller and have recipes of their own"


def test_two_data_sets_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match="two data sets are called 'doodles'"):
        register_dataset("doodles", "Doodles", "drawings", 10)(DATASETS["doodles"].build)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError) as caught:
        dataset("doodels")
    assert_one_sentence(str(caught.value), "'doodels'", *DATASETS)
