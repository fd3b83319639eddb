"""What the live block of the explore view gets: everything it needs to paint any budget without asking again.

The exit of every example at every budget travels as changes: as the budget rises, an example changes its exit a handful of times, so a
list of changes is some fifty times smaller than the table.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from app import media
from app.byte_cache import ByteCache
from app.figures.front import FRONT, figure
from app.figures.style import CONFIG
from app.payload.arrays import numbers, pack, pack_share
from app.shown import Shown
from app.theme import exit_colours
from app.wording import budget_sentence, spent
from app.worker.pictures import Album, album
from engine.analysis.factors import factor_by_exit
from engine.balance import effective_exits
from engine.bundle.library import Entry
from engine.policies import POLICIES
from engine.scores import SCORES, SURENESS
from engine.splits import Split
from engine.sweep import Sweep

#: Most probable classes of every exit that a trace shows.
TOP = 3


def _bytes(payload: object) -> int:
    """Memory taken by plain JSON values."""
    parts: list[object] = []
    if isinstance(payload, dict):
        parts = [*payload.keys(), *payload.values()]
    elif isinstance(payload, list | tuple):
        parts = [*payload]
    return sys.getsizeof(payload) + sum(_bytes(part) for part in parts)


#: Computed again from the sweeps within a tenth of a second, so only what several visitors look at right now is kept.
_payloads: ByteCache[dict[str, Any]] = ByteCache(24_000_000, _bytes)


def explore_payload(entry: Entry, shown: Shown) -> dict[str, Any]:
    """Computed once for all visitors."""
    images = album(entry)
    key = str(entry.folder), entry.stamp(), shown.policy, shown.sweep.unit, images.missing
    return _payloads.get(key, lambda: make_payload(entry, shown, images))


def make_payload(entry: Entry, shown: Shown, images: Album) -> dict[str, Any]:
    """Everything the live block paints, as plain JSON values without NaN."""
    bundle, sweep = shown.bundle, shown.sweep
    return {
        "steps": len(sweep.budgets),
        "budget": numbers(sweep.budgets),
        "planned": numbers(sweep.planned_cost),
        "calibrationCost": numbers(sweep.calibration_cost),
        "calibrationAccuracy": numbers(sweep.calibration_accuracy),
        "cost": numbers(sweep.cost),
        "accuracy": numbers(sweep.accuracy),
        "effectiveExits": numbers(effective_exits(sweep.shares)),
        "full": {"accuracy": sweep.full.accuracy, "cost": sweep.full.cost},
        "spent": spent(sweep.unit),
        "examples": sweep.examples,
        "sentence": [budget_sentence(sweep, step) for step in range(len(sweep.budgets))],
        "notes": list(sweep.notes),
        "exits": [
            {"name": name, "colour": colour, "cost": round(float(cost), 4)}
            for name, colour, cost in zip(bundle.exit_names, exit_colours(len(bundle.exit_names)), sweep.static_cost, strict=True)
        ],
        "share": pack(sweep.shares, "f4"),
        "correct": pack(sweep.correct, "f4"),
        "incorrect": pack(sweep.incorrect, "f4"),
        "changes": _changes(sweep),
        "pathCost": numbers(sweep.path_cost),
        "pathRan": sweep.paths.astype(int).tolist(),
        "policy": {"title": shown.title, "summary": POLICIES[shown.policy].summary},
        "threshold": _threshold_spec(shown),
        "figure": json.loads(cast("str", figure(shown).to_json())),
        "config": CONFIG,
        "alt": FRONT.alt(shown, 0),
        "speedupVerdict": shown.speedup_verdicts(),
        "plotly": media.plotly_address(),
        "images": media.images_address(entry) if images.pictures is not None else None,
        "missing": images.missing,
        **_examples(shown),
    }


def _examples(shown: Shown) -> dict[str, Any]:
    """What the exits predict for the test examples, in the order of the sweep's columns."""
    bundle = shown.bundle
    test = np.flatnonzero(bundle.outputs.split == Split.TEST)
    top = min(TOP, bundle.top.classes.shape[2])
    factors = {name: values[test] for name, values in bundle.outputs.factors.items()}
    return {
        "ids": [str(id) for id in bundle.outputs.ids[test].tolist()],  # as text: the browser has no 64-bit integers
        "label": pack(bundle.outputs.labels[test], "u4"),
        "classes": list(bundle.class_names),
        "top": top,
        "topClass": pack(bundle.top.classes[:, test, :top], "u4"),
        "topProbability": pack_share(bundle.top.probability[:, test, :top], "u2"),
        "factors": {name: _factor(values) for name, values in factors.items()},
        "difficulty": _difficulty(shown.sweep, factors),
    }


def _factor(values: NDArray[np.float32]) -> dict[str, Any]:
    within = len(values) > 0 and 0 <= float(values.min()) and float(values.max()) <= 1
    return pack_share(values, "u1") if within else pack(values, "f4")


def _difficulty(sweep: Sweep, factors: Mapping[str, NDArray[np.float32]]) -> dict[str, Any] | None:
    """Mean and quartiles of the difficulty of the examples that leave at each exit, NaN where none does. None if it is unknown."""
    if "difficulty" not in factors:
        return None
    mean, quartiles = factor_by_exit(sweep.exit, factors["difficulty"], sweep.shares.shape[1])
    return {"mean": pack(mean, "f4"), "quartiles": pack(quartiles, "f4")}


def _changes(sweep: Sweep) -> dict[str, Any]:
    """Where an example's route or prediction differs from the budget before; the first budget in full."""
    kinds = {"exit": "u1", "answer": "u4", "is_correct": "u1", "path": "u2"}
    changes = sweep.routes
    return {
        "step": pack(changes.step, "u2"),
        "example": pack(changes.example, "u4"),
        "first": {name: pack(row, kinds[name]) for name, row in changes.first.items()},
        "then": {name: pack(values, kinds[name]) for name, values in changes.then.items()},
    }


def _threshold_spec(shown: Shown) -> dict[str, Any] | None:
    """The score that decides and its thresholds at every budget, on the scale that the page shows; None where no threshold ever decides.

    At budgets where none does, thresholds are NaN. ties: the share of the examples exactly at a threshold that leave.
    """
    specs = [rule.threshold_spec() for rule in shown.sweep.rules]
    deciding = next(((step, spec) for step, spec in enumerate(specs) if spec is not None), None)
    if deciding is None:
        return None
    step, first = deciding
    outputs, score = shown.bundle.outputs, SCORES.get(first.score, SURENESS)
    gates = np.ones(outputs.exits - 1)
    thresholds = np.stack([np.nan * gates if spec is None else spec.thresholds for spec in specs])
    ties = np.stack([gates if spec is None or spec.ties is None else spec.ties for spec in specs])
    # A threshold that lets all examples leave, or none, stays infinite and does not become a probability of 0 or 1.
    readable = np.where(np.isinf(thresholds), thresholds, score.shown(thresholds))
    value = shown.sweep.rules[step].decision_scores(outputs.test())
    return {
        "score": score.name,
        "title": score.title,
        "reads": score.reads,
        "falls": score.shown_falls,
        "threshold": pack(readable, "f4"),
        "ties": pack(ties, "f4"),
        "value": pack(score.shown(value.astype(np.float64)), "f4"),
    }
