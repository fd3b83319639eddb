"""What a file carries so that the routes and the policy can be taken from it: numbers in full, and the policy's document at every budget.

A page that has a server asks it instead.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.payload.container import Packed, encode
from app.shown import Shown
from app.take_home import document_at
from engine.analysis.routes_table import deciding_scores
from engine.errors import UserError

#: Bytes that the documents may take in a file, compressed and in base64. If those of all budgets take more, there are fewer of them.
MOST_BYTES = 150_000
#: Every how many steps of the budget there is a document, in the order in which it is tried: of 201 steps, at 201, 21 and 5.
STRIDES = (1, 10, 50)
#: Costs of examples that a file may hold, where each has its own: one for each set of stages that runs.
MOST_COSTS = 200_000
#: Tables of scores that a file may hold. Policies whose thresholds decide on one score need one.
MOST_TABLES = 4
NONE = 65535
NO_SCORES = "The scores of {} take too much space to be in a file; `python -m engine route` writes the table."
NO_COSTS = "The costs of all examples take too much space to be in a file; `python -m engine route` writes the table."


def take_home_resource(shown: Shown, rows: NDArray[np.integer]) -> bytes:
    """budget, pathCost: in full, where the sweep's resource rounds; no pathCost where each example has its own
    documents: see `packed_documents`, or None
    noDocuments, noRoutes: why there are no documents, and why the table of routes cannot be made, or empty

    Arrays: threshold (steps, exits), score (tables, rows, exits) and table (steps,), as `engine.analysis.routes_table.DecidingScores`, with
    NONE where no threshold decides; "path cost" (paths, rows) where each example has its own. rows: of the test examples whose routes are
    kept
    """
    sweep = shown.sweep
    deciding = deciding_scores(sweep, shown.bundle)
    documents, no_documents = _documents(shown)
    no_routes = "" if len(deciding.scores) <= MOST_TABLES else NO_SCORES.format(shown.title)
    own_cost = sweep.path_cost[:, rows] if sweep.path_cost.ndim == 2 else None
    if own_cost is not None and own_cost.size > MOST_COSTS:
        no_routes = no_routes or NO_COSTS
    values = {
        "budget": sweep.budgets.tolist(),
        "pathCost": sweep.path_cost.tolist() if own_cost is None else [],
        "documents": documents,
        "noDocuments": no_documents,
        "noRoutes": no_routes,
    }
    scores = deciding.scores[: 0 if no_routes else MOST_TABLES, :, rows].swapaxes(1, 2)
    arrays = {
        "threshold": Packed(deciding.threshold, "f8"),
        "score": Packed(scores, "f4" if scores.dtype.itemsize <= 4 else "f8"),
        "table": Packed(np.where(deciding.table < 0, NONE, deciding.table), "u2"),
    }
    if own_cost is not None and not no_routes:
        arrays["path cost"] = Packed(own_cost, "f8")
    return encode(values, arrays)


def _documents(shown: Shown) -> tuple[dict[str, Any] | None, str]:
    """The documents of as many budgets as fit, and why there are none."""
    try:
        for stride in STRIDES:
            steps = range(0, len(shown.sweep.budgets), stride)
            documents = packed_documents({step: document_at(shown, step).decode() for step in steps})
            if _size(documents) <= MOST_BYTES:
                return documents, ""
    except UserError as problem:
        return None, str(problem)
    return None, f"{shown.title} takes too much space here to be in a file; `python -m engine route --save-policy` saves it."


def packed_documents(texts: Mapping[int, str]) -> dict[str, Any]:
    """Many documents in little space: most of their lines are equal.

    texts: {step: document}
    steps:   of the documents
    shapes:  the lines of the first document of each number of lines
    changes: for each document its shape, and [number of line, line] for every line that differs from it
    """
    shapes: dict[int, tuple[int, Sequence[str]]] = {}
    changes = []
    for text in texts.values():
        lines = text.split("\n")
        shape, first = shapes.setdefault(len(lines), (len(shapes), lines))
        changes.append([shape, [[i, line] for i, (line, before) in enumerate(zip(lines, first, strict=True)) if line != before]])
    return {"steps": list(texts), "shapes": [lines for _, lines in shapes.values()], "changes": changes}


def _size(documents: Mapping[str, Any]) -> int:
    return len(gzip.compress(json.dumps(documents).encode(), 9)) * 4 // 3
