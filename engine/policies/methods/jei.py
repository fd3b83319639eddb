"""A learned gate at every exit, in the style of JEI-DNN (Regol et al. 2024; gate, target, decision read in the code). The gate half only.

The original trains gates and classifiers in turn, the classifiers weighted by where examples leave. Here the classifiers are as recorded
and only the gates learn, each a linear map on four numbers of its own exit. Our own additions: features are standardised, and a budget is
met by choosing lambda, mixing two neighbours if no lambda meets it exactly. Gates with balanced class weights let some examples leave even
at lambda 0, so the most costly rule in the mix is the full network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from engine.front import pareto_front
from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.base import Need, Policy, Rule, check_tuning
from engine.policies.core.mixing import OperatingPoints
from engine.policies.core.online_rules import ExitOutputs, SequentialOnlineRule
from engine.policies.core.registry import register_policy
from engine.policies.core.scorer import Reader, chunks
from engine.policies.core.thresholds import first_sure_exit
from engine.policies.methods.static import StaticRule
from engine.route import Route
from engine.scores import SCORES, one_score

#: The first three of a gate's four features: these scores, in the form in which they are shown.
SEEN = ("maxprob", "entropy", "margin")
#: The fourth is the entropy of the squared probabilities, which, renormalised, are the softmax of twice the logits.
SQUARED = 2.0
#: Lambdas tried between "whatever the cost" and "leave at once".
LAMBDAS = 24


def gate_features(outputs: Outputs) -> NDArray[np.floating]:
    """The features of each gate, (4, exits, examples): top probability, entropy, margin, entropy of the squared probabilities."""
    squared = np.empty((outputs.exits, outputs.examples), np.float32)
    for some, logits in chunks(outputs):
        squared[:, some] = one_score("entropy", SQUARED * logits)
    return _shown(outputs.scores, squared)


def features_of_exit(exit: int, exit_outputs: ExitOutputs) -> NDArray[np.floating]:
    """The same for one exit while the network runs, (4, examples)."""
    return _shown(
        {name: exit_outputs.score(exit, name) for name in SEEN}, exit_outputs.combined(exit, np.array([SQUARED])).score(exit, "entropy")
    )


def _shown(scores: Mapping[str, NDArray[np.float32]], squared: NDArray[np.float32]) -> NDArray[np.floating]:
    """Scores as they are stored -> the four features, in the form in which they are shown."""
    kept = [(SCORES[name], scores[name]) for name in SEEN] + [(SCORES["entropy"], squared)]
    return np.stack([score.shown(values.astype(np.float64)) for score, values in kept])


def cross_entropies(outputs: Outputs) -> NDArray[np.float64]:
    """-log p of the label at every exit, (exits, examples)."""
    loss = np.empty((outputs.exits, outputs.examples))
    for some, logits in chunks(outputs):
        of_label = np.take_along_axis(logits, outputs.labels[None, some, None], axis=-1)[..., 0]
        loss[:, some] = np.asarray(logsumexp(logits, axis=-1)) - of_label
    return loss


def best_exit(loss: NDArray[np.float64], relative_cost: NDArray[np.float64], price: float) -> NDArray[np.int64]:
    """argmin_k (CE_k + lambda c_k / c_K), ties to the cheaper exit: loss (exits, examples), relative_cost (exits,) -> (examples,)."""
    return (loss + price * relative_cost[:, None]).argmin(axis=0)


def telling_prices(loss: NDArray[np.float64], relative_cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lambdas from 0 to one at which all examples leave at the first exit, increasing, at most LAMBDAS + 2.

    loss (exits, examples), relative_cost (exits,)
    From each lambda to the next, the same number of examples come to prefer the first exit to all others. So the lambdas fit any scale of
    losses.
    """
    worth_staying = (loss[0] - loss[1:]) / (relative_cost[1:] - relative_cost[0])[:, None]
    turning_points = worth_staying.max(axis=0, initial=0.0)
    between = np.quantile(turning_points[turning_points > 0], (np.arange(LAMBDAS) + 0.5) / LAMBDAS) if turning_points.any() else []
    return np.unique(np.concatenate([[0.0, 1.01 * turning_points.max() + 1], between]))


