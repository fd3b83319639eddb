"""The order of a family: from the cheapest to the best. What costs more than the best single model and is no better is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.exit_values import mean_over_examples
from engine.importing.logs.column_names import unit_in_words
from engine.outputs import CascadeKind, Outputs
from engine.splits import Split

#: {unit: (models,) or (models, examples)}
Costs = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Order:
    """kept: positions of the models, cheapest first and best last;  dominated: the others, for the provenance"""

    kept: NDArray[np.int64]
    dominated: list[dict[str, Any]]


def dominated_facts(order: Order) -> dict[str, Any]:
    """What the provenance states about it."""
    return {"dominated": order.dominated} if order.dominated else {}


def best_last(quality: NDArray, costs: Costs, split: NDArray[np.str_], names: Sequence[str], notes: list[str]) -> Order:
    """Sort models by mean cost on calibration, in the first unit, and end with the best; of equally good ones, the cheaper.

    Models that cost more than the best are dominated by it: no cascade should end in them. quality: (models, examples)
    """
    rows = np.flatnonzero(split == Split.CALIBRATION)
    mean = {unit: mean_over_examples(cost if cost.ndim == 1 else cost[:, rows]) for unit, cost in costs.items()}
    unit, cost = next(iter(mean.items()))
    worth = quality[:, rows].mean(axis=1, dtype=np.float64)
    order: list[int] = np.lexsort((worth, cost)).tolist()
    best = int(np.lexsort((cost, -worth))[0])
    kept = [k for k in order if cost[k] <= cost[best] and k != best] + [best]
    left_out = [k for k in order if cost[k] > cost[best]]
    if left_out:
        shown = ", ".join(f"{names[k]} ({cost[k]:.4g} {unit}, {worth[k]:.1%})" for k in left_out)
        they, are = ("they cost", "are") if len(left_out) > 1 else ("it costs", "is")
        notes.append(
            f"Left out, because {they} more than {names[best]} ({cost[best]:.4g} {unit}, {worth[best]:.1%}) and {are} no better on"
            f" calibration: {shown}."
        )
    for other in list(mean)[1:]:
        costlier = [names[k] for k in kept if mean[other][k] > mean[other][best]]
        if costlier:
            notes.append(
                f"In {other}, {names[best]} costs less than {', '.join(costlier)}; budgets are shares of its cost and may be above 100%."
            )
    entries = [{"name": names[k], "cost": {unit: float(mean[unit][k]) for unit in mean}, "quality": float(worth[k])} for k in left_out]
    return Order(np.array(kept), entries)


def check_reference(kind: CascadeKind, costs: Costs, split: NDArray[np.str_], names: Sequence[str]) -> None:
    """Raise UserError if the last model, or the whole network, is free: budgets are shares of its cost."""
    for unit, cost in costs.items():
        full = cost.sum(axis=0) if kind is CascadeKind.CHAIN else cost[-1]
        for part in (Split.CALIBRATION, Split.TEST):
            if not np.mean(full if full.ndim == 0 else full[split == part]) > 0:
                which = f"all of {names[-1]}" if kind is CascadeKind.CHAIN else f"{names[-1]}, the best model,"
                raise UserError(
                    f"The {unit_in_words(unit)} of {which} is 0, and budgets are shares of it, so nothing can be saved; give costs in"
                    " another unit."
                )


def of_exits(outputs: Outputs, order: NDArray[np.integer]) -> Outputs:
    """Some of the exits, in this order."""
    if order.tolist() == list(range(outputs.exits)):
        return outputs
    return replace(
        outputs,
        prediction=None if outputs.prediction is None else outputs.prediction[order],
        judged=None if outputs.judged is None else outputs.judged[order],
        qualities={name: values[order] for name, values in outputs.qualities.items()},
        logits=None if outputs.logits is None else outputs.logits[order],
        scores={name: score[order] for name, score in outputs.scores.items()},
        features={name: values[order] for name, values in outputs.features.items()},
        stage_cost={unit: cost[order] for unit, cost in outputs.stage_cost.items()},
    )
