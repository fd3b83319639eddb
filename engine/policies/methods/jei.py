"""A learned gate at every exit, in the style of JEI-DNN (Regol et al. 2024; gate, target, decision read in the code). The gate half only.

The original trains gates and classifiers in turn, the classifiers weighted by where examples leave. Here the classifiers are as recorded
and only the gates learn, each a linear map on four numbers of its own exit or, where there are no logits, on all that is recorded of it;
without labels the loss is 1 - quality instead of cross-entropy. Our own additions: features are standardised, and a budget is
met by choosing lambda, mixing two neighbours if no lambda meets it exactly. Gates with balanced class weights let some examples leave even
at lambda 0, so the most costly rule in the mix is the full network.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from engine.exit_values import by_example
from engine.front import pareto_front
from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.base import Need, Policy, PolicyGroup, Rule, check_tuning
from engine.policies.core.binary_logistic import fit_binary_logistic
from engine.policies.core.mixing import OperatingPoints
from engine.policies.core.online_rules import ExitOutputs, SequentialOnlineRule
from engine.policies.core.recorded_features import RecordedFeatures
from engine.policies.core.registry import register_policy
from engine.policies.core.saved_types import Cascade, finite, register_saved
from engine.policies.core.scorer import Reader, chunks
from engine.policies.core.thresholds import first_sure_exit
from engine.policies.methods.static import StaticRule
from engine.progress import Progress, no_progress
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
        of_label = np.take_along_axis(logits, outputs.known_labels[None, some, None], axis=-1)[..., 0]
        loss[:, some] = np.asarray(logsumexp(logits, axis=-1)) - of_label
    return loss


def losses(outputs: Outputs) -> NDArray[np.float64]:
    """The loss of every exit, (exits, examples): cross-entropy of the labels or, without logits and labels, 1 - quality."""
    if outputs.logits is None or outputs.labels is None:
        return 1.0 - outputs.quality.astype(np.float64)
    return cross_entropies(outputs)


def best_exit(loss: NDArray[np.float64], relative_cost: NDArray[np.float64], price: float) -> NDArray[np.int64]:
    """argmin_k (loss_k + lambda c_k / c_K), ties to the cheaper exit, (examples,).

    loss: (exits, examples);  relative_cost: (exits,) or (exits, examples)
    """
    return (loss + price * by_example(relative_cost)).argmin(axis=0)


def telling_prices(loss: NDArray[np.float64], relative_cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lambdas from 0 to one at which all examples leave at the first exit, increasing, at most LAMBDAS + 2.

    loss (exits, examples), relative_cost (exits,) or (exits, examples)
    From each lambda to the next, the same number of examples come to prefer the first exit to all others. So the lambdas fit any scale of
    losses.
    """
    relative_cost = by_example(relative_cost)
    gained, spent = np.broadcast_arrays(loss[0] - loss[1:], relative_cost[1:] - relative_cost[0])
    # At an exit that costs no more than the first, no price makes the first better.
    worth_staying = np.divide(gained, spent, out=np.zeros(gained.shape), where=spent > 0)
    turning_points = worth_staying.max(axis=0, initial=0.0)
    between = np.quantile(turning_points[turning_points > 0], (np.arange(LAMBDAS) + 0.5) / LAMBDAS) if turning_points.any() else []
    return np.unique(np.concatenate([[0.0, 1.01 * turning_points.max() + 1], between]))


class GateReader(Reader[NDArray[np.float64]]):
    """What the gates read: (features, exits, examples), standardised on the fit examples.

    count: the number of features
    """

    @property
    @abstractmethod
    def count(self) -> int: ...

    @property
    @abstractmethod
    def known_while_running(self) -> bool:
        """Whether a running network gives these features."""

    def failed(self, outputs: Outputs) -> NDArray[np.bool_] | None:
        """On which examples each exit failed, so that they cannot leave there, (exits, examples), or None if all gave something."""
        return None

    @abstractmethod
    def at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float64]:
        """The same at one exit while the network runs, (features, examples). Only if `known_while_running`."""


