"""A sweep as the browser gets it: everything it needs to paint any budget without asking again.

Arrays travel as base64 of their bytes, the smallest type that holds them. Where every example leaves at every budget travels as changes:
as the budget rises an example changes its exit a handful of times, so a list of changes is some fifty times smaller than the table.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import media
from app.figures import front as figures
from app.theme import exit_colours
from app.wording import budget_sentence, speedup_sentence, spent
from app.worker.pictures import Album
from engine.analysis.factors import factor_by_exit
from engine.analysis.verdict import judged
from engine.balance import effective_exits
from engine.bundle.bundle import Bundle
from engine.bundle.library import Entry
from engine.bundle.measurements import Measured, in_unit
from engine.policies import POLICIES
from engine.scores import SCORES, SURENESS
from engine.splits import Split
from engine.sweep import Sweep

#: Likeliest classes of every exit that a trace shows.
TOP = 3


@dataclass(frozen=True, eq=False)
class Shown:
    """What the explore page shows: a bundle, its pictures, a policy on it, and the two it is held against."""

    entry: Entry
    bundle: Bundle
    album: Album
    policy: str
    chosen: Sweep
    mix: Sweep
    oracle: Sweep

    @property
    def measured(self) -> tuple[Measured, ...]:
        """The real runs that belong beside the costs shown."""
        return in_unit(self.bundle.measured, self.chosen.unit)

    def speedup_verdicts(self) -> list[str]:
        """Whether stopping early paid, a sentence for each device and batch size."""
        every = self.bundle.measured
        return [speedup_sentence(entry, judged(entry, every), self.bundle.exit_names) for entry in self.measured]


def pack(array: NDArray, dtype: str) -> dict[str, str]:
    """An array as the browser's typed array of the same name: u1, u2, u4, f4."""
    little = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
    return {"type": dtype, "data": base64.b64encode(little.tobytes()).decode("ascii")}


def pack_share(array: NDArray[np.floating], dtype: str) -> dict[str, str | float]:
    """Numbers in [0, 1] as whole steps of an unsigned type: what a person reads needs no more digits."""
    most = np.iinfo(dtype).max
    return {**pack(np.round(array * most), dtype), "scale": 1 / most}


def explorer_payload(shown: Shown) -> dict[str, Any]:
    """Everything the live block paints, as plain JSON values without NaN."""
    bundle, chosen = shown.bundle, shown.chosen
    title = POLICIES[shown.policy].title
    figure = figures.front(chosen, title, shown.mix, shown.oracle, shown.measured)
    return {
        "steps": len(chosen.budgets),
        "budget": _numbers(chosen.budgets),
        "planned": _numbers(chosen.planned_cost),
        "calibrationCost": _numbers(chosen.calibration_cost),
        "calibrationAccuracy": _numbers(chosen.calibration_accuracy),
        "cost": _numbers(chosen.cost),
        "accuracy": _numbers(chosen.accuracy),
        "effectiveExits": _numbers(effective_exits(chosen.shares)),
        "full": {"accuracy": chosen.full.accuracy, "cost": chosen.full.cost},
        "spent": spent(chosen.unit),
        "examples": chosen.examples,
        "sentence": [budget_sentence(chosen, step) for step in range(len(chosen.budgets))],
        "notes": list(chosen.notes),
        "exits": [
            {"name": name, "colour": colour, "cost": round(float(cost), 4)}
            for name, colour, cost in zip(bundle.exit_names, exit_colours(len(bundle.exit_names)), chosen.static_cost, strict=True)
        ],
        "share": pack(chosen.shares, "f4"),
        "correct": pack(chosen.correct, "f4"),
        "incorrect": pack(chosen.incorrect, "f4"),
        "changes": _changes(chosen),
        "pathCost": _numbers(chosen.path_cost),
        "pathRan": chosen.paths.astype(int).tolist(),
        "policy": {"title": title, "summary": POLICIES[shown.policy].summary},
        "threshold": _threshold_spec(shown),
        "figure": json.loads(figure.to_json()),
        "config": figures.CONFIG,
        "alt": figures.front_alt(chosen, title, shown.mix, shown.oracle, shown.measured),
        "speedupVerdict": shown.speedup_verdicts(),
        "plotly": media.plotly_address(),
        **_examples(shown),
    }


