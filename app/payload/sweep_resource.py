"""What the browser keeps of a sweep: everything it needs to paint any budget without asking again.

The exit of every example at every budget travels as changes: as the budget rises, an example changes its exit a handful of times, so a
list of changes is some fifty times smaller than the table.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.payload.arrays import numbers
from app.payload.container import Packed, encode
from app.payload.subset_tables import subset_tables
from app.shown import Shown
from app.wording import budget_sentence, settings, spent, told
from engine.analysis.factors import factor_by_exit
from engine.balance import effective_exits
from engine.exit_values import mean_over_examples
from engine.policies import POLICIES
from engine.route_changes import Changes
from engine.scores import SCORES, SURENESS
from engine.splits import Split
from engine.sweep import Sweep


def sweep_resource(shown: Shown, rows: NDArray[np.integer] | None = None) -> bytes:
    """rows: of the test examples whose routes are kept, all if left out. Shares, accuracy and costs are always those of all.

    Where quality is graded, "correct" and "incorrect" are the quality of those who leave and what is missing of it, and the routes have a
    quality. Where costs depend on the example, "pathCost" holds means, and "stage cost" (examples, exits) what each stage costs on each.
    """
    sweep, words = shown.sweep, shown.words
    deciding, thresholds = _thresholds(shown)
    values = {
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
        "examples": sweep.routed if rows is None else len(rows),
        "tested": sweep.examples,
        **({"holder": "the sample"} if rows is None and sweep.routed < sweep.examples else {}),
        "sentence": [budget_sentence(sweep, step, words) for step in range(len(sweep.budgets))],
        "notes": [told(note, shown.bundle) for note in sweep.notes],
        "settings": [told(settings(rule), shown.bundle) for rule in sweep.rules],
        "exitCost": numbers(sweep.static_cost),
        "pathCost": numbers(mean_over_examples(sweep.path_cost)),
        "pathRan": sweep.paths.astype(int).tolist(),
        "policy": {"title": POLICIES[shown.policy].title, "why": [words.adapted(why) for why in POLICIES[shown.policy].why]},
        "threshold": deciding,
    }
    by_exit = {"share": sweep.shares, "correct": sweep.correct, "incorrect": sweep.incorrect, "exit cost": sweep.leaving_cost}
    arrays = {name: Packed(array, "f4") for name, array in by_exit.items()}
    subsets, counts = subset_tables(shown)
    return encode(values | subsets, arrays | _changes(sweep, rows) | thresholds | _difficulty(shown) | counts | _stage_cost(shown, rows))


def _changes(sweep: Sweep, rows: NDArray[np.integer] | None) -> dict[str, Packed]:
    """Where an example's route or prediction differs from the budget before; the first budget in full."""
    quality = ("quality", "f4") if sweep.is_graded else ("is_correct", "u1")
    types = {"exit": ("exit", "u1"), "answer": ("answer", "u4"), "quality": quality, "path": ("path", "u2")}
    names = [name for name in types if name in sweep.routes.first]
    changes = sweep.routes if rows is None else Changes.between({name: sweep.routes.table(name)[:, rows] for name in names})
    arrays = {"change step": Packed(changes.step, "u2"), "change example": Packed(changes.example, "u4")}
    for moment, tables in (("first", changes.first), ("then", changes.then)):
        arrays |= {f"{moment} {types[name][0]}": Packed(values, types[name][1]) for name, values in tables.items()}
    return arrays


def _thresholds(shown: Shown) -> tuple[dict[str, Any] | None, dict[str, Packed]]:
    """The score that decides, and its thresholds at every budget on the scale that the page shows. None if no threshold ever decides.

    At budgets where none does, thresholds are NaN. ties: the share of the examples exactly at a threshold that leave.
    """
    specs = [rule.threshold_spec() for rule in shown.sweep.rules]
    first = next((spec for spec in specs if spec is not None), None)
    if first is None:
        return None, {}
    score = SCORES.get(first.score, SURENESS)
    gates = np.ones(shown.bundle.outputs.exits - 1)
    thresholds = np.stack([np.nan * gates if spec is None else spec.thresholds for spec in specs])
    ties = np.stack([gates if spec is None or spec.ties is None else spec.ties for spec in specs])
    # A threshold that lets all examples leave, or none, stays infinite and does not become a probability of 0 or 1.
    readable = np.where(np.isinf(thresholds), thresholds, score.shown(thresholds))
    named = {"score": score.name, "title": score.title, "reads": score.reads, "falls": score.shown_falls}
    if shown.bundle.outputs.prediction is None:  # then there is no class whose probability it could be
        named |= {"title": SURENESS.title, "reads": "its confidence"}
    return named, {"threshold": Packed(readable, "f4"), "ties": Packed(ties, "f4")}


def _stage_cost(shown: Shown, rows: NDArray[np.integer] | None) -> dict[str, Packed]:
    """Shares of the full network's mean cost. Nothing if all examples cost the same."""
    sweep = shown.sweep
    if sweep.path_cost.ndim == 1:
        return {}
    cost = shown.bundle.outputs.test().cost_in(sweep.unit) / sweep.full.cost
    return {"stage cost": Packed((cost if rows is None else cost[:, rows]).T, "f4")}


def _difficulty(shown: Shown) -> dict[str, Packed]:
    """Nothing if it is unknown."""
    by_exit = difficulty_by_exit(shown)
    return {} if by_exit is None else {"difficulty mean": Packed(by_exit[0], "f4"), "difficulty quartiles": Packed(by_exit[1], "f4")}


def difficulty_by_exit(shown: Shown, steps: slice = slice(None)) -> tuple[NDArray[np.floating], NDArray[np.floating]] | None:
    """Mean (steps, exits) and quartiles (steps, exits, 3) of the difficulty of the test examples that leave at each exit.

    NaN where none does; None if the difficulty of the examples is unknown. steps: of the budget
    """
    outputs = shown.bundle.outputs
    if "difficulty" not in outputs.factors:
        return None
    test = outputs.factors["difficulty"][outputs.split == Split.TEST]
    return factor_by_exit(shown.sweep.exit[steps], test, shown.sweep.shares.shape[1])
