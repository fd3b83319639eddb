"""Network selection: at every stage, leave or go on to one of several later stages, skipping those in between.

After Bolukbasi et al. 2017 (slides: N1 -> {stop, N2, N3}, N2 -> {stop, N3}; the decision at N1 is cost-sensitive learning, the one at N2 an
importance-weighted binary problem). Cost-sensitive learning by weighted all-pairs is our choice. A chain is the graph in which every stage
leads only to the next, so each choice there is one binary gate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from engine.outputs import CascadeKind, Outputs
from engine.policies.core.base import Rule
from engine.policies.core.gates import ChoiceFeatures, Gate, fit_gate
from engine.policies.core.online_rules import ExitOutputs, OnlineRule
from engine.policies.core.saved_types import Cascade, register_saved
from engine.route import Route


def onward(stage: int, exits: int, kind: CascadeKind) -> range:
    """The stages that may follow a stage: only the next one in a chain, any later network in a family."""
    return range(stage + 1, exits if kind == CascadeKind.FAMILY else min(stage + 2, exits))


def at_stake(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Compare the costs of two actions for every example: whether the second is better, and what the incorrect action would cost.

    first, second (examples,) -> (examples,) pseudo-labels, ties to the first, and (examples,) importance weights
    """
    return second < first, np.abs(second - first)


@register_saved("stage_choice")
@dataclass(frozen=True, eq=False)
class StageChoice:
    """A decision among several actions by a vote of gates, one for each pair of actions. Ties go to the earlier action.

    gates: {(a, b), a < b: the gate that opens for b}
    """

    actions: int
    gates: Mapping[tuple[int, int], Gate]

    def __call__(self, features: NDArray[np.float64], failed: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """features (examples, features) -> the action of each, (examples,). Where the exit `failed`, (examples,), it is not to leave."""
        votes = np.zeros((self.actions, len(features)), np.int64)
        for (a, b), gate in self.gates.items():
            for_b = gate.opens(features)
            votes[a] += ~for_b
            votes[b] += for_b
        if failed is not None:
            votes[0, failed] = -1
        return votes.argmax(axis=0)

    def fits(self, cascade: Cascade) -> bool:
        return 2 <= self.actions <= cascade.exits and set(self.gates) == set(combinations(range(self.actions), 2))


def fit_choice(
    features: NDArray[np.float64], costs: NDArray[np.float64], l2: float, failed: NDArray[np.bool_] | None = None
) -> StageChoice:
    """Weighted all-pairs: every pair of actions is a binary problem, labelled by the cheaper action and weighted by the gap.

    features (examples, features), costs (actions, examples); failed (examples,), where the exit failed, so that leaving is no choice
    """
    gates = {}
    for a, b in combinations(range(len(costs)), 2):
        should_open, weight = at_stake(costs[a], costs[b])
        gates[a, b] = fit_gate(features, should_open, weight if failed is None or a > 0 else weight * ~failed, l2)
    return StageChoice(len(costs), gates)


def follow(outputs: Outputs, actions: Sequence[NDArray[np.integer]]) -> Route:
    """Follow every example from the first stage until it leaves.

    actions: for every exit but the last, the action of each example there, (examples,): 0 leaves, a > 0 goes to the a-th later stage
    """
    at = np.zeros(outputs.examples, np.int64)
    visited = np.zeros((outputs.exits, outputs.examples), bool)
    visited[0] = True
    for k, action in enumerate(actions):
        going = (at == k) & (action > 0)
        at[going] = np.array(onward(k, outputs.exits, outputs.kind))[action[going] - 1]
        visited[at[going], np.flatnonzero(going)] = True
    return Route.by_stages(outputs, at, visited)


@register_saved("choices")
@dataclass(frozen=True, eq=False)
class ChoiceRule(Rule):
    """A learned choice at each stage that is reached: leave, or go on to which stage.

    choices: one for every exit but the last
    """

    features: ChoiceFeatures
    choices: Sequence[StageChoice]
    knob: Mapping[str, float]
    planned_cost: float

    def route(self, outputs: Outputs) -> Route:
        read = self.features.of(outputs)
        return follow(outputs, [choice(read[k], self.features.failed(k, outputs)) for k, choice in enumerate(self.choices)])

    def online_rule(self, kind: CascadeKind) -> OnlineRule | None:
        return _ChoiceOnlineRule(self.features, self.choices, kind) if self.features.known_while_running else None

    def fits(self, cascade: Cascade) -> bool:
        if len(self.choices) != cascade.gates:
            return False
        for k, choice in enumerate(self.choices):
            features = self.features.count(k, cascade)
            actions = 1 + len(onward(k, cascade.exits, cascade.kind))
            if choice.actions != actions or any(gate.weights.shape != (features,) for gate in choice.gates.values()):
                return False
        return True


@dataclass(frozen=True, eq=False)
class _ChoiceOnlineRule(OnlineRule):
    features: ChoiceFeatures
    choices: Sequence[StageChoice]
    kind: CascadeKind

    def first(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.zeros(len(ids), np.int64)

    def after(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int64]:
        stages = np.array([exit, *onward(exit, len(self.choices) + 1, self.kind)])
        return stages[self.choices[exit](self.features.at(exit, exit_outputs, self.kind))]