def _examples(shown: Shown) -> dict[str, Any]:
    """What the exits said about the reported examples, in the order of the sweep's columns."""
    bundle = shown.bundle
    there = np.flatnonzero(bundle.outputs.split == Split.TEST)
    top = min(TOP, bundle.top.classes.shape[2])
    factors = {name: values[there] for name, values in bundle.outputs.factors.items()}
    return {
        "ids": [str(id) for id in bundle.outputs.ids[there].tolist()],  # as text: the browser has no whole numbers of 64 bits
        "label": pack(bundle.outputs.labels[there], "u4"),
        "classes": list(bundle.class_names),
        "top": top,
        "topClass": pack(bundle.top.classes[:, there, :top], "u4"),
        "topProbability": pack_share(bundle.top.probability[:, there, :top], "u2"),
        "images": media.images_address(shown.entry) if shown.album.pictures is not None else None,
        "missing": shown.album.missing,
        "factors": {name: _factor(values) for name, values in factors.items()},
        "difficulty": _difficulty(shown.chosen, factors),
    }


def _factor(values: NDArray[np.float32]) -> dict[str, Any]:
    within = len(values) > 0 and 0 <= float(values.min()) and float(values.max()) <= 1
    return pack_share(values, "u1") if within else pack(values, "f4")


def _difficulty(chosen: Sweep, factors: Mapping[str, NDArray[np.float32]]) -> dict[str, Any] | None:
    """How hard the examples leaving at each exit are, where the data set knows: mean and quartiles, NaN where nobody leaves."""
    if "difficulty" not in factors:
        return None
    mean, quartiles = factor_by_exit(chosen.exit, factors["difficulty"], chosen.shares.shape[1])
    return {"mean": pack(mean, "f4"), "quartiles": pack(quartiles, "f4")}


def _changes(chosen: Sweep) -> dict[str, Any]:
    """Where an example's route or answer differs from the budget before; the first budget in full."""
    kinds = {"exit": "u1", "answer": "u4", "is_correct": "u1", "path": "u2"}
    changes = chosen.routes
    return {
        "step": pack(changes.step, "u2"),
        "example": pack(changes.example, "u4"),
        "first": {name: pack(row, kinds[name]) for name, row in changes.first.items()},
        "then": {name: pack(values, kinds[name]) for name, values in changes.then.items()},
    }


def _threshold_spec(shown: Shown) -> dict[str, Any] | None:
    """The score that decides and its thresholds at every budget, as a person reads them; None where no threshold ever decides.

    At budgets where none does, thresholds are NaN. ties: the share of those exactly at a threshold that leave.
    """
    specs = [rule.threshold_spec() for rule in shown.chosen.rules]
    deciding = next((step for step, spec in enumerate(specs) if spec is not None), None)
    if deciding is None:
        return None
    outputs, score = shown.bundle.outputs, SCORES.get(specs[deciding].score, SURENESS)
    gates = np.ones(outputs.exits - 1)
    kept = np.stack([np.nan * gates if spec is None else spec.thresholds for spec in specs])
    ties = np.stack([gates if spec is None or spec.ties is None else spec.ties for spec in specs])
    # What lets all examples out, or none, is told as such, not as a probability of 0 or 1.
    read = np.where(np.isinf(kept), kept, score.shown(kept))
    value = shown.chosen.rules[deciding].decision_scores(outputs.test())
    return {
        "score": score.name,
        "title": score.title,
        "reads": score.reads,
        "falls": score.shown_falls,
        "threshold": pack(read, "f4"),
        "ties": pack(ties, "f4"),
        "value": pack(score.shown(value.astype(np.float64)), "f4"),
    }


def _numbers(values: NDArray[np.floating]) -> list[float]:
    return np.round(values, 5).tolist()
