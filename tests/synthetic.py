"""Synthetic outputs and bundles for the tests: seeded, small, and shaped like those of a real cascade."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle.bundle import Draft
from engine.bundle.images import encode
from engine.outputs import CascadeKind, Outputs, Recorded
from engine.splits import BUNDLE_SPLITS, Split

#: The cost of each stage; with more than eight exits they repeat. The two units are not proportional, so that mixing them up shows.
STAGE_MACS = 1e6 * np.array([4.0, 6.0, 9.0, 13.0, 11.0, 8.0, 12.0, 10.0])
STAGE_MS = np.array([0.9, 0.5, 1.4, 0.8, 1.1, 0.7, 1.6, 0.6])


def stage_costs(exits: int, kind: CascadeKind = "chain") -> dict[str, NDArray[np.float64]]:
    """Costs in two units, {unit: (exits,)}; a family's networks grow."""
    costs = {"macs": np.resize(STAGE_MACS, exits), "latency_ms": np.resize(STAGE_MS, exits)}
    return {unit: np.cumsum(cost) if kind == "family" else cost.copy() for unit, cost in costs.items()}


def split_names(per_split: int) -> NDArray[np.str_]:
    """The same number of fit, then calibration, then test examples, (3 * per_split,)."""
    return np.repeat([str(split) for split in BUNDLE_SPLITS], per_split)


def ids_for(examples: int, seed: int = 0) -> NDArray[np.int64]:
    """Unique ids in random order, so that an id is never mistaken for a position."""
    return 10_000 + np.random.default_rng([seed, examples]).permutation(7 * examples)[:examples].astype(np.int64)


def draw_logits(
    labels: NDArray[np.integer],
    difficulty: NDArray[np.floating],
    exits: int,
    classes: int,
    rng: np.random.Generator,
    agreement: float = 0.6,
) -> NDArray[np.float32]:
    """Logits (exits, examples, classes). `agreement`, in [0, 1], is the degree to which exits make the same errors.

    The logit of the true class is raised, more for deeper exits and less for more difficult examples.
    """
    lift = np.linspace(2.2, 3.8, exits)[:, None] * (1.15 - difficulty)
    shared = rng.standard_normal((1, len(labels), classes))
    own = rng.standard_normal((exits, len(labels), classes))
    logits = np.sqrt(agreement) * shared + np.sqrt(1 - agreement) * own
    logits[:, np.arange(len(labels)), labels] += lift
    return (1.5 * logits).astype(np.float32)


def outputs(
    examples: int = 900,
    exits: int = 4,
    classes: int = 6,
    seed: int = 0,
    kind: CascadeKind = "chain",
    *,
    recorded: Recorded = "logits",
    agreement: float = 0.6,
    shuffled: bool = False,
    dtype: type = np.float32,
    features: bool = False,
) -> Outputs:
    """Outputs of a cascade whose accuracy rises with depth, with a third of the examples in each of fit, calibration and test.

    recorded:  "probabilities" keeps only log-probabilities, "confidence" only predictions and top probabilities
    agreement: the degree to which exits make the same errors, in [0, 1]
    shuffled:  shuffle the splits instead of placing them one after the other
    features:  also record two features of every exit and two values that are known before any stage runs, see `with_features`
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=examples)
    difficulty = rng.uniform(size=examples)
    logits = draw_logits(labels, difficulty, exits, classes, rng, agreement)
    if recorded != "logits":
        logits = logits - np.log(np.exp(logits.astype(np.float64)).sum(axis=-1, keepdims=True))
    split = split_names(-(-examples // 3))[:examples]
    made = Outputs.from_logits(
        logits.astype(dtype),
        labels,
        rng.permutation(split) if shuffled else split,
        stage_costs(exits, kind),
        ids=ids_for(examples, seed),
        kind=kind,
        raw=recorded == "logits",
        factors={"difficulty": difficulty},
    )
    made = confidence_only(made) if recorded == "confidence" else made
    return with_features(made, seed) if features else made


def with_features(made: Outputs, seed: int = 0) -> Outputs:
    """The same outputs with a feature of every exit that falls as it is more often correct, and one that tells nothing, and with a noisy
    guess of the difficulty before any stage runs, and a length that tells nothing."""
    rng = np.random.default_rng([seed, 77])
    unsure = 0.6 - 0.4 * made.quality + rng.normal(0, 0.3, made.quality.shape)
    before = {"guess": made.factors["difficulty"] + rng.normal(0, 0.2, made.examples), "length": rng.integers(3, 30, made.examples)}
    return replace(
        made,
        features={"unsure": unsure.astype(np.float32), "noise": rng.normal(size=made.quality.shape).astype(np.float32)},
        before={name: values.astype(np.float32) for name, values in before.items()},
    )


def confidence_only(whole: Outputs) -> Outputs:
    """The same outputs with only each exit's prediction and top probability recorded."""
    return Outputs(
        prediction=whole.prediction,
        scores={"maxprob": whole.scores["maxprob"]},
        labels=whole.labels,
        ids=whole.ids,
        split=whole.split,
        stage_cost=whole.stage_cost,
        classes=whole.classes,
        kind=whole.kind,
        recorded="confidence",
        factors=whole.factors,
    )


