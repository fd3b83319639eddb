"""Scores against their definitions in many decimal digits, and where single precision is not enough."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from engine.scores import SCORES, all_scores

PROBABILITY_SCORES = ("maxprob", "margin", "entropy")


def by_definition(logits: list[float]) -> dict[str, tuple[float, float]]:
    """Every score of one example as (kept, shown), from the textbook formulas."""
    with localcontext() as exact:
        exact.prec = 170
        power = [Decimal(z).exp() for z in logits]
        p = sorted((x / sum(power) for x in power), reverse=True)
        entropy = -sum(x * x.ln() for x in p)
        margin = p[0] - p[1]
        energy = sum(power).ln()
        return {
            "maxprob": (float((p[0] / sum(p[1:])).ln()), float(p[0])),
            "margin": (float(-(1 - margin).ln()), float(margin)),
            "entropy": (float(-entropy), float(entropy)),
            "energy": (float(energy), float(energy)),
            "maxlogit": (max(logits), max(logits)),
        }


def some_logits() -> list[np.ndarray]:
    """From undecided to more confident than a float64 softmax can represent, with two to nine classes."""
    rng = np.random.default_rng(0)
    drawn = [rng.normal(scale=scale, size=classes) for scale in (0.01, 1, 5, 30) for classes in (2, 3, 9) for _ in range(5)]
    even = [np.zeros(4), np.full(2, -7.0)]
    sure = [np.array([gap, 0.0, 0.0, -1.0]) for gap in (1.0, 10.0, 40.0, 80.0, 300.0)]
    return drawn + even + sure


@pytest.mark.parametrize("name", SCORES)
def test_every_score_equals_its_definition(name):
    score = SCORES[name]
    for logits in some_logits():
        kept, shown = by_definition(logits.tolist())[name]
        assert float(score.of(logits)) == pytest.approx(kept, rel=1e-9, abs=1e-15)
        assert float(score.shown(score.of(logits))) == pytest.approx(shown, rel=1e-9, abs=1e-15)


def test_every_score_of_every_exit():
    logits = np.random.default_rng(1).normal(scale=4, size=(3, 25, 5)).astype(np.float16)
    scores = all_scores(logits, chunk=7)
    assert list(scores) == list(SCORES)
    for name, kept in scores.items():
        assert kept.shape == (3, 25) and kept.dtype == np.float32
        for k, i in np.ndindex(3, 25):
            expected, _ = by_definition(logits[k, i].astype(float).tolist())[name]
            assert kept[k, i] == pytest.approx(expected, rel=1e-6)


def test_the_chunk_size_does_not_matter():
    logits = np.random.default_rng(2).normal(size=(2, 23, 4))
    whole = all_scores(logits, chunk=1000)
    for chunk in (1, 5, 22, 23):
        for name, kept in all_scores(logits, chunk=chunk).items():
            assert np.array_equal(kept, whole[name])


def test_no_ties_where_a_single_precision_softmax_ties():
    gaps = np.arange(20, 85, 0.5, dtype=np.float32)
    logits = np.stack([gaps, np.zeros_like(gaps), np.full_like(gaps, -1)], axis=-1)[None]
    power = np.exp(logits - logits.max(axis=-1, keepdims=True))
    assert len(np.unique((power / power.sum(axis=-1, keepdims=True)).max(axis=-1))) == 1, "the naive softmax should tie here"
    for name, kept in all_scores(logits).items():
        assert (np.diff(kept[0]) > 0).all(), name


def test_no_ties_where_a_double_precision_probability_ties():
    gaps = np.arange(40, 700, 5.0)
    logits = np.stack([gaps, np.zeros_like(gaps)], axis=-1)
    for name in PROBABILITY_SCORES:
        assert (np.diff(SCORES[name].of(logits)) > 0).all(), name


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_largest_representable_logits_give_no_nan(dtype):
    most = np.finfo(dtype).max
    logits = np.array([[most, -most, -most], [most, most, -most], [-most, -most, -most], [most, 0, 0], [0, 0, 0], [-most, 1, 2]], dtype)
    for name, kept in all_scores(logits[None]).items():
        assert np.isfinite(kept).all(), name
        assert not np.isnan(SCORES[name].shown(kept.astype(np.float64))).any(), name


def test_higher_confidence_is_a_larger_score():
    """Sharpening the distribution (a lower temperature) raises every probability score."""
    logits = np.random.default_rng(3).normal(size=(200, 6))
    for name in PROBABILITY_SCORES:
        levels = np.stack([SCORES[name].of(sharpness * logits) for sharpness in (0.5, 1.0, 2.0, 4.0)])
        assert (np.diff(levels, axis=0) > 0).all(), name


def test_the_displayed_value_is_monotone_in_the_stored_value():
    logits = np.random.default_rng(4).normal(scale=2, size=(300, 5))
    for score in SCORES.values():
        kept = np.sort(score.of(logits))
        assert (np.diff(score.shown(kept)) * (-1 if score.shown_falls else 1) >= 0).all(), score.name


def test_log_probabilities_have_no_scale_to_score():
    logits = np.random.default_rng(5).normal(size=(1, 9, 3))
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    scores = all_scores(log_p, raw=False)
    assert set(scores) == set(PROBABILITY_SCORES)
    for name, kept in all_scores(logits).items():
        if name in scores:
            np.testing.assert_allclose(scores[name], kept, rtol=1e-5)


def test_a_constant_added_to_all_logits_does_not_change_probability_scores():
    logits = np.round(np.random.default_rng(6).normal(scale=4, size=(50, 5)) * 256) / 256
    for name in PROBABILITY_SCORES:
        assert np.array_equal(SCORES[name].of(logits), SCORES[name].of(logits + 2.0**40)), name
