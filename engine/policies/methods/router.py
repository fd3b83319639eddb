"""A router: one model of a family for each example, from what is known before any model runs.

The design is ours, in the style of published routers of language models: a logistic regression for each model predicts its quality from
the example's `before` values, and the example goes to the model with the largest predicted quality minus price times mean cost. The
quality is learned on the fit examples, and the prices are tried on the calibration examples.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from engine.front import pareto_front
from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.base import Need, Policy, PolicyGroup, Rule, check_tuning
from engine.policies.core.logistic import fit_logistic
from engine.policies.core.mixing import OperatingPoints
from engine.policies.core.online_rules import ExitOutputs, OnlineRule
from engine.policies.core.recorded_features import RecordedFeatures
from engine.policies.core.registry import register_policy
from engine.policies.core.saved_types import Cascade, finite, register_saved
from engine.policies.methods.static import static_rules
from engine.route import Route

#: Prices tried between "whatever the cost" and "always the cheapest model".
PRICES = 64
#: Strength of the L2 penalty on the weights of standardised values, as for the gates of `bolukbasi`.
L2 = 10.0


@register_saved("router")
@dataclass(frozen=True, eq=False)
class RouterRule(Rule):
    """Each example goes to the model with the largest predicted quality minus price times cost. Ties go to the earlier model.

    known:         what is known before any model runs
    weight, bias:  (models, columns), (models,), in log-odds of quality
    relative_cost: (models,) mean costs, as shares of the full network's
    """

    known: RecordedFeatures
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    relative_cost: NDArray[np.float64]
    price: float
    planned_cost: float

    @property
    def knob(self) -> Mapping[str, float]:
        return {"price": self.price}

    def route(self, outputs: Outputs) -> Route:
        return Route.straight(outputs, self.model(self.known.at(0, outputs)))

    def model(self, columns: NDArray[np.float64]) -> NDArray[np.int64]:
        """The model of each example, (examples,). columns: (examples, columns)"""
        return (predicted_quality(columns, self.weight, self.bias) - self.price * self.relative_cost[:, None]).argmax(axis=0)

    def online_rule(self, kind: CascadeKind) -> OnlineRule:
        return _RouterOnlineRule(self)

    def fits(self, cascade: Cascade) -> bool:
        models = cascade.exits
        weights = finite(self.weight, models, self.known.columns) and finite(self.bias, models) and bool(np.isfinite(self.price))
        return cascade.kind == CascadeKind.FAMILY and self.known.exit_columns == 0 and weights and finite(self.relative_cost, models)


@dataclass(frozen=True, eq=False)
class _RouterOnlineRule(OnlineRule):
    rule: RouterRule

    def first(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.start(ids, {})

    def start(self, ids: NDArray[np.int64], before: Mapping[str, NDArray[np.float32]]) -> NDArray[np.int64]:
        return self.rule.model(self.rule.known.while_running(0, ExitOutputs({}, np.arange(len(ids)), before)))

    def after(self, exit: int, ids: NDArray[np.int64], exit_outputs: ExitOutputs) -> NDArray[np.int64]:
        return np.full(len(ids), exit)


def predicted_quality(columns: NDArray[np.float64], weight: NDArray[np.float64], bias: NDArray[np.float64]) -> NDArray[np.float64]:
    """(examples, columns), (models, columns), (models,) -> (models, examples)"""
    # Row by row: in a matrix product an example's last digit may depend on its neighbours.
    return expit(np.stack([(columns * w).sum(axis=1) + b for w, b in zip(weight, bias, strict=True)]))


def turning_prices(quality: NDArray[np.float64], relative_cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Prices from 0 to one at which all examples go to the cheapest model, increasing, at most PRICES + 2.

    quality (models, examples), relative_cost (models,)
    Between two prices the same number of examples come to prefer the cheaper of two models, so the prices fit any scale of quality.
    """
    cheaper, costlier = np.nonzero(relative_cost[:, None] < relative_cost)
    gained = quality[costlier] - quality[cheaper]
    turning = np.maximum(gained / (relative_cost[costlier] - relative_cost[cheaper])[:, None], 0.0).ravel()
    between = np.quantile(turning[turning > 0], (np.arange(PRICES) + 0.5) / PRICES) if turning.any() else []
    return np.unique(np.concatenate([[0.0, 1.01 * turning.max(initial=0.0) + 1], between]))


@register_policy
class Router(Policy):
    """Prices that are dominated on calibration, in cost and accuracy, are not used. Neither are they where one model alone is better."""

    name = "router"
    title = "Router before the first model"
    source = "In the style of published routers of language models. Logistic regressions and the search over prices: our choice."
    knob = "price, how much quality the cost of the full network is worth"
    summary = "Before any model runs, each model's quality is predicted; the example goes straight to the one that is worth its cost."
    group = PolicyGroup.LEARNED
    formula = "model = argmax over k of q_k(b) − λ c_k; q_k(b) = quality of model k predicted from what is known before"
    use_when = "Something known before any model runs, such as a difficulty score, tells which models will do."
    why = ("another model is worth more", "worth its cost for this example")
    needs = frozenset({Need.FAMILY, Need.BEFORE})

    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> OperatingPoints:
        check_tuning(fit, calibration)
        known = RecordedFeatures.learned_on(fit, only_before=True)
        weights, biases = zip(*(fit_logistic(known.at(0, fit), quality, L2) for quality in fit.quality), strict=True)
        weight, bias = np.stack(weights), np.array(biases)
        relative_cost = fit.mean_static_cost(unit) / fit.full_cost(unit)
        alone, accuracy = static_rules(calibration, unit)
        rules: list[Rule] = [*alone]
        reached = accuracy.tolist()
        for price in turning_prices(predicted_quality(known.at(0, calibration), weight, bias), relative_cost):
            rule = RouterRule(known, weight, bias, relative_cost, float(price), planned_cost=np.nan)
            route = rule.route(calibration)
            rules.append(replace(rule, planned_cost=route.mean_cost(calibration, unit)))
            reached.append(route.accuracy)
        return OperatingPoints([rules[kept] for kept in pareto_front([rule.planned_cost for rule in rules], reached)])
