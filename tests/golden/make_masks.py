"""Writes the golden bundle of masks: a small bundle of schema 3 that every later version of Offramp must be able to open.

python -m tests.golden.make_masks

Beside it goes a JSON file with its contents, counted here pixel by pixel and not read back. An existing bundle is left as it is.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.bundle.bundle import Draft, write_bundle
from engine.bundle.images import encode
from engine.bundle.manifest import MANIFEST, MASKS_SCHEMA
from engine.bundle.masks import pack_masks
from engine.masks.overlap import Overlap
from engine.outputs import Outputs
from engine.splits import BUNDLE_SPLITS

FOLDER = Path(__file__).resolve().parent / f"masks-schema-{MASKS_SCHEMA}"
EXITS, EXAMPLES, CLASSES, HEIGHT, WIDTH, IGNORED = 3, 12, 3, 5, 7, 255


def masks() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """True masks (examples, height, width), and those of the exits (exits, examples, height, width), from whole numbers alone."""
    places = np.arange(EXAMPLES * HEIGHT * WIDTH).reshape(EXAMPLES, HEIGHT, WIDTH)
    truth = (places * places // 11 % CLASSES).astype(np.uint8)
    exits = np.stack([np.where(places * 7 % 10 < 4 + 2 * k, truth, (places + k) % CLASSES) for k in range(EXITS)]).astype(np.uint8)
    truth[:, :, -1] = IGNORED
    return truth, exits


def counts(truth: NDArray[np.uint8], exits: NDArray[np.uint8]) -> dict[str, list]:
    """Intersection and union, [exit][example][class]."""
    pairs = [[list(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)) for a, b in zip(one, truth, strict=True)] for one in exits]
    inside = [[[pair for pair in image if pair[1] != IGNORED] for image in one] for one in pairs]
    return {
        "intersection": [[[sum(a == b == c for a, b in image) for c in range(CLASSES)] for image in one] for one in inside],
        "union": [[[sum(c in pair for pair in image) for c in range(CLASSES)] for image in one] for one in inside],
    }


def main() -> None:
    if FOLDER.exists():
        print(f"{FOLDER.name} exists and is left as it is.")
        return
    truth, exits = masks()
    counted = counts(truth, exits)
    ids = np.arange(EXAMPLES, dtype=np.int64) * 5 - 20
    steps = np.arange(EXITS * EXAMPLES).reshape(EXITS, EXAMPLES).astype(np.float32)
    outputs = Outputs.from_overlap(
        Overlap(*(np.array(counted[name], np.int32) for name in ("intersection", "union"))),
        scores={"maxprob": steps / 8, "entropy": -steps / 64},
        features={"unsure_pixels": steps / 64},
        ids=ids,
        split=np.resize([str(part) for part in BUNDLE_SPLITS], EXAMPLES),
        stage_cost={"macs": np.array([2.0, 3.0, 5.0])},
    )
    shown = np.flatnonzero(outputs.split == "test")
    draft = Draft(
        id="golden-masks",
        title="Golden bundle: masks",
        outputs=outputs,
        class_names=("ground", "one", "two"),
        exit_names=("first", "second", "third"),
        unit_notes={"macs": "Made up."},
        provenance={"made_by": "tests/golden/make_masks.py"},
        images=[(int(ids[row]), encode(np.full((HEIGHT, WIDTH, 3), 20 * row, np.uint8))) for row in shown],
        masks=[(int(ids[row]), pack_masks(truth[row], exits[:, row])) for row in shown],
        mask_size=(HEIGHT, WIDTH),
    )
    write_bundle(draft, FOLDER)
    expected = {
        **counted,
        "ids": ids.tolist(),
        "split": outputs.split.tolist(),
        "mean_iou": [
            [np.mean([i / u for i, u in zip(*pair, strict=True) if u]) for pair in zip(*one, strict=True)]
            for one in zip(counted["intersection"], counted["union"], strict=True)
        ],
        "scores": {name: values.tolist() for name, values in outputs.scores.items()},
        "features": {name: values.tolist() for name, values in outputs.features.items()},
        "masks": {str(ids[row]): hashlib.sha256(truth[row].tobytes() + exits[:, row].tobytes()).hexdigest() for row in shown.tolist()},
        "seal": json.loads((FOLDER / MANIFEST).read_bytes())["sha256"],
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in expected.items())
    FOLDER.with_suffix(".json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    print(f"{FOLDER.name} is written.")


if __name__ == "__main__":
    main()
