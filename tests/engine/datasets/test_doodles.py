"""Doodles: the same images on every machine, balanced, as difficult as stated, and distinguishable when they are easy."""

import hashlib

import numpy as np
import pytest

from engine.datasets.dice import Dice, rain
from engine.datasets.doodle_art import weather
from engine.datasets.doodle_art.scene import WEIGHTS, difficulty, render, strengths_of
from engine.datasets.doodles import CLASS_NAMES, FACTOR_NAMES, Doodles
from engine.splits import Split

#: The hash of images on which networks were trained. If it changes, all shipped weights and bundles must be made again.
GOLDEN = "0c62193c575844aa322efb2195f24827280e0eae303b75ab6c723303a0925d36"
CALM = dict.fromkeys(WEIGHTS, 0.0)


@pytest.fixture(scope="module")
def many():
    return Doodles(workers=1).take(np.arange(1_600))


@pytest.fixture(scope="module")
def scores(many):
    """The predictions of a ridge regression on 8 x 8 thumbnails, fitted on 1,000 images, for 600 others: (600, 10)."""
    small = many.pixels.reshape(-1, 8, 8, 8, 8, 3).mean(axis=(2, 4)).reshape(len(many.labels), -1) / 128 - 1
    small = np.concatenate([small, small**2, np.ones((len(small), 1))], axis=1)
    learn, one_hot = small[:1_000], np.eye(10)[many.labels[:1_000]]
    return small[1_000:] @ np.linalg.solve(learn.T @ learn + 20 * np.eye(learn.shape[1]), learn.T @ one_hot)


def sample(strength: float = 0.0, nuisance: str = "blur", count: int = 20) -> np.ndarray:
    """The same `count` images at one strength of one nuisance, as floats."""
    return np.stack([render(i % 10, CALM | {nuisance: strength}, "test", i) for i in range(count)]).astype(float)


def test_the_images_have_not_changed():
    first = Doodles().take(np.arange(3_000_000, 3_000_020))
    sha = hashlib.sha256(first.pixels.tobytes())
    for name in FACTOR_NAMES:
        sha.update(first.factors[name].tobytes())
    assert sha.hexdigest() == GOLDEN


def test_an_image_depends_only_on_seed_and_id(many):
    data = Doodles(workers=1)
    order = np.array([17, 2_000_003, 5, 17])
    mixed = data.take(order)
    assert np.array_equal(mixed.pixels[0], many.pixels[17])
    assert np.array_equal(mixed.pixels[2], many.pixels[5])
    assert np.array_equal(mixed.pixels[0], mixed.pixels[3])
    assert mixed.labels.tolist() == [7, 3, 5, 7]
    assert np.array_equal(Doodles(train_size=100, workers=1).take(order).pixels, mixed.pixels)
    assert not np.array_equal(Doodles(seed=1, workers=1).take(order).pixels, mixed.pixels)


def test_the_number_of_workers_does_not_matter(many):
    drawn = Doodles(workers=2).take(np.arange(300))
    assert np.array_equal(drawn.pixels, many.pixels[:300])
    assert np.array_equal(drawn.labels, many.labels[:300])
    for name in FACTOR_NAMES:
        assert np.array_equal(drawn.factors[name], many.factors[name][:300])


def test_splits_have_the_documented_sizes_and_share_no_ids():
    data = Doodles(train_size=1_234)
    ids = {split: data.ids(split) for split in Split}
    assert [len(ids[split]) for split in Split] == [1_234, 5_000, 5_000, 5_000]
    together = np.concatenate(list(ids.values()))
    assert together.dtype == np.int64
    assert len(np.unique(together)) == len(together)
    with pytest.raises(ValueError, match="train_size is -1"):
        Doodles(train_size=-1)


def test_shapes_types_and_balance(many):
    assert many.pixels.shape == (1_600, 64, 64, 3) and many.pixels.dtype == np.uint8
    assert many.labels.dtype == np.int64
    assert np.bincount(many.labels).tolist() == [160] * len(CLASS_NAMES)
    assert tuple(many.factors) == FACTOR_NAMES
    none = Doodles().take(np.array([], np.int64))
    assert none.pixels.shape == (0, 64, 64, 3) and none.factors["fog"].shape == (0,)