def from_answers(answers: NDArray[np.integer], sureness: NDArray[np.floating], labels: NDArray[np.integer], classes: int) -> Outputs:
    """A chain with these predictions, (exits, examples), and sureness (exits, examples), the gap between the top logit and all others."""
    logits = np.where(np.arange(classes) == answers[..., None], sureness[..., None], 0.0).astype(np.float32)
    examples = len(labels)
    return Outputs.from_logits(logits, labels, split_names(examples // 3), stage_costs(len(answers)), ids=ids_for(examples))


def corner_cases() -> Mapping[str, Outputs]:
    """Outputs, by name, that resemble extreme real data and break careless arithmetic."""
    rng = np.random.default_rng(5)
    answers = rng.integers(4, size=(3, 90))
    labels = rng.integers(4, size=90)
    once = outputs(examples=30, exits=3, classes=4, seed=6)
    # Each example is in its split three times, under three ids.
    thrice = once.take(np.concatenate([np.repeat(np.arange(start, start + 10), 3) for start in (0, 10, 20)]))
    even = np.ones((3, 90))
    return {
        "one exit": outputs(examples=90, exits=1, seed=1),
        "two exits": outputs(examples=90, exits=2, seed=2),
        "two classes": outputs(examples=90, exits=3, classes=2, seed=3),
        "one example per split": outputs(examples=3, exits=3, classes=4, seed=4),
        "duplicated rows": Outputs.from_logits(
            thrice.logits, thrice.labels, split_names(30), thrice.stage_cost, ids=ids_for(90), factors=thrice.factors
        ),
        "saturated confidence": from_answers(answers, 3e4 * even, labels, 4),
        "constant scores": from_answers(answers, even, labels, 4),
        "always correct": from_answers(np.broadcast_to(labels, (3, 90)), rng.uniform(1, 3, (3, 90)), labels, 4),
        "always incorrect": from_answers((labels + rng.integers(1, 4, (3, 90))) % 4, rng.uniform(1, 3, (3, 90)), labels, 4),
        "half precision": outputs(examples=90, exits=3, seed=7, dtype=np.float16),
        "shuffled splits": outputs(examples=90, exits=3, seed=8, shuffled=True),
    }


def pictures(made: Outputs, side: int = 8) -> list[tuple[int, bytes]]:
    """A small image for every test example, in the colour of its label: (id, WebP)."""
    rng = np.random.default_rng(11)
    colours = rng.integers(60, 196, size=(made.classes, 3))
    noise = rng.integers(-50, 50, size=(made.examples, side, side, 3))
    pixels = (colours[made.labels][:, None, None] + noise).astype(np.uint8)
    return [(int(made.ids[i]), encode(pixels[i])) for i in np.flatnonzero(made.split == Split.TEST)]


def draft(made: Outputs, id: str = "tiny", **changes: Any) -> Draft:
    """The input of `write_bundle` for a bundle of some outputs."""
    given = {
        "title": "A tiny bundle",
        "class_names": tuple(f"class {c}" for c in range(made.classes)),
        "exit_names": tuple(f"Exit {k + 1}" for k in range(made.exits)),
        "unit_notes": {"macs": "Made up.", "latency_ms": "Made up, on no device."},
        "provenance": {"recipe": "none", "seed": 0},
        "images": [] if "images" in changes else pictures(made),
    }
    return Draft(id=id, outputs=made, **{**given, **changes})