@register_saved("gate_inputs")
@dataclass(frozen=True, eq=False)
class GateInputs(GateReader):
    """Standardised gate features, (4, exits, examples). mean, deviation: (4, exits, 1), over the fit examples."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @property
    def count(self) -> int:
        return 4

    @property
    def known_while_running(self) -> bool:
        return True

    @classmethod
    def learned_on(cls, fit: Outputs) -> "GateInputs":
        features = gate_features(fit)
        deviation = features.std(axis=-1, keepdims=True)
        return cls(features.mean(axis=-1, keepdims=True), np.where(deviation > 1e-9, deviation, 1.0))

    def _of(self, outputs: Outputs) -> NDArray[np.float64]:
        return (gate_features(outputs) - self.mean) / self.deviation

    def at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float64]:
        return (features_of_exit(exit, exit_outputs) - self.mean[:, exit]) / self.deviation[:, exit]

    def fits(self, cascade: Cascade) -> bool:
        shape = 4, cascade.exits, 1
        return finite(self.mean, *shape) and finite(self.deviation, *shape) and bool((self.deviation > 0).all())


@register_saved("recorded_gate_inputs")
@dataclass(frozen=True, eq=False)
class RecordedGateInputs(GateReader):
    """Every recorded score and feature and what is known before any stage, where there are no logits."""

    recorded: RecordedFeatures

    @property
    def count(self) -> int:
        return self.recorded.columns

    @property
    def known_while_running(self) -> bool:
        return self.recorded.known_while_running

    def _of(self, outputs: Outputs) -> NDArray[np.float64]:
        return np.stack([self.recorded.at(k, outputs).T for k in range(outputs.exits)], axis=1)

    def failed(self, outputs: Outputs) -> NDArray[np.bool_] | None:
        failed = np.stack([self.recorded.failed(k, outputs) for k in range(outputs.exits)])
        return failed if failed.any() else None

    def at(self, exit: int, exit_outputs: ExitOutputs) -> NDArray[np.float64]:
        return self.recorded.while_running(exit, exit_outputs).T

    def fits(self, cascade: Cascade) -> bool:
        return True  # see `RecordedFeatures`


@register_saved("gates")
@dataclass(frozen=True, eq=False)
class GateRule(Rule):
    """Leave at the first exit whose gate opens: its probability of leaving is at least 0.5.

    weight: (features, exits), bias: (exits,), the gates of one lambda, in log-odds of leaving
    """

    inputs: GateReader
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    price: float
    planned_cost: float

    @property
    def knob(self) -> Mapping[str, float]:
        return {"lambda": self.price}

    def route(self, outputs: Outputs) -> Route:
        log_odds = (self.weight[..., None] * self.inputs.of(outputs)).sum(axis=0) + self.bias[:, None]
        failed = self.inputs.failed(outputs)
        if failed is not None:
            log_odds[failed] = -np.inf
        return Route.through(outputs, first_sure_exit(log_odds, np.zeros(outputs.exits - 1)))

    def online_rule(self, kind: CascadeKind) -> SequentialOnlineRule | None:
        return SequentialOnlineRule(self._leaves) if self.inputs.known_while_running else None

    def fits(self, cascade: Cascade) -> bool:
        return finite(self.weight, self.inputs.count, cascade.exits) and finite(self.bias, cascade.exits)

    def _leaves(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.bool_]:
        return (self.weight[:, exit, None] * self.inputs.at(exit, exit_outputs)).sum(axis=0) + self.bias[exit] >= 0


def learn_gates(
    features: NDArray[np.float64], best: NDArray[np.int64], failed: NDArray[np.bool_] | None = None, by_newton: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gates that separate examples at or after their best exit, which may leave, from those before it.

    -> weight (features, exits), bias (exits,)
    features: (features, exits, examples) standardised; best: (examples,); failed: (exits, examples), where an exit failed
    Binary cross-entropy with balanced class weights. A gate that should open for all examples, or for none, is a constant; the last exit's
    gate always is.
    """
    count, exits, _ = features.shape
    weight, bias = np.zeros((count, exits)), np.empty(exits)
    for k in range(exits):
        learns = slice(None) if failed is None else ~failed[k]
        may_leave = best[learns] <= k
        if may_leave.all() or not may_leave.any():
            bias[k] = 1.0 if may_leave.all() else -1.0
            continue
        if not features[:, k, learns].any():
            bias[k] = 0.0  # nothing to tell the two apart by, and both weigh the same
            continue
        balanced = len(may_leave) / (2 * np.bincount(may_leave, minlength=2))[may_leave.astype(np.intp)]
        coefficients = fit_binary_logistic(features[:, k, learns].T, may_leave, balanced, l2=1.0, by_newton=by_newton)
        weight[:, k], bias[k] = coefficients[:-1], coefficients[-1]
    return weight, bias


@register_policy
class Jei(Policy):
    """Gates learn on the fit split, one set per lambda. Their cost and accuracy on the calibration split decide which lambda fits a budget.

    Learned gates are noisy: a lambda that is dominated on calibration, in cost and accuracy, is not used.
    """

    name = "jei"
    title = "JEI gate"
    source = "In the style of Regol et al. 2024 (JEI-DNN), read in the code: the gate half, on exits as they are."
    knob = "lambda, how much loss the cost of the full network is worth: nats of cross-entropy, or quality"
    summary = "A small gate at each exit reads several measures of confidence and has learned when going on is not worth its cost."
    group = PolicyGroup.LEARNED
    formula = "leave at the first exit k with w_k · f_k + b_k ≥ 0; f_k = measures of confidence"
    use_when = "Several measures of confidence carry more together than each alone."
    why = ("its gate stays shut", "its gate opens")
    needs = frozenset({Need.FEATURES})

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> OperatingPoints:
        return self.fit_in_steps(fit, calibration, unit, no_progress)

    def fit_in_steps(self, fit: Tuning, calibration: Tuning, unit: str, progress: Progress) -> OperatingPoints:
        """A step for each lambda."""
        check_tuning(fit, calibration)
        exit_cost = fit.cascade_cost(unit)
        relative_cost = exit_cost / exit_cost[-1].mean()
        loss = losses(fit)
        inputs = RecordedGateInputs(RecordedFeatures.learned_on(fit)) if fit.logits is None else GateInputs.learned_on(fit)
        # Values and their squares nearly determine each other, which takes L-BFGS many steps.
        by_newton = fit.logits is None
        failed = inputs.failed(fit)
        rules: list[Rule] = []
        accuracy: list[float] = []
        prices = telling_prices(loss, relative_cost)
        for done, price in enumerate(prices):
            progress(done, len(prices))
            weight, bias = learn_gates(inputs.of(fit), best_exit(loss, relative_cost, price), failed, by_newton)
            rule = GateRule(inputs, weight, bias, float(price), planned_cost=np.nan)
            route = rule.route(calibration)
            rules.append(replace(rule, planned_cost=route.mean_cost(calibration, unit)))
            accuracy.append(route.accuracy)
        rules.append(StaticRule(calibration.full, calibration.full_cost(unit)))
        accuracy.append(float(calibration.quality[calibration.full].mean(dtype=np.float64)))
        return OperatingPoints([rules[kept] for kept in pareto_front([rule.planned_cost for rule in rules], accuracy)])
