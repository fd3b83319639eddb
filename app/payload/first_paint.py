"""What a page paints before anything is fetched: one budget's sentence, cost and shares, and the front."""

from dataclasses import asdict
from typing import Any

import numpy as np

from app.payload.arrays import DIGITS
from app.payload.front_data import front_data
from app.payload.sweep_resource import difficulty_by_exit
from app.shown import Shown
from app.take_home import saving
from app.theme import exit_colours
from app.wording import USUAL, budget_sentence, faces_sentence, spent
from engine.cost_units import cost_unit


def first_paint(shown: Shown, missing: str, budget: float) -> dict[str, Any]:
    """Plain JSON values without NaN, part of `ExploreData` in app/web/blocks/explore.js.

    missing: why there are no images, or empty;  budget: the nearest one of the sweep is painted
    `words` is there only if they are not the usual ones.
    """
    sweep, names, words = shown.sweep, shown.bundle.exit_names, shown.words
    step = int(np.abs(sweep.budgets - budget).argmin())
    return {
        "exits": [
            {"name": name, "colour": colour, "cost": round(cost, DIGITS)}
            for name, colour, cost in zip(names, exit_colours(len(names)), sweep.static_cost.tolist(), strict=True)
        ],
        "first": {
            "step": step,
            "sentence": budget_sentence(sweep, step, words),
            "cost": round(float(sweep.cost[step]), DIGITS),
            "accuracy": round(float(sweep.accuracy[step]), DIGITS),
            "exits": _exits(shown, step),
        },
        "full": sweep.full.accuracy,
        "spent": spent(sweep.unit),
        "tested": sweep.examples,
        "front": front_data(shown),
        "speedupVerdict": shown.speedup_verdicts(),
        "missing": faces_sentence(shown.bundle, missing),
        "saving": saving(shown),
        **({} if words == USUAL else {"words": {**asdict(words), "sign": cost_unit(sweep.unit).sign}}),
    }


def _exits(shown: Shown, step: int) -> list[dict[str, Any]]:
    sweep = shown.sweep
    columns = np.round([sweep.shares[step], sweep.correct[step], sweep.incorrect[step], sweep.leaving_cost[step]], DIGITS).T.tolist()
    exits: list[dict[str, Any]] = [
        {"share": share, "correct": correct, "incorrect": incorrect, "cost": cost if cost == cost else None, "difficulty": None}
        for share, correct, incorrect, cost in columns  # no mean cost where no example leaves
    ]
    difficulty = difficulty_by_exit(shown, slice(step, step + 1))
    if difficulty is not None:
        for exit, mean, (low, _, high) in zip(exits, difficulty[0][0].tolist(), difficulty[1][0].tolist(), strict=True):
            known = mean == mean  # NaN where no example leaves
            exit["difficulty"] = {"mean": mean, "low": low, "high": high} if known else {"mean": None, "low": None, "high": None}
    return exits
