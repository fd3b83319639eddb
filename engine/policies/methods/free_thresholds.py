"""Free thresholds: a threshold of its own for every exit, all of them set together to be right as often as the budget allows.

The strongest rule that only compares one score with a bar, and so the one that anything learned has to beat. The best thresholds of all
exits are looked for on the calibration examples themselves, in three steps:

1. Start: every combination of a quantile grid of levels is counted exactly (`engine.thresholds.grid`), and so is every shared threshold
   (`engine.thresholds.curve`). What is found later can only be better, so these are the certificate.
2. Ascent: at 40 prices of an answer, spread over the budgets, cut after cut is set to the best of all its values
   (`engine.thresholds.ascent`).
3. All settings met are joined, and those that no other one beats are kept. A budget then gets the most accurate one it can pay for.

So much freedom fits chance as well: with few calibration examples the accuracy found there is too good to be true, and on new examples one
knob for all exits may do better. The numbers on test say which.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.front import concave_hull
from engine.outputs import Outputs, Tuning
from engine.policies.core.base import Fitted, Policy, Rule, check_tuning, lacks_score, score_named
from engine.policies.core.mixing import mix_to
from engine.policies.core.registry import register
from engine.policies.core.scorer import RecordedScore
from engine.policies.core.thresholds import ThresholdRule
from engine.thresholds.ascent import Settings, ascend
from engine.thresholds.curve import ExactCurve
from engine.thresholds.front import front_of_many
from engine.thresholds.grid import Grid
from engine.thresholds.levels import quantile_levels
from engine.thresholds.ranks import Ranked

#: Combinations counted at the start: 32 levels an exit where five exits are, more where fewer, fewer where more.
GRID_CELLS = 2**20
#: A grid coarser than this is no better a start than the shared thresholds.
FEWEST_LEVELS, MOST_LEVELS = 4, 256
PRICES = 40
#: An exit's scores are said to tie where they take fewer different values than this share of the examples.
DISTINCT = 0.5


@dataclass(frozen=True, eq=False)
class FreeThresholdsFit(Fitted):
    """The settings no other one beats on calibration.

    thresholds: (settings, exits - 1)
    cost:       (settings,) rising, mean cost per calibration example
    tied:       whether scores tie so much that neighbouring settings may be far apart; budgets between two are then met by mixing them
    accuracy:   (settings,) rising, on calibration: what the thresholds were chosen by, so more than they will keep
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


def best_settings(scores: NDArray[np.floating], correct: NDArray[np.bool_], exit_cost: NDArray[np.float64]) -> tuple[Ranked, Settings]:
    """The settings that no other one found beats, by rising cost, and the ranks their cuts are counted in.

    scores, right (exits, examples); exit_cost (exits,) cumulative
    """
    ranked = Ranked.of(scores, correct)
    start = Settings.joined([*_on_grid(ranked, scores, exit_cost), _shared(ranked, scores, exit_cost)]).front()
    climbed = [ascend(ranked, start.cuts[start.best_at(price)], price, exit_cost) for price in _prices(start)]
    return ranked, Settings.joined([start, *climbed]).front()


def _on_grid(ranked: Ranked, scores: NDArray[np.floating], exit_cost: NDArray[np.float64]) -> list[Settings]:
    """The front of the grid, unless one threshold is all there is, or there are so many that its levels would be too few."""
    gates, examples = len(ranked.ranks), scores.shape[1]
    levels = min(int(GRID_CELLS ** (1 / max(gates, 1))), MOST_LEVELS)
    if gates < 2 or levels < FEWEST_LEVELS:
        return []
    grid = Grid.of(scores, ranked.correct, quantile_levels(scores, levels))
    accuracy, cost = grid.accuracy().ravel(), grid.mean_cost(exit_cost).ravel()
    front = front_of_many(cost, accuracy)
    chosen = np.stack(np.unravel_index(front, grid.shape), axis=-1)
    thresholds = np.take_along_axis(grid.levels.T, chosen, axis=0)
    correct = np.rint(accuracy[front] * examples).astype(np.int64)
    return [Settings(ranked.cuts(thresholds), correct, cost[front] * examples)]


def _shared(ranked: Ranked, scores: NDArray[np.floating], exit_cost: NDArray[np.float64]) -> Settings:
    """The front of one threshold for all exits, static exits included."""
    curve = ExactCurve.of(scores)
    correct, cost = curve.total(ranked.correct), curve.total(exit_cost[:, None])
    front = front_of_many(cost, correct.astype(np.float64))
    shared = np.broadcast_to(curve.levels[front, None], (len(front), len(ranked.ranks)))
    return Settings(ranked.cuts(shared), correct[front], cost[front])


def _prices(start: Settings) -> NDArray[np.float64]:
    """Right answers per unit of cost at which to climb, falling: the slopes of the start's hull at evenly spread costs."""
    hull = start.take(concave_hull(start.cost, start.correct))
    slopes = np.diff(hull.correct) / np.diff(hull.cost)
    if len(slopes) == 0:
        return slopes
    piece = np.searchsorted(hull.cost[1:-1], np.linspace(hull.cost[0], hull.cost[-1], PRICES))
    return np.unique(slopes[piece])[::-1]


@register
class FreeThresholds(Policy):
    name = "free_thresholds"
    title = "A threshold for each exit"
    source = "Definition; coordinate ascent over all cuts from an exact grid: our choice."
    knob = "all thresholds together"
    summary = "Every exit has its own bar, and all bars were tried together to find the best ones for the budget."
    score = "maxprob"

    def unavailable_reason(self, outputs: Outputs) -> str | None:
        return super().unavailable_reason(outputs) or lacks_score(self, self.score, outputs)

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> FreeThresholdsFit:
        check_tuning(fit, calibration)
        ranked, found = best_settings(calibration.scores[self.score], calibration.correct, calibration.cascade_cost(unit))
        examples = calibration.examples
        tied = any(len(values) < DISTINCT * examples for values in ranked.values)
        return FreeThresholdsFit(self.score, ranked.thresholds(found.cuts), found.cost / examples, found.correct / examples, tied)