def test_factors_are_in_range_and_give_the_difficulty(many):
    for name, values in many.factors.items():
        assert values.shape == (1_600,) and values.dtype == np.float32
        assert 0 <= values.min() and values.max() <= 1, name
    for row in range(0, 1_600, 100):
        strengths = {name: float(many.factors[name][row]) for name in WEIGHTS}
        assert difficulty(strengths) == pytest.approx(many.factors["difficulty"][row], abs=1e-5)


def test_there_are_easy_medium_and_hard_images(many):
    shares = np.histogram(many.factors["difficulty"], [0, 0.29, 0.58, 1])[0] / 1_600
    assert shares.min() > 0.2


def test_severity_becomes_difficulty():
    for severity in (0.3, 0.5, 0.7):
        reached = [difficulty(strengths_of(severity, Dice("severity", k))) for k in range(50)]
        assert np.mean(reached) == pytest.approx(severity, abs=0.06)


def test_the_digest_depends_on_seed_and_size_and_is_stable():
    assert Doodles().digest() == Doodles().digest()
    assert len({Doodles().digest(), Doodles(seed=1).digest(), Doodles(train_size=10).digest()}) == 3


def test_blur_removes_fine_detail():
    detail = [np.abs(np.diff(sample(s), axis=2)).mean() for s in (0, 0.4, 1)]
    assert detail[0] > 1.3 * detail[1] > 1.6 * detail[2]


def test_noise_adds_detail():
    detail = [np.abs(np.diff(sample(s, "noise"), axis=2)).mean() for s in (0, 0.4, 1)]
    assert 1.6 * detail[0] < 1.3 * detail[1] < detail[2]


def test_night_is_dark_but_its_lamps_shine():
    day, night = sample(0, "night"), sample(1, "night")
    assert night.mean() < 0.45 * day.mean()
    lamps = np.zeros((64, 64, 3), np.int32)
    lamps[20:24, 20:24] = 250
    lit = weather.night(np.full((64, 64, 3), 200, np.int32), lamps, 1.0)
    assert lit[22, 22].min() > 200 and lit[50, 50].max() < 120


def test_low_contrast_and_fog_flatten_the_image():
    for nuisance in ("contrast", "fog"):
        spread = [sample(s, nuisance).std(axis=(1, 2)).mean() for s in (0, 0.4, 1)]
        assert spread[0] > 1.2 * spread[1] > 1.8 * spread[2], nuisance


def test_size_rotation_clutter_and_occlusion_change_the_drawing():
    for nuisance in ("size", "rotation", "clutter", "occlusion"):
        change = [np.abs(sample(s, nuisance) - sample(0)).mean() for s in (0.3, 1)]
        assert change[0] > 1 and change[1] > 8, nuisance


def test_weather_of_strength_0_changes_nothing():
    picture = np.arange(64 * 64 * 3, dtype=np.int32).reshape(64, 64, 3) % 256
    assert np.array_equal(weather.blur(picture, 0.0), picture)
    assert np.array_equal(weather.fade(picture, 0.0), picture)
    assert np.array_equal(weather.fog(picture, 0.0, "k"), picture)
    assert np.array_equal(weather.grain(picture, 0.0, "k"), picture)
    assert np.array_equal(weather.night(picture, 0 * picture, 0.0), picture)


def test_dice_are_the_same_on_every_machine():
    dice = Dice(0, 7, "place")
    assert [round(dice.roll(), 12) for _ in range(2)] == [0.038365422849, 0.922545661438]
    assert rain(4, 0, "x").hex() == "4d50f743"


def test_a_simple_classifier_is_far_better_than_chance_on_easy_images(many, scores):
    easy, labels = many.factors["difficulty"][1_000:] < 0.3, many.labels[1_000:]
    assert (scores.argmax(1) == labels)[easy].mean() > 0.5  # chance is 0.1


def test_every_class_is_distinguishable_on_easy_images(many, scores):
    easy, labels = many.factors["difficulty"][1_000:] < 0.3, many.labels[1_000:]
    for label, name in enumerate(CLASS_NAMES):
        own, other = scores[easy & (labels == label), label], scores[easy & (labels != label), label]
        assert (own[:, None] > other[None, :]).mean() > 0.75, name  # area under the ROC curve; chance is 0.5


def test_difficulty_predicts_errors(many, scores):
    hardness, incorrect = many.factors["difficulty"][1_000:], scores.argmax(1) != many.labels[1_000:]
    assert np.corrcoef(hardness, incorrect)[0, 1] > 0.2
    assert incorrect[hardness > 0.58].mean() > incorrect[hardness < 0.29].mean() + 0.25
