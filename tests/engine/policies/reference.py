"""The slow, obvious implementation of the policies: one example after another, in plain Python.

Every fast path must equal these exactly. Scores and predictions are indexed [exit][example], as everywhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from engine.outputs import Outputs
from engine.policies.core.features import Feature

Table = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Everything(Feature):
    """All logits of an exit, which no policy reads."""

    def of(self, logits: np.ndarray) -> np.ndarray:
        return logits


def threshold_cascade(scores: Table, thresholds: Sequence[float]) -> list[int]:
    """The exit of every example, as in published evaluation scripts: the first exit in order that is confident enough."""
    exits, examples = len(scores), len(scores[0])
    left_at = []
    for i in range(examples):
        for k in range(exits):
            if k == exits - 1 or scores[k][i] >= thresholds[k]:
                left_at.append(k)
                break
    return left_at


def walk(outputs: Outputs, left_at: Sequence[int], unit: str) -> tuple[float, float, list[float]]:
    """Accuracy, mean cost and shares if every stage up to the exit runs and the exit predicts."""
    stage_cost = outputs.stage_cost[unit]
    correct, spent, shares = 0, 0.0, [0] * outputs.exits
    for i, exit in enumerate(left_at):
        correct += int(outputs.prediction[exit][i] == outputs.labels[i])
        spent += sum(stage_cost[k] for k in range(exit + 1))
        shares[exit] += 1
    n = len(left_at)
    return correct / n, spent / n, [count / n for count in shares]


def geometric_quotas(rho: float, exits: int) -> list[float]:
    weights = [rho**k for k in range(exits)]
    return [weight / sum(weights) for weight in weights]


def planned_exits(counts: Sequence[int], scores: Table, ids: Sequence[int]) -> list[int]:
    """Where each example leaves, given the count per exit: the most confident of those that remain; ties go to the smallest draw."""
    exits, examples = len(scores), len(scores[0])
    left_at = [exits - 1] * examples
    remaining = list(range(examples))
    for k in range(exits - 1):
        remaining.sort(key=lambda i: (-scores[k][i], hash_uniform(ids[i], k + 1)))
        for i in remaining[: counts[k]]:
            left_at[i] = k
        remaining = remaining[counts[k] :]
    return left_at


def tied_cascade(scores: Table, thresholds: Sequence[float], ties: Sequence[float], ids: Sequence[int]) -> list[int]:
    """`threshold_cascade`, but of the examples exactly at a threshold only the share `ties` leaves, by the draw of their ids."""
    exits, examples = len(scores), len(scores[0])
    left_at = []
    for i in range(examples):
        for k in range(exits):
            tied = k < exits - 1 and scores[k][i] == thresholds[k] and hash_uniform(ids[i], k + 1) >= ties[k]
            if k == exits - 1 or (scores[k][i] >= thresholds[k] and not tied):
                left_at.append(k)
                break
    return left_at


def single_threshold(scores: Table, exit_cost: Sequence[float], budget: float) -> tuple[float, float]:
    """The highest threshold shared by all exits with a mean cost within the budget, and that cost, by trying every level."""
    exits = len(scores)
    levels = sorted({float(score) for row in scores[:-1] for score in row})
    best = (-math.inf, float(exit_cost[0]))
    for level in [*levels, math.inf]:
        left_at = threshold_cascade(scores, [level] * (exits - 1))
        spent = math.fsum(exit_cost[exit] for exit in left_at) / len(left_at)
        if spent <= budget * (1 + 1e-12):
            best = (level, spent)
    return best


def best_routing(correct: Table, exit_cost: Sequence[float], budget: float) -> int:
    """The most correct predictions of any assignment of examples to exits with a mean cost within the budget, by trying all of them."""
    exits, examples = len(correct), len(correct[0])
    most = 0
    for left_at in product(range(exits), repeat=examples):
        if sum(exit_cost[k] for k in left_at) <= budget * examples * (1 + 1e-9):
            most = max(most, sum(int(correct[k][i]) for i, k in enumerate(left_at)))
    return most


def cheapest_correct_exit(correct: Table, exit_cost: Sequence[float]) -> list[int]:
    """For every example the cheapest correct exit, or the cheapest of all if none is correct."""
    in_order = sorted(range(len(correct)), key=lambda k: exit_cost[k])
    return [next((k for k in in_order if correct[k][i]), in_order[0]) for i in range(len(correct[0]))]


def best_static(accuracy: Sequence[float], exit_cost: Sequence[float], budget: float) -> int:
    """The most accurate exit that the budget pays for; ties go to the cheaper exit."""
    affordable = [k for k in range(len(accuracy)) if exit_cost[k] <= budget * (1 + 1e-9)]
    return min(affordable, key=lambda k: (-accuracy[k], exit_cost[k]))


def best_mix_of_exits(accuracy: Sequence[float], exit_cost: Sequence[float], budget: float) -> float:
    """The highest expected accuracy within the budget of sending some examples to one exit and the rest to another."""
    best = max(a for a, c in zip(accuracy, exit_cost, strict=True) if c <= budget * (1 + 1e-9))
    for i, j in product(range(len(accuracy)), repeat=2):
        if exit_cost[i] < budget < exit_cost[j]:
            share = (budget - exit_cost[i]) / (exit_cost[j] - exit_cost[i])
            best = max(best, (1 - share) * accuracy[i] + share * accuracy[j])
    return best


def hash_uniform(id: int, seed: int = 0) -> float:
    """SplitMix64's output for state `id`, as a share of 2^53, in unbounded integers."""
    mask = 2**64 - 1
    z = (id + (seed + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    z = z ^ (z >> 31)
    return (z >> 11) / 2**53


def floats(array: np.ndarray) -> list:
    """An array as nested lists of plain numbers, for the loops above."""
    return np.asarray(array, np.float64).tolist()
