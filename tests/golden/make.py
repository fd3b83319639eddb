"""Writes the golden bundles of the current schema: small bundles that every later version of Offramp must be able to open.

python -m tests.golden.make

Beside each bundle it writes a JSON file with the contents of the bundle, computed here from the made-up numbers and not read back.
An existing golden bundle is left as it is: one that newer code has written again would prove nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, logsumexp

from engine.bundle.bundle import Draft, add_measured, write_bundle
from engine.bundle.images import encode
from engine.bundle.manifest import MANIFEST, SCHEMA
from engine.bundle.measurements import JOULES, MS, Fresh, Measured, MeasuredRun, StaticExit
from engine.outputs import Outputs
from engine.splits import BUNDLE_SPLITS, Split

GOLDEN = Path(__file__).resolve().parent
EXITS = 3
PROVENANCE = {"made_by": "tests/golden/make.py", "data": "made up", "numbers": [1, 2.5, None, True]}


def made_up(examples: int, classes: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.str_], NDArray[np.int64]]:
    """Logits (exits, examples, classes) whose accuracy rises with depth, labels, splits in random order, and ids of any sign and size."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=examples).astype(np.int32)
    logits = 2 * rng.standard_normal((EXITS, examples, classes))
    logits[:, np.arange(examples), labels] += np.linspace(1.5, 4.5, EXITS)[:, None]
    split = rng.permutation(np.resize([str(part) for part in BUNDLE_SPLITS], examples))
    ids = rng.permutation(np.arange(examples, dtype=np.int64) * 7 - 40)
    ids[:2] = 2**53 + 1, -(2**62)  # not representable in float64
    return logits.astype(np.float32), labels, split, ids


def with_logits() -> Draft:
    """A chain with everything a bundle may have: two units of cost, a factor, ten images."""
    logits, labels, split, ids = made_up(examples=30, classes=4, seed=1)
    rng = np.random.default_rng(2)
    outputs = Outputs.from_logits(
        logits,
        labels,
        split,
        {"macs": np.array([2e6, 3.5e6, 4.25e6]), "latency_ms": np.array([0.8, 0.5, 1.3])},
        ids=ids,
        factors={"difficulty": np.linspace(0, 1, len(ids), dtype=np.float32)},
    )
    shown = np.flatnonzero(split == Split.TEST)
    pixels = rng.integers(256, size=(len(ids), 16, 16, 3), dtype=np.uint8) // 4 + 32 * labels[:, None, None, None].astype(np.uint8)
    return Draft(
        id="golden",
        title="Golden bundle: logits",
        outputs=outputs,
        class_names=("circle", "square", "star", "moon ☾"),
        exit_names=("after block 1", "after block 2", "end"),
        unit_notes={"macs": "Made up.", "latency_ms": "Made up, on no device."},
        provenance=PROVENANCE,
        images=[(int(ids[row]), encode(pixels[row])) for row in shown],
    )


def with_confidences() -> Draft:
    """A family with only predictions and confidences."""
    logits, labels, split, ids = made_up(examples=30, classes=4, seed=3)
    confidence = np.exp(logits.max(axis=-1) - logsumexp(logits.astype(np.float64), axis=-1))
    outputs = Outputs(
        prediction=logits.argmax(axis=-1).astype(np.int32),
        scores={"maxprob": logit(confidence).astype(np.float32)},
        labels=labels,
        ids=ids,
        split=split,
        stage_cost={"cost": np.array([1.0, 4.0, 20.0])},
        classes=4,
        kind="family",
        recorded="confidence",
    )
    return Draft(
        id="golden-confidences",
        title="Golden bundle: confidences",
        outputs=outputs,
        class_names=("circle", "square", "star", "cross"),
        exit_names=("small", "medium", "large"),
        unit_notes={},
        provenance=PROVENANCE,
    )


def with_many_classes() -> Draft:
    """Log-probabilities in half precision, of so many classes that the likeliest are stored as columns of the table."""
    logits, labels, split, ids = made_up(examples=12, classes=101, seed=4)
    log_probabilities = logits - logsumexp(logits.astype(np.float64), axis=-1, keepdims=True)
    outputs = Outputs.from_logits(log_probabilities.astype(np.float16), labels, split, {"macs": np.ones(EXITS)}, ids=ids, raw=False)
    return Draft(
        id="golden-many-classes",
        title="Golden bundle: many classes",
        outputs=outputs,
        class_names=tuple(f"class {c}" for c in range(101)),
        exit_names=("Exit 1", "Exit 2", "Exit 3"),
        unit_notes={"macs": "Made up."},
        provenance=PROVENANCE,
    )


