"""Writes the golden resources of the page, which the tests of Python and of the browser's code both read.

    python -m tests.golden.page.make

For a chain, a family and imported confidences: the resource of the bundle, that of a sweep, and a JSON file with what the sweep holds. A
change of the format needs a new version in app/payload/container.py, and then new files.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from app.payload.bundle_resource import bundle_resource
from app.payload.sweep_resource import sweep_resource
from app.shown import Shown
from engine.outputs import CascadeKind
from tests.app.samples import sample

BUDGETS = 51
GOLDEN = Path(__file__).resolve().parent
#: {name: (policy, what the outputs are)}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "chain": ("maxprob", {}),
    "family": ("bolukbasi", {"kind": CascadeKind.FAMILY}),
    "imported": ("maxprob", {"recorded": "confidence"}),
}


def shown_of(name: str, folder: Path) -> Shown:
    policy, outputs = CASES[name]
    return sample(folder, policy, BUDGETS, examples=150, **outputs)


def expected(shown: Shown) -> dict[str, Any]:
    """At every budget: the shares of the exits, accuracy and cost, as the sweep counts them."""
    sweep = shown.sweep
    return {
        "shares": sweep.shares.tolist(),
        "accuracy": sweep.accuracy.tolist(),
        "cost": sweep.cost.tolist(),
        "exit": sweep.exit.tolist(),
        "correct": sweep.is_correct.astype(int).tolist(),
    }


def main() -> None:
    for name in CASES:
        with tempfile.TemporaryDirectory() as folder:
            shown = shown_of(name, Path(folder))
            (GOLDEN / f"{name}.bundle").write_bytes(bundle_resource(shown.bundle))
            (GOLDEN / f"{name}.sweep").write_bytes(sweep_resource(shown))
            (GOLDEN / f"{name}.json").write_text(json.dumps(expected(shown), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
