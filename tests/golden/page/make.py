"""Writes the golden resources of the page, which the tests of Python and of the browser's code both read.

    python -m tests.golden.page.make

For a chain, a family, imported confidences and a log of models with a quality, texts and costs by example: the resource of the bundle,
that of a sweep, and a JSON file with what the sweep holds. Existing files are left as they are. A change of the format needs a new version
in app/payload/container.py, and then new files.
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from app.payload.bundle_resource import bundle_resource
from app.payload.sweep_resource import sweep_resource
from app.shown import Shown
from engine.bundle.bundle import Bundle, read_bundle, write_bundle
from engine.outputs import CascadeKind
from tests import synthetic
from tests.app.samples import sample, show

BUDGETS = 51
GOLDEN = Path(__file__).resolve().parent
#: {name: (policy, what the outputs are)}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "chain": ("maxprob", {}),
    "family": ("bolukbasi", {"kind": CascadeKind.FAMILY}),
    "imported": ("maxprob", {"recorded": "confidence"}),
    "log": ("single_threshold", {"kind": CascadeKind.FAMILY, "recorded": "confidence"}),
}


def shown_of(name: str, folder: Path) -> Shown:
    policy, outputs = CASES[name]
    if name == "log":
        return show(log(folder, **outputs), policy, steps=BUDGETS)
    return sample(folder, policy, BUDGETS, examples=150, **outputs)


def log(folder: Path, **outputs: Any) -> Bundle:
    """Graded, with a confidence, text ids and texts, and no classes. Difficult examples cost up to three times as much."""
    made = synthetic.outputs(examples=150, exits=4, **outputs)
    rng = np.random.default_rng(5)
    quality = np.clip(0.15 + 0.6 * made.correct + rng.normal(0, 0.1, made.correct.shape), 0, 1).round(4)
    factor = 1 + 2 * made.factors["difficulty"].astype(np.float64)
    costs = {unit: cost[:, None] * factor for unit, cost in made.stage_cost.items()}
    graded = replace(made, prediction=None, labels=None, classes=0, judged=quality.astype(np.float32), stage_cost=costs)
    texts = {"id_texts": [f"q-{i}" for i in range(150)], "texts": [f"Question {i}, and what follows from it" for i in range(150)]}
    return read_bundle(write_bundle(synthetic.draft(graded, "log", class_names=(), images=(), **texts), folder / "log"))


def expected(shown: Shown) -> dict[str, Any]:
    """At every budget: the shares of the exits, accuracy and cost, as the sweep counts them."""
    sweep = shown.sweep
    return {
        "shares": sweep.shares.tolist(),
        "accuracy": sweep.accuracy.tolist(),
        "cost": sweep.cost.tolist(),
        "exit": sweep.exit.tolist(),
        "correct": np.round(sweep.quality.astype(float), 4).tolist() if sweep.is_graded else sweep.is_correct.astype(int).tolist(),
    }


def main() -> None:
    for name in CASES:
        if (GOLDEN / f"{name}.json").exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            shown = shown_of(name, Path(folder))
            (GOLDEN / f"{name}.bundle").write_bytes(bundle_resource(shown.bundle))
            (GOLDEN / f"{name}.sweep").write_bytes(sweep_resource(shown))
            (GOLDEN / f"{name}.json").write_text(json.dumps(expected(shown), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
