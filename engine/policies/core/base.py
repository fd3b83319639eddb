"""What a policy is: a rule that decides, example by example, where to stop.

Three steps, three types, so that nothing is tuned on what it is reported on:
`Policy.fit(fit, calibration, unit)` learns -> `Fitted.solve(budget)` sets the knob -> `Rule.route(outputs)` routes any examples.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.online_rules import OnlineRule
from engine.progress import Progress
from engine.route import Route
from engine.scores import SCORES, Score


class InfeasibleBudget(UserError):
    """The budget is below anything the policy can reach."""


class Need(StrEnum):
    """What a policy needs from the outputs it runs on."""

    LABELS = "labels"  # of the examples it routes: a bound, never a policy to deploy
    FEATURES = "features"  # logits, a score or a feature of every exit
    PROBABILITIES = "probabilities"  # the full distribution of every exit, not only its confidence
    LOGITS = "logits"  # the scale of the logits, which probabilities have lost
    FAMILY = "family"  # separate networks, any of which may be skipped
    BEFORE = "before"  # something that is known of an example before any stage runs
    PREDICTIONS = "predictions"  # the class that each exit predicts
    CLASSES = "classes"  # predictions and the labels that they are compared with


class PolicyGroup(StrEnum):
    """What kind of policy it is, as the page groups them."""

    SIMPLE = "Simple"  # thresholds and counters: nothing is learned beyond them
    LEARNED = "Learned"  # gates or scores are learned on the fit split
    GUARANTEES = "Guarantees"  # a limit holds for new examples, with a stated confidence
    BOUNDS = "Bounds"  # they use the labels


class Rule(ABC):
    """A policy with its knob set. `route` depends on the outputs alone: an example takes the same route in any order of examples.

    knob:         the setting, by name, as a person would write it down
    planned_cost: the mean cost per example it was set for, in the unit of the fit
    note:         one sentence to show beside the rule's numbers, or empty
    """

    knob: Mapping[str, float]
    planned_cost: float
    note: str = ""

    @abstractmethod
    def route(self, outputs: Outputs) -> Route: ...

    def over(self, full_cost: float) -> "Rule":
        """The same rule for a part of the examples. full_cost: the mean cost of the full network over all of them

        Only a rule that compares costs with that mean needs to know it. See also `Policy.by_parts`.
        """
        return self

    def readable_knob(self) -> dict[str, float]:
        """The setting, where what is kept as a logarithm is the number itself: {"rho": 0.5} for {"log rho": -0.693}."""
        return {name.removeprefix("log "): math.exp(value) if name.startswith("log ") else value for name, value in self.knob.items()}

    def parts(self) -> "Sequence[tuple[float, Rule]]":
        """The (probability, rule) pairs whose weighted mean is reported. A rule that decides by chance is reported as its expectation."""
        return [(1.0, self)]

    def online_rule(self, kind: CascadeKind) -> OnlineRule | None:
        """The same decisions, taken while the network runs. None for oracles, which need the labels, and for rules that read features.

        The features of masks are no obstacle: a running network gives them.
        """
        return None

    def threshold_spec(self) -> "ThresholdSpec | None":
        """The thresholds that decide, or None if none do."""
        return None

    def decision_scores(self, outputs: Outputs) -> NDArray[np.floating]:
        """The scores that are compared with the thresholds, (exits, examples). Only for rules with a `threshold_spec`."""
        threshold_spec = self.threshold_spec()
        assert threshold_spec is not None, "this rule has no thresholds"
        return outputs.scores[threshold_spec.score]


@dataclass(frozen=True, eq=False)
class ThresholdSpec:
    """Leave at the first exit whose score reaches its threshold.

    score:      a name in `engine.scores`
    thresholds: (exits - 1,)
    ties:       (exits - 1,) the share of examples exactly at the threshold that leave, or None if all of them do
    """

    score: str
    thresholds: NDArray[np.float64]
    ties: NDArray[np.float64] | None = None


class Fitted(ABC):
    """A policy that has learned everything that does not depend on the budget.

    cheapest: the smallest mean cost per example it can meet
    """

    cheapest: float

    def solve(self, budget: float) -> Rule:
        """The rule with a planned cost at most `budget` (mean cost per example, in the unit of the fit), as close as the knob allows."""
        if budget < self.cheapest * (1 - 1e-9):
            raise InfeasibleBudget(
                f"A budget of {budget:.6g} is below the smallest cost of this policy, {self.cheapest:.6g}; give at least that."
            )
        return self._solve(max(budget, self.cheapest))

    @abstractmethod
    def _solve(self, budget: float) -> Rule: ...


class Policy(ABC):
    """A method and its description.

    name:     as typed on the command line
    title:    as shown
    source:   who proposed it, and where it was read
    knob:     what is set to meet a budget
    summary:  the idea in one sentence
    group:    what kind of policy it is
    formula:  the decision as a formula in plain text, or empty. p_k: probabilities of exit k; z_k: its logits; c_k: its cost; B: the budget
    use_when: one sentence on when it is a good choice, or empty
    why:      in a few words each, why an example goes on from an exit or leaves there, where no threshold decides; may be empty
    needs:    what the outputs must contain
    """

    name: str
    title: str
    source: str
    knob: str
    summary: str
    group: PolicyGroup = PolicyGroup.SIMPLE
    formula: str = ""
    use_when: str = ""
    why: tuple[str, str] = ("", "")
    needs: frozenset[Need] = frozenset()

    @property
    def deployable(self) -> bool:
        """False for oracles: they read the labels of the examples they route."""
        return Need.LABELS not in self.needs

    @abstractmethod
    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> Fitted:
        """Learn gates on `fit`, and anything else that does not depend on the budget on `calibration`. Costs are in `unit`."""

    def fit_in_steps(self, fit: Tuning, calibration: Tuning, unit: str, progress: Progress) -> Fitted:
        """As `fit`, with progress. Only policies that learn for a second or more report any; what `progress` raises ends the fit."""
        return self.fit(fit, calibration, unit)

    def by_parts(self, rules: Sequence[Rule], parts: Callable[[], Iterator[Outputs]]) -> Sequence[Rule]:
        """The same rules for examples that are routed in parts. parts: gives all of them, as often as it is called

        Only a policy whose rules decide about all examples at once needs to look at them first.
        """
        return rules

    def unavailable_reason(self, outputs: Outputs) -> str | None:
        """One sentence on why this policy cannot run on these outputs, or None."""
        return lacks_need(self.title, self.needs, outputs)


def lacks_need(title: str, needs: Collection[str], outputs: Outputs) -> str | None:
    """One sentence on what these outputs lack for a policy with these needs, or None."""
    lacks = {
        Need.FEATURES: outputs.logits is None and not outputs.scores and not outputs.features,
        Need.PROBABILITIES: outputs.logits is None,
        Need.LOGITS: outputs.recorded != "logits",
        Need.FAMILY: outputs.kind != CascadeKind.FAMILY,
        Need.BEFORE: not outputs.before,
        Need.PREDICTIONS: outputs.prediction is None,
        Need.CLASSES: not outputs.has_classes,
    }
    kept = "predictions and confidences are" if outputs.recorded == "confidence" else "the likeliest classes are"
    if outputs.prediction is None:
        kept = "quality and confidence of each exit are" if outputs.scores else "the quality of each exit is"
    reasons = {
        Need.FEATURES: "learns from the logits, a score or a feature of every exit, and none are recorded",
        Need.PROBABILITIES: f"needs the probabilities of every class, and only {kept} recorded",
        Need.LOGITS: "needs raw logits, and only probabilities or confidences are recorded",
        Need.FAMILY: "chooses among separate networks, and these exits share one trunk",
        Need.BEFORE: "chooses by what is known of an example before any model runs, and nothing is recorded of that",
        Need.PREDICTIONS: "compares the classes that the exits predict, and these exits predict none",
        Need.CLASSES: "learns from the labels of classes, and these exits have a quality instead",
    }
    for need, missing in lacks.items():
        if need in needs and missing:
            return f"{title} {reasons[need]}."
    return None


def needs_of_rules(needs: Collection[Need], outputs: Outputs) -> frozenset[Need]:
    """What a rule set on these outputs needs of others. A rule that learned from logits reads logits."""
    if outputs.logits is None or Need.FEATURES not in needs:
        return frozenset(needs)
    return frozenset(needs) - {Need.FEATURES} | {Need.PROBABILITIES}


def score_named(name: str) -> Score:
    if name not in SCORES:
        raise UserError(f"There is no score {name!r}; choose one of: {', '.join(SCORES)}.")
    return SCORES[name]


def lacks_score(policy: Policy, score: str, outputs: Outputs) -> str | None:
    """One sentence if the score that a policy uses is not available, or None."""
    if score in outputs.scores:
        return None
    if not outputs.scores:
        return f"{policy.title} needs the score {score!r}, and these outputs have no scores; choose a policy that reads none."
    return (
        f"{policy.title} needs the score {score!r}, which cannot be computed from {outputs.recorded};"
        f" choose a policy that uses {' or '.join(outputs.scores)}."
    )


def check_tuning(*parts: Outputs) -> None:
    """Refuse to tune on test examples. The types forbid it already; this check is for callers who do not check types."""
    for part in parts:
        if not isinstance(part, Tuning):
            raise TypeError(f"a policy is fitted on Tuning outputs, not on {type(part).__name__}: use outputs.tuning(Split.CALIBRATION)")
