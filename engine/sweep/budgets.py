"""Budgets: shares of the full network's mean cost. The usual ones, and whether those that are given make sense."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.outputs import Outputs
from engine.policies.core.base import Policy

#: A budget above this was meant in percent: running every network of a family costs at most a few times its largest one.
MOST_BUDGET = 10.0


def default_budgets(outputs: Outputs, unit: str, points: int) -> NDArray[np.float64]:
    """Evenly spaced budgets from the cheapest exit to the full network, as shares of the full network's cost, (points,)."""
    cheapest = float(outputs.mean_static_cost(unit).min()) / outputs.full_cost(unit)
    return np.linspace(cheapest, 1.0, points)


def as_budgets(budgets: Sequence[float] | NDArray[np.floating]) -> NDArray[np.float64]:
    try:
        array = np.asarray(budgets, np.float64)
    except (TypeError, ValueError):
        array = np.empty((0, 0))
    if array.ndim != 1 or not len(array):
        raise UserError(f"Budgets {str(budgets)[:40]} must be a list of at least one number; give for example [0.25, 0.5].")
    return array


def check_budgets(policy: Policy, budgets: NDArray[np.float64], cheapest: float) -> None:
    for budget in budgets:
        if not np.isfinite(budget) or budget < 0 or (budget == 0 and cheapest > 0):  # the cheapest exit may cost nothing
            raise UserError(f"A budget must be a positive share of the full network's cost, and {budget:g} is not; give for example 0.5.")
        if budget > MOST_BUDGET:
            raise UserError(f"A budget of {budget:g} is {budget:g} times the full network's cost; for {budget:g}% give {budget / 100:g}.")
        # Budgets are typed with few digits: one that misses the cheapest exit by a rounding error means that exit.
        if budget < cheapest - 5e-4:
            raise UserError(
                f"A budget of {budget:g} is out of reach for {policy.title}, which costs at least {cheapest:.3f} of the full network;"
                f" give at least {np.ceil(cheapest * 1000) / 1000:.3f}."
            )
