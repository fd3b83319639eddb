"""Free thresholds: each exit has its own threshold, and all are set together for the best accuracy within the budget.

The strongest rule that only compares one score with thresholds, and so the baseline for anything learned. The best thresholds of all exits
are searched for on the calibration examples, in three steps:

1. Start: every combination of a quantile grid of levels is counted exactly (`engine.thresholds.grid`), and so is every shared threshold
   (`engine.thresholds.curve`). The later steps can only improve on these, so they are a lower bound.
2. Ascent: at 40 prices of a correct prediction, spread over the budgets, one cut after another is set to the best of all its values
   (`engine.thresholds.ascent`).
3. All visited settings are joined, and the non-dominated ones are kept. A budget then gets the most accurate one it can pay for.

So much freedom also fits noise: with few calibration examples the accuracy on them is optimistic, and on new examples one knob for all
exits may do better. The results on test show which.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import Quality, by_example, is_binary
from engine.front import concave_hull
from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Fitted, Policy, Rule, check_tuning, lacks_score, score_named
from engine.policies.core.mixing import mix_to
from engine.policies.core.registry import register_policy
from engine.policies.core.scorer import RecordedScore
from engine.policies.core.thresholds import ThresholdRule
from engine.thresholds.ascent import Settings, ascend
from engine.thresholds.curve import ExactCurve
from engine.thresholds.front import front_of_many
from engine.thresholds.grid import Grid, total
from engine.thresholds.levels import quantile_levels
from engine.thresholds.ranks import Ranked

#: Combinations counted at the start: 32 levels per exit with five exits, more with fewer exits, fewer with more.
GRID_CELLS = 2**20
#: A grid coarser than this is no better a start than the shared thresholds.
FEWEST_LEVELS, MOST_LEVELS = 4, 256
PRICES = 40
#: An exit's scores count as tied if they take fewer distinct values than this share of the examples.
DISTINCT = 0.5


@dataclass(frozen=True, eq=False)
class FreeThresholdsFit(Fitted):
    """The non-dominated settings on calibration.

    thresholds: (settings, exits - 1)
    cost:       (settings,) rising, mean cost per calibration example
    accuracy:   (settings,) rising, on calibration; the thresholds were chosen by it, so it is optimistic
    tied:       whether scores tie so much that neighbouring settings may be far apart; budgets between two are then met by mixing
    """

    score: str
    thresholds: NDArray[np.float64]
    cost: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    tied: bool

    @property
    def cheapest(self) -> float:
        return float(self.cost[0])

    def _solve(self, budget: float) -> Rule:
        best = int(np.searchsorted(self.cost, budget * (1 + 1e-12), side="right")) - 1
        if self.tied and best + 1 < len(self.cost):
            return mix_to(budget, [self._rule(best), self._rule(best + 1)])
        return self._rule(best)

    def _rule(self, setting: int) -> ThresholdRule:
        shown = score_named(self.score).shown(self.thresholds[setting])
        knob = {f"threshold {k + 1}": float(value) for k, value in enumerate(shown)}
        return ThresholdRule(RecordedScore(self.score), self.thresholds[setting], knob, float(self.cost[setting]))


def best_settings(scores: NDArray[np.floating], quality: Quality, exit_cost: NDArray[np.float64]) -> tuple[Ranked, Settings]:
    """The non-dominated settings of the search, by rising cost, and the ranks that their cuts refer to.

    scores, quality (exits, examples); exit_cost (exits,) or (exits, examples) cumulative
    """
    ranked = Ranked.of(scores, quality)
    start = Settings.joined([*_on_grid(ranked, scores, exit_cost), _shared(ranked, scores, exit_cost)]).front()
    climbed = [ascend(ranked, start.cuts[start.best_at(price)], price, exit_cost) for price in _prices(start)]
    return ranked, Settings.joined([start, *climbed]).front()


def _on_grid(ranked: Ranked, scores: NDArray[np.floating], exit_cost: NDArray[np.float64]) -> list[Settings]:
    """The front of the grid. None if there is only one threshold, or so many that the grid would have too few levels.

    None either where an exit failed on some examples: at its lowest level the grid would let them leave.
    """
    gates = len(ranked.ranks)
    levels = min(int(GRID_CELLS ** (1 / max(gates, 1))), MOST_LEVELS)
    if gates < 2 or levels < FEWEST_LEVELS or ranked.least_cuts.any():
        return []
    grid = quantile_levels(scores, levels)
    correct, cost = _totals(scores, ranked.quality, exit_cost, grid)
    front = front_of_many(cost, correct.astype(np.float64))
    levels_on_front = np.stack(np.unravel_index(front, (levels,) * gates), axis=-1)
    thresholds = np.take_along_axis(grid.T, levels_on_front, axis=0)
    return [Settings(ranked.cuts(thresholds), correct[front], cost[front])]


def _totals(
    scores: NDArray[np.floating], quality: Quality, exit_cost: NDArray[np.float64], levels: NDArray[np.float64]
) -> tuple[NDArray[np.int64 | np.float64], NDArray[np.float64]]:
    """Correct predictions, or summed quality, and cost of all examples at every setting of a grid."""
    if is_binary(quality) and exit_cost.ndim == 1:
        counted, examples = Grid.of(scores, quality, levels), scores.shape[1]  # quicker, where counts are enough
        return np.rint(counted.accuracy().ravel() * examples).astype(np.int64), counted.mean_cost(exit_cost).ravel() * examples
    cost = np.broadcast_to(by_example(exit_cost), quality.shape)
    return total(scores, quality, levels).ravel(), total(scores, cost, levels).ravel()


def _shared(ranked: Ranked, scores: NDArray[np.floating], exit_cost: NDArray[np.float64]) -> Settings:
    """The front of one threshold for all exits, including the static exits."""
    curve = ExactCurve.of(scores)
    correct, cost = curve.total(ranked.quality), curve.total(by_example(exit_cost))
    front = front_of_many(cost, correct.astype(np.float64))
    shared = np.broadcast_to(curve.levels[front, None], (len(front), len(ranked.ranks)))
    return Settings(ranked.cuts(shared), correct[front], cost[front])


def _prices(start: Settings) -> NDArray[np.float64]:
    """Prices of the ascents, in correct predictions per unit of cost, falling: the slopes of the start's hull at evenly spread costs."""
    hull = start.take(concave_hull(start.cost, start.correct.astype(np.float64)))
    slopes = np.diff(hull.correct) / np.diff(hull.cost)
    if len(slopes) == 0:
        return slopes
    piece = np.searchsorted(hull.cost[1:-1], np.linspace(hull.cost[0], hull.cost[-1], PRICES))
    return np.unique(slopes[piece])[::-1]


@register_policy
class FreeThresholds(Policy):
    name = "free_thresholds"
    title = "A threshold for each exit"
    source = "Definition; coordinate ascent over all cuts from an exact grid: our choice."
    knob = "all thresholds together"
    summary = "Each exit has its own threshold, and all of them are searched together for the best accuracy within the budget."
    formula = "leave at the first exit k with max p_k ≥ t_k; t_1 … t_{K−1} maximise the accuracy on calibration with mean cost ≤ B"
    use_when = "There are many calibration examples, so that several thresholds can be tuned at once."
    score = "maxprob"

    def unavailable_reason(self, outputs: Outputs) -> str | None:
        return super().unavailable_reason(outputs) or lacks_score(self, self.score, outputs)

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> FreeThresholdsFit:
        check_tuning(fit, calibration)
        ranked, best = best_settings(calibration.scores[self.score], calibration.quality, calibration.cascade_cost(unit))
        examples = calibration.examples
        tied = any(len(values) < DISTINCT * examples for values in ranked.values)
        return FreeThresholdsFit(self.score, ranked.thresholds(best.cuts), best.cost / examples, best.correct / examples, tied)
