"""Leave at the first exit that is confident enough: the rule most methods end in, however they set their thresholds.

Scores may tie: confidences may be rounded, take few values, or be the same for all examples. If a plan needs only part of a tied block to
leave, a share of it does, drawn by the examples' ids, so that the planned number leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.exit_values import at_exits
from engine.hashing import hash_uniform
from engine.outputs import CascadeKind, Outputs
from engine.policies.core.base import Rule, ThresholdSpec
from engine.policies.core.online_rules import ExitOutputs, SequentialOnlineRule
from engine.policies.core.saved_types import Cascade, has_shape, register_saved
from engine.policies.core.scorer import Scorer
from engine.route import Route


@register_saved("thresholds")
@dataclass(frozen=True, eq=False)
class ThresholdRule(Rule):
    """An example leaves at the first exit whose score passes its threshold, with the scorer's prediction; the last exit takes the rest.

    thresholds: (exits - 1,); at minus infinity all examples leave on which the exit did not fail, at plus infinity none
    ties:       (exits - 1,) the share of examples exactly at the threshold that leave, or None if all of them do
    """

    scorer: Scorer
    thresholds: NDArray[np.float64]
    knob: Mapping[str, float]
    planned_cost: float
    ties: NDArray[np.float64] | None = None
    note: str = ""

    def threshold_spec(self) -> ThresholdSpec:
        return ThresholdSpec(self.scorer.score_name, self.thresholds, self.ties)

    def decision_scores(self, outputs: Outputs) -> NDArray[np.floating]:
        return self.scorer.of(outputs).score

    def route(self, outputs: Outputs) -> Route:
        scored = self.scorer.of(outputs)
        exit = first_sure_exit(scored.score, self.thresholds, self.ties, outputs.ids)
        prediction = None if scored.answer is None else at_exits(scored.answer, exit)
        return Route(exit, np.arange(outputs.exits)[:, None] <= exit, prediction, at_exits(scored.quality, exit))

    def online_rule(self, kind: CascadeKind) -> SequentialOnlineRule | None:
        return SequentialOnlineRule(self._leaves, self.scorer.answer_at) if self.scorer.known_while_running else None

    def fits(self, cascade: Cascade) -> bool:
        shares = self.ties is None or (has_shape(self.ties, cascade.gates) and bool(((self.ties >= 0) & (self.ties <= 1)).all()))
        return shares and has_shape(self.thresholds, cascade.gates)

    def _leaves(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.bool_]:
        tie = 1.0 if self.ties is None else self.ties[exit]
        return passes(self.scorer.score_at(exit, exit_outputs), self.thresholds[exit], tie, exit, ids)


def passes(
    scores: NDArray[np.floating], threshold: float, tie: float, exit: int, ids: NDArray[np.int64] | None = None
) -> NDArray[np.bool_]:
    """Which examples leave at one exit: all above its threshold, and the share `tie` of those exactly at it, drawn by `ids`.

    scores, ids (examples,) -> (examples,). `ids` may be omitted if `tie` is 1. Minus infinity, of a failed exit, never passes.
    """
    if tie >= 1:
        return scores > threshold if np.isneginf(threshold) else scores >= threshold
    if ids is None:
        raise ValueError(f"a share {tie:g} of ties can only be drawn by ids")
    leaves = scores > threshold
    tied = np.flatnonzero(scores == threshold)
    leaves[tied] = tie_uniform(ids[tied], exit) < tie
    return leaves


def tie_uniform(ids: NDArray[np.int64], exit: int) -> NDArray[np.float64]:
    """The draw that decides which tied examples leave at an exit, (examples,) in [0, 1). Independent across exits and of mixing."""
    return hash_uniform(ids, exit + 1)


def first_sure_exit(
    scores: NDArray[np.floating],
    thresholds: NDArray[np.floating],
    ties: NDArray[np.floating] | None = None,
    ids: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """The exit each example leaves at, (examples,).

    scores (exits, examples), thresholds (exits - 1,), ties (exits - 1,) as in `ThresholdRule`, ids (examples,) if `ties` is given
    """
    exits, examples = scores.shape
    exit = np.full(examples, exits - 1)
    # Backwards, so that an earlier exit overrides a later one: K passes over memory and no table of all comparisons.
    for k in range(exits - 2, -1, -1):
        exit[passes(scores[k], thresholds[k], 1.0 if ties is None else ties[k], k, ids)] = k
    return exit