DRAFTS = {"": with_logits, "-confidences": with_confidences, "-many-classes": with_many_classes}


def measurement() -> Fresh:
    measured = Measured(
        device="Abacus, 2 threads",
        batch_size=8,
        examples=10,
        tested=10,
        policy="maxprob",
        date="2026-11-26",
        alone=(StaticExit(4.0, 0.5), StaticExit(2.0, 0.75), StaticExit(1.0, 1.0)),
        runs=(MeasuredRun(budget=0.5, cost=0.45, speed_up=1.75, ideal_by_macs=2.25, ideal_by_times=2.0, accuracy=0.875),),
    )
    costs = {MS: np.array([0.1, 0.15, 0.2]), JOULES: np.array([0.01, 0.015, 0.02])}
    return Fresh(measured, costs, {MS: "Made up.", JOULES: "Made up."})


def scores_of(logits: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
    """The scores by their definitions, {name: (exits, examples)}, from logits or log-probabilities."""
    log_p = logits - logsumexp(logits, axis=-1, keepdims=True)
    p = np.sort(np.exp(log_p), axis=-1)
    return {
        "maxprob": np.log(p[..., -1]) - np.log(p[..., :-1].sum(axis=-1)),
        "margin": -np.log(1 - (p[..., -1] - p[..., -2])),
        "entropy": (np.exp(log_p) * log_p).sum(axis=-1),
        "energy": logsumexp(logits, axis=-1),
        "maxlogit": logits.max(axis=-1),
    }


def contents(draft: Draft) -> dict[str, Any]:
    """The contents that a reader must find in the bundle of a draft, as JSON."""
    outputs = draft.outputs
    expected: dict[str, Any] = {
        "id": draft.id,
        "title": draft.title,
        "topology": outputs.kind,
        "said": outputs.recorded,
        "class_names": list(draft.class_names),
        "exit_names": list(draft.exit_names),
        "unit_notes": {unit: draft.unit_notes.get(unit, "") for unit in outputs.stage_cost},
        "provenance": dict(draft.provenance),
        "stage_cost": {unit: cost.tolist() for unit, cost in outputs.stage_cost.items()},
        "ids": outputs.ids.tolist(),
        "labels": outputs.labels.tolist(),
        "split": outputs.split.tolist(),
        "prediction": outputs.prediction.tolist(),
        "factors": {name: values.tolist() for name, values in outputs.factors.items()},
        "images": {str(id): hashlib.sha256(data).hexdigest() for id, data in draft.images},
    }
    if outputs.logits is None:
        scores: Mapping[str, NDArray] = {"maxprob": outputs.scores["maxprob"]}
        top = outputs.prediction[..., None]
    else:
        kept = ("maxprob", "margin", "entropy") if outputs.recorded == "probabilities" else None
        scores = {name: score for name, score in scores_of(outputs.logits.astype(np.float64)).items() if kept is None or name in kept}
        top = np.argsort(-outputs.logits, axis=-1, kind="stable")[..., :5]
        digest = hashlib.sha256(np.ascontiguousarray(outputs.logits).tobytes()).hexdigest()
        expected["logits"] = {"dtype": str(outputs.logits.dtype), "shape": list(outputs.logits.shape), "sha256": digest}
    expected["scores"] = {name: np.round(score.astype(np.float64), 9).tolist() for name, score in scores.items()}
    expected["top"] = top.tolist()
    return expected


def main() -> None:
    for ending, make_draft in DRAFTS.items():
        folder = GOLDEN / f"bundle-schema-{SCHEMA}{ending}"
        if folder.exists():
            print(f"{folder.name} exists and is left as it is.")
            continue
        draft = make_draft()
        expected = contents(draft)
        write_bundle(draft, folder)
        if ending == "":
            fresh = measurement()
            add_measured(folder, [fresh])
            for quantity, cost in fresh.costs.items():
                expected["stage_cost"][f"{quantity}_batch_8"] = cost.tolist()
                expected["unit_notes"][f"{quantity}_batch_8"] = fresh.notes[quantity]
        expected["seal"] = json.loads((folder / MANIFEST).read_bytes())["sha256"]
        # One line per entry, so that a diff shows what changed.
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in expected.items())
        folder.with_suffix(".json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        print(f"{folder.name} is written.")


if __name__ == "__main__":
    main()
