"""Confidence scores of an exit, on which policies base their decisions.

Larger always means more confident. Decisions only compare scores, so every score is stored on a scale that separates close values: a
float32 softmax ties at exactly 1.0 just where examples leave, while its log-odds do not. `Score.shown` converts a stored value for display.

Formulas follow the array API standard: they accept numpy arrays and PyTorch tensors, and results stay on the same device.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray
from scipy.special import expit

FloatArray = NDArray[np.floating]
#: Logits are clipped here: the gaps between them then still fit float32.
MOST = 1e30


@dataclass(frozen=True)
class Score:
    """One measure of confidence.

    of:           logits (..., classes) float64 -> stored value (...), larger = more confident
    shown:        stored value -> the number for display
    reads:        what the displayed number is
    needs_logits: whether probabilities alone are not enough (softmax erases the scale of the logits)
    shown_falls:  whether the displayed number falls as confidence rises
    """

    name: str
    title: str
    reads: str
    of: Callable[[FloatArray], FloatArray]
    shown: Callable[[FloatArray], FloatArray]
    needs_logits: bool = False
    shown_falls: bool = False


def _top_and_rest(logits: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log-probability of the top class, of the runner-up, and of all classes but the top, each (...).

    Written out because this runs for every batch at every exit, where a general log-sum-exp takes longer than a small head.
    """
    xp = array_namespace(logits)
    logits = _from_the_top(logits)
    top = xp.expand_dims(xp.argmax(logits, axis=-1), axis=-1)
    others = xp.where(xp.arange(logits.shape[-1], device=device(logits)) == top, -xp.inf, logits)
    second = xp.max(others, axis=-1)
    # The rest is summed without the top, not computed as 1 - p, which would be 0 for every confident example.
    rest = second + xp.log(xp.sum(xp.exp(others - second[..., None]), axis=-1))
    total = xp.log1p(xp.exp(rest))
    return -total, second - total, rest - total


def _from_the_top(logits: FloatArray) -> FloatArray:
    """The same logits with the largest at 0. There a log-sum-exp keeps log(1 + tiny), which a large logit would round away."""
    return logits - array_namespace(logits).max(logits, axis=-1, keepdims=True)


def _max_prob(logits: FloatArray) -> FloatArray:
    top, _, rest = _top_and_rest(logits)
    return top - rest


def _margin(logits: FloatArray) -> FloatArray:
    # 1 - (p1 - p2) = (1 - p1) + p2, so -log of it grows without bound as the margin nears 1.
    _, second, rest = _top_and_rest(logits)
    return -array_namespace(logits).logaddexp(rest, second)


def _negative_entropy(logits: FloatArray) -> FloatArray:
    xp = array_namespace(logits)
    top, _, _ = _top_and_rest(logits)
    log_p = _from_the_top(logits) + top[..., None]
    return xp.sum(xp.exp(log_p) * log_p, axis=-1)


def _log_sum_exp(logits: FloatArray) -> FloatArray:
    top, _, _ = _top_and_rest(logits)
    return _max_logit(logits) - top


def _max_logit(logits: FloatArray) -> FloatArray:
    return array_namespace(logits).max(logits, axis=-1)


def _same(value: FloatArray) -> FloatArray:
    return value


SCORES: Mapping[str, Score] = {
    score.name: score
    for score in (
        Score("maxprob", "Top probability", "probability of its top class", _max_prob, expit),
        Score("margin", "Margin", "lead of the top class over the runner-up", _margin, lambda kept: -np.expm1(-kept)),
        Score("entropy", "Entropy", "entropy of its prediction, in nats", _negative_entropy, np.negative, shown_falls=True),
        Score("energy", "Energy", "log-sum-exp of its logits", _log_sum_exp, _same, needs_logits=True),
        Score("maxlogit", "Top logit", "largest logit", _max_logit, _same, needs_logits=True),
    )
}

#: A score computed from the outputs by something learned, instead of recorded with them: also log-odds, of being correct.
SURENESS = Score("sureness", "Confidence", "estimated probability that it is correct", _max_prob, expit)


def all_scores(logits: FloatArray, raw: bool = True, chunk: int = 4096) -> dict[str, NDArray[np.float32]]:
    """All scores of every exit for every example.

    logits (exits, examples, classes), any float type; `raw` is False if they are only log-probabilities -> {name: (exits, examples)}.
    Computed in float64, in chunks of examples so that a large set needs no second copy of itself.
    """
    exits, examples, _ = logits.shape
    scores = [score for score in SCORES.values() if raw or not score.needs_logits]
    values = {score.name: np.empty((exits, examples), np.float32) for score in scores}
    for start in range(0, examples, chunk):
        part = _in_range(logits[:, start : start + chunk])
        for score in scores:
            values[score.name][:, start : start + chunk] = score.of(part)
    return values


def one_score(name: str, logits: FloatArray) -> NDArray[np.float32]:
    """One score: logits (..., classes) of any float type -> (...) float32. On the host it equals that of `all_scores` to the last bit.

    A PyTorch tensor gives a tensor on its device. Exponentials there may differ in the last digit of float64, which rounding to float32
    nearly always hides.
    """
    xp = array_namespace(logits)
    return xp.astype(SCORES[name].of(_in_range(logits)), xp.float32)


def _in_range(logits: FloatArray) -> FloatArray:
    xp = array_namespace(logits)
    return xp.clip(xp.astype(logits, xp.float64), -MOST, MOST)
