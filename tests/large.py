"""Large bundles that are small: their shards and samples have a few hundred examples."""

from pathlib import Path
from typing import Any

import numpy as np

from engine.bundle.bundle import Bundle, read_bundle
from engine.bundle.large import LargeDraft, Piece, write_large
from engine.bundle.sample import Sizes
from engine.outputs import Outputs

#: Examples of a shard, and of a sample.
SHARD, SIZES = 200, Sizes(tuning=250, shown=150)


def pieces(made: Outputs, **texts: list[str]) -> list[Piece]:
    """The outputs in shards. texts: id_texts and texts"""
    parts = [slice(start, start + SHARD) for start in range(0, made.examples, SHARD)]
    return [Piece(made.take(part), **{name: listed[part] for name, listed in texts.items()}) for part in parts]


def draft(made: Outputs, id: str = "large", texts: dict[str, list[str]] | None = None, **changes: Any) -> LargeDraft:
    given: dict[str, Any] = {
        "title": "A large bundle",
        "class_names": tuple(f"class {c}" for c in range(made.classes)),
        "exit_names": tuple(f"Exit {k + 1}" for k in range(made.exits)),
        "unit_notes": {},
        "provenance": {"recipe": "none"},
        "pieces": pieces(made, **(texts or {})),
        "stage_cost": {unit: cost if cost.ndim == 1 else None for unit, cost in made.stage_cost.items()},
    }
    if made.logits is not None:
        given |= {"logits_shape": made.logits.shape, "logits_dtype": made.logits.dtype}
    return LargeDraft(id=id, **given | changes)


def large_bundle(made: Outputs, folder: Path, **changes: Any) -> Bundle:
    """The outputs written as a large bundle, and opened."""
    return read_bundle(write_large(draft(made, folder.name, **changes), folder, SIZES))


def rows_of_sample(made: Outputs, bundle: Bundle) -> np.ndarray:
    """Where the examples of a bundle's sample are in the outputs it was made of."""
    at = {id: row for row, id in enumerate(made.ids.tolist())}
    return np.array([at[id] for id in bundle.outputs.ids.tolist()])
