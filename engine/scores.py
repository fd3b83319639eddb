"""Confidence scores of an exit: how willing it is to let an example leave.

Larger always means surer. Decisions only compare scores, so every score is kept on a scale where neighbours stay apart: a float32 softmax
ties at exactly 1.0 just where examples leave, while its log-odds do not. `Score.shown` turns the kept value back into what a person reads.

Formulas follow the array API standard: they take numpy arrays and PyTorch tensors alike, and leave them on their device.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray
from scipy.special import expit

FloatArray = NDArray[np.floating]
#: Larger logits count as this large: gaps between them still fit float32.
MOST = 1e30


@dataclass(frozen=True)
class Score:
    """One way to be sure.

    of:    logits (..., classes) float64 -> kept value (...), larger = surer
    shown: kept value -> the number a person reads, in the words of `reads`
    needs_logits: whether probabilities alone are not enough (softmax erases the scale of the logits)
    shown_falls:  whether the number a person reads gets smaller as the exit gets surer
    """

    name: str
    title: str
    reads: str
    of: Callable[[FloatArray], FloatArray]
    shown: Callable[[FloatArray], FloatArray]
    needs_logits: bool = False
    shown_falls: bool = False


def _top_and_rest(logits: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log-probability of the top class, of the runner-up, and of everything but the top, each (...).

    By hand, since these few lines decide about every batch at every exit, where a general log-sum-exp takes longer than a small head.
    """
    xp = array_namespace(logits)
    logits = _from_the_top(logits)
    top = xp.expand_dims(xp.argmax(logits, axis=-1), axis=-1)
    others = xp.where(xp.arange(logits.shape[-1], device=device(logits)) == top, -xp.inf, logits)
    second = xp.max(others, axis=-1)
    # The rest is summed without the top rather than as 1 - p: that difference would be 0 for every confident example.
    rest = second + xp.log(xp.sum(xp.exp(others - second[..., None]), axis=-1))
    total = xp.log1p(xp.exp(rest))
    return -total, second - total, rest - total


def _from_the_top(logits: FloatArray) -> FloatArray:
    """The same logits with the largest at 0, where a log-sum-exp keeps what a large one would round away: log(1 + tiny)."""
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
        Score("entropy", "Entropy", "entropy of its answer, in nats", _negative_entropy, np.negative, shown_falls=True),
        Score("energy", "Energy", "log-sum-exp of its logits", _log_sum_exp, _same, needs_logits=True),
        Score("maxlogit", "Top logit", "largest logit", _max_logit, _same, needs_logits=True),
    )
}

#: A score that something learned works out from the outputs, instead of being recorded with them: also log-odds, of being right.
SURENESS = Score("sureness", "Sureness", "how likely it thinks it is right", _max_prob, expit)


def all_scores(logits: FloatArray, raw: bool = True, chunk: int = 4096) -> dict[str, NDArray[np.float32]]:
    """Every score of every exit on every example.

    logits (exits, examples, classes), any float type; `raw` false when they are only log-probabilities -> {name: (exits, examples)}.
    Worked out in float64, some thousand examples at a time so that a large set needs no second copy of itself.
    """
    exits, examples, _ = logits.shape
    wanted = [score for score in SCORES.values() if raw or not score.needs_logits]
    kept = {score.name: np.empty((exits, examples), np.float32) for score in wanted}
    for start in range(0, examples, chunk):
        part = _in_range(logits[:, start : start + chunk])
        for score in wanted:
            kept[score.name][:, start : start + chunk] = score.of(part)
    return kept


def one_score(name: str, logits: FloatArray) -> NDArray[np.float32]:
    """One score, on the host to the last bit as `all_scores` keeps it: logits (..., classes) of any float type -> (...) float32.

    A PyTorch tensor gives a tensor on its device. Exponentials there may differ in the last digit of float64, which rounding to float32
    nearly always hides.
    """
    xp = array_namespace(logits)
    return xp.astype(SCORES[name].of(_in_range(logits)), xp.float32)


def _in_range(logits: FloatArray) -> FloatArray:
    xp = array_namespace(logits)
    return xp.clip(xp.astype(logits, xp.float64), -MOST, MOST)