@dataclass(frozen=True, eq=False)
class GateInputs(Reader[NDArray[np.float64]]):
    """Standardised gate features, (4, exits, examples). mean, deviation: (4, exits, 1), over the fit examples."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def learned_on(cls, fit: Outputs) -> "GateInputs":
        features = gate_features(fit)
        deviation = features.std(axis=-1, keepdims=True)
        return cls(features.mean(axis=-1, keepdims=True), np.where(deviation > 1e-9, deviation, 1.0))

    def _of(self, outputs: Outputs) -> NDArray[np.float64]:
        return (gate_features(outputs) - self.mean) / self.deviation

    def at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float64]:
        """The same at one exit while the network runs, (4, examples)."""
        return (features_of_exit(exit, exit_outputs) - self.mean[:, exit]) / self.deviation[:, exit]


@dataclass(frozen=True, eq=False)
class GateRule(Rule):
    """Leave at the first exit whose gate opens: its probability of leaving is at least 0.5.

    weight: (4, exits), bias: (exits,), the gates of one lambda, in log-odds of leaving
    """

    inputs: GateInputs
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    price: float
    planned_cost: float

    @property
    def knob(self) -> Mapping[str, float]:
        return {"lambda": self.price}

    def route(self, outputs: Outputs) -> Route:
        log_odds = (self.weight[..., None] * self.inputs.of(outputs)).sum(axis=0) + self.bias[:, None]
        return Route.through(outputs, first_sure_exit(log_odds, np.zeros(outputs.exits - 1)))

    def online_rule(self, kind: CascadeKind) -> SequentialOnlineRule:
        return SequentialOnlineRule(self._leaves)

    def _leaves(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.bool_]:
        return (self.weight[:, exit, None] * self.inputs.at(exit, exit_outputs)).sum(axis=0) + self.bias[exit] >= 0


def learn_gates(features: NDArray[np.float64], best: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gates that separate examples at or after their best exit, which may leave, from those before it: weight (4, exits), bias (exits,).

    features: (4, exits, examples) standardised; best: (examples,)
    Binary cross-entropy with balanced class weights. A gate that should open for all examples, or for none, is a constant; the last exit's
    gate always is.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import, and not needed to list the policies

    exits = features.shape[1]
    weight, bias = np.zeros((4, exits)), np.empty(exits)
    for k in range(exits):
        may_leave = best <= k
        if may_leave.all() or not may_leave.any():
            bias[k] = 1.0 if may_leave.all() else -1.0
            continue
        model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(features[:, k].T, may_leave)
        weight[:, k], bias[k] = model.coef_[0], model.intercept_[0]
    return weight, bias


@register_policy
class Jei(Policy):
    """Gates learn on the fit split, one set per lambda. Their cost and accuracy on the calibration split decide which lambda fits a budget.

    Learned gates are noisy: a lambda that is dominated on calibration, in cost and accuracy, is not used.
    """

    name = "jei"
    title = "JEI gate"
    source = "In the style of Regol et al. 2024 (JEI-DNN), read in the code: the gate half, on exits as they are."
    knob = "lambda, how many nats of cross-entropy the cost of the full network is worth"
    summary = "A small gate at each exit reads four measures of confidence and has learned when going on is not worth its cost."
    needs = frozenset({Need.PROBABILITIES})

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> OperatingPoints:
        check_tuning(fit, calibration)
        exit_cost = calibration.cascade_cost(unit)
        relative_cost = exit_cost / exit_cost[-1]
        inputs, loss = GateInputs.learned_on(fit), cross_entropies(fit)
        rules: list[Rule] = []
        accuracy: list[float] = []
        for price in telling_prices(loss, relative_cost):
            weight, bias = learn_gates(inputs.of(fit), best_exit(loss, relative_cost, price))
            rule = GateRule(inputs, weight, bias, float(price), planned_cost=np.nan)
            route = rule.route(calibration)
            rules.append(replace(rule, planned_cost=route.mean_cost(calibration, unit)))
            accuracy.append(route.accuracy(calibration))
        rules.append(StaticRule(calibration.full, float(calibration.static_cost(unit)[calibration.full])))
        accuracy.append(float(calibration.correct[calibration.full].mean()))
        return OperatingPoints([rules[kept] for kept in pareto_front([rule.planned_cost for rule in rules], accuracy)])
