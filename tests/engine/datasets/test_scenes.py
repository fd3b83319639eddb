"""Scenes: pictures of several things with exact masks, the same on every machine, with known difficulty."""

import hashlib

import numpy as np
import pytest

from engine.datasets import MaskDataset, scenes
from engine.datasets.base import MaskedImages
from engine.datasets.scenes import BACKGROUND, CLASS_NAMES, FACTOR_NAMES, MOST, WEIGHTS, Scenes, difficulty
from engine.splits import Split

DATA = Scenes(workers=1)


@pytest.fixture(scope="module")
def taken() -> MaskedImages:
    return DATA.take(DATA.ids(Split.CALIBRATION)[:120])


def test_it_is_a_data_set_of_masks() -> None:
    assert isinstance(DATA, MaskDataset) and CLASS_NAMES == ("background", "animal", "vehicle", "flier", "swimmer")
    with pytest.raises(ValueError, match="train_size is -1"):
        Scenes(train_size=-1)
    empty = DATA.take(np.array([], np.int64))
    assert empty.pixels.shape == (0, 64, 64, 3) and empty.masks.shape == (0, 64, 64) and empty.factors.keys() == set(FACTOR_NAMES)


def test_pictures_and_masks_are_frozen() -> None:
    """The weights and the bundle in data/ are made from them."""
    few = DATA.take(np.array([0, 7, 3_000_001]))
    sha = hashlib.sha256(few.pixels.tobytes() + few.masks.tobytes())
    assert sha.hexdigest()[:16] == "2c45eb8d2d333e99"


def test_a_picture_depends_on_seed_and_id_alone(taken: MaskedImages) -> None:
    ids = DATA.ids(Split.CALIBRATION)[[5, 2]]
    few = DATA.take(ids)
    assert np.array_equal(few.pixels, taken.pixels[[5, 2]]) and np.array_equal(few.masks, taken.masks[[5, 2]])
    other = Scenes(seed=1, workers=1)
    assert not np.array_equal(other.take(ids).masks, few.masks) and other.digest() != DATA.digest()


def test_every_kind_of_thing_is_there_and_most_pictures_show_several(taken: MaskedImages) -> None:
    shares = np.bincount(taken.masks.ravel(), minlength=len(CLASS_NAMES)) / taken.masks.size
    assert 0.7 < shares[BACKGROUND] < 0.9 and (shares[1:] > 0.02).all() and len(shares) == len(CLASS_NAMES)
    assert (taken.masks != BACKGROUND).any(axis=(1, 2)).all(), "every picture shows something"
    counts = np.rint(taken.factors["objects"] * (MOST - 1)) + 1
    assert counts.min() == 1 and counts.max() == MOST and 2 < counts.mean() < 4


def test_difficulty_follows_from_the_nuisances(taken: MaskedImages) -> None:
    for name in FACTOR_NAMES:
        assert taken.factors[name].min() >= 0 and taken.factors[name].max() <= 1
    for row in range(5):
        strengths = {name: float(taken.factors[name][row]) for name in WEIGHTS}
        assert difficulty(strengths) == pytest.approx(taken.factors["difficulty"][row], abs=1e-6)
    assert taken.factors["difficulty"].min() < 0.25 and taken.factors["difficulty"].max() > 0.75


def test_a_mask_is_what_a_thing_covers_and_later_things_hide_earlier_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A square of one kind, then a smaller one of another inside it, on the sheet of four times the side."""
    squares = iter([(40, 40, 200, 200), (80, 80, 121, 160)])

    def square(on_layer, *_: object) -> None:
        box = next(squares)
        on_layer.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=(255, 0, 0))

    key = next(i for i in range(100) if round(_objects(i)) == 2 and len(np.unique(DATA.take(np.array([i])).masks)) == 3)
    monkeypatch.setattr(scenes, "draw_thing", square)
    made = DATA.take(np.array([key]))
    (mask,) = made.masks
    first, second = mask[15, 15], mask[30, 25]
    expected = np.full((64, 64), BACKGROUND)
    expected[10:50, 10:50] = first
    expected[20:40, 20:30] = second  # of the last column a quarter is covered, less than a half
    assert first != second and np.array_equal(mask, expected)
    assert made.factors["overlap"][0] == pytest.approx(200 / (1600 + 200))


def _objects(id: int) -> float:
    return float(DATA.take(np.array([id])).factors["objects"][0]) * (MOST - 1) + 1
