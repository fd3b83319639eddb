"""Outputs whose scores tie or carry no information, as in other people's files: the data that quota policies must not break on."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from engine.outputs import Outputs
from engine.splits import BUNDLE_SPLITS
from tests.synthetic import draw_logits, ids_for

#: The top probability that a published 12-exit text model gives every sentence at its first exit.
CONSTANT = 0.50142
LADDER = np.array([0.55, 0.7, 0.85, 0.97])


def _rounded(digits: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda top: np.round(top, digits)


def _ladder(top: NDArray[np.float64]) -> NDArray[np.float64]:
    return LADDER[np.searchsorted(LADDER, top).clip(0, 3)]


#: How the top probabilities, (exits, examples), are changed.
FORMS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "constant first exit": lambda top: np.concatenate([np.full_like(top[:1], CONSTANT), top[1:]]),
    "1 digit": _rounded(1),
    "2 digits": _rounded(2),
    "4 digits": _rounded(4),
    "ladder of four": _ladder,
    "random first exit": lambda top: top,
    "random labels": lambda top: top,
}
#: The form in which no exit has any information.
KNOWING_NOTHING = "random labels"


def tied_outputs(form: str, examples: int, exits: int, classes: int, seed: int) -> Outputs:
    """A chain whose top probabilities are changed by `form`, with the rest divided evenly among all other classes.

    So every score of an exit is a function of its top probability, and ties where that does. A constant first exit also predicts by
    chance. With random labels no exit has any information, and its confidence means nothing.
    """
    rng = np.random.default_rng([seed, examples, exits])
    labels, difficulty = rng.integers(classes, size=examples), rng.uniform(size=examples)
    logits = draw_logits(labels, difficulty, exits, classes, rng).astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    top, answer = 1 / np.exp(logits).sum(axis=-1), logits.argmax(axis=-1)
    if form in ("constant first exit", "random first exit"):
        answer[0] = rng.integers(classes, size=examples)
    if form == KNOWING_NOTHING:
        labels = rng.integers(classes, size=examples)
    top = FORMS[form](top).clip(1 / classes + 1e-3, 1 - 1e-6)
    spread = np.where(np.arange(classes) == answer[..., None], np.log(top)[..., None], np.log((1 - top) / (classes - 1))[..., None])
    split = rng.permutation(np.resize([str(split) for split in BUNDLE_SPLITS], examples))
    cost = {"macs": np.linspace(1.0, 1.5, exits)}
    return Outputs.from_logits(spread.astype(np.float32), labels, split, cost, ids=ids_for(examples, seed))
