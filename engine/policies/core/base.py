"""What a policy is: a rule that decides, example by example, where to stop.

Three steps, three types, so that nothing is tuned on what it is reported on:
`Policy.fit(fit, calibration, unit)` learns -> `Fitted.solve(budget)` sets the knob -> `Rule.route(outputs)` sends any examples their way.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.outputs import CascadeKind, Outputs, Tuning
from engine.policies.core.online_rules import OnlineRule
from engine.route import Route
from engine.scores import SCORES, Score


class InfeasibleBudget(UserError):
    """The budget is below anything the policy can reach."""


class Need(StrEnum):
    """What a policy needs of the outputs it runs on."""

    LABELS = "labels"  # of the very examples it routes: a bound, never a policy to deploy
    PROBABILITIES = "probabilities"  # the whole distribution of every exit, not only its confidence
    LOGITS = "logits"  # the scale of the logits, which probabilities have lost
    FAMILY = "family"  # separate networks, of which any may be skipped


class Rule(ABC):
    """A policy with its knob set. `route` is a function of the outputs alone: the same examples go the same way in any order.

    knob:         the setting, by name, as a person would note it down
    planned_cost: the mean cost per example it was set for, in the unit it was fitted in
    note:         one sentence to read beside the rule's numbers, or empty
    """

    knob: Mapping[str, float]
    planned_cost: float
    note: str = ""

    @abstractmethod
    def route(self, outputs: Outputs) -> Route: ...

    def parts(self) -> "Sequence[tuple[float, Rule]]":
        """What is reported of a rule that leaves its examples to chance: each (probability, rule), whose mean is the expectation."""
        return [(1.0, self)]

    def online_rule(self, kind: CascadeKind) -> OnlineRule | None:
        """The same decisions, taken while the network runs; None for oracles, who need to know the labels."""
        return None

    def threshold_spec(self) -> "ThresholdSpec | None":
        """What an example must show to leave, or None where no threshold decides."""
        return None

    def decision_scores(self, outputs: Outputs) -> NDArray[np.floating]:
        """What is held against the bar, (exits, examples). Only where there is one."""
        threshold_spec = self.threshold_spec()
        assert threshold_spec is not None, "no threshold decides here"
        return outputs.scores[threshold_spec.score]


@dataclass(frozen=True, eq=False)
class ThresholdSpec:
    """Leave at the first exit whose score, named as in `engine.scores`, is at least its threshold, (exits - 1,).

    ties: (exits - 1,) the share of those exactly at the threshold that leave, or None where all of them do
    """

    score: str
    thresholds: NDArray[np.float64]
    ties: NDArray[np.float64] | None = None


class Fitted(ABC):
    """A policy that has learned what does not depend on the budget.

    cheapest: the least mean cost per example it can keep to
    """

    cheapest: float

    def solve(self, budget: float) -> Rule:
        """The rule whose planned cost is at most `budget` (mean cost per example, in the unit of the fit), as close as the knob allows."""
        if budget < self.cheapest * (1 - 1e-9):
            raise InfeasibleBudget(f"A budget of {budget:.6g} is below the cheapest way out ({self.cheapest:.6g}); ask for at least that.")
        return self._solve(max(budget, self.cheapest))

    @abstractmethod
    def _solve(self, budget: float) -> Rule: ...


class Policy(ABC):
    """A method, with the words that introduce it.

    name:     as typed on the command line
    title:    as shown
    source:   who proposed it, and where it was read
    knob:     what is turned to meet a budget
    summary:  the idea in one sentence
    needs:    what the outputs must hold
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    knob: ClassVar[str]
    summary: ClassVar[str]
    needs: ClassVar[frozenset[Need]] = frozenset()

    @property
    def deployable(self) -> bool:
        """False for oracles: they read the labels of what they route."""
        return Need.LABELS not in self.needs

    @abstractmethod
    def fit(self, fit: Tuning, calibration: Tuning, unit: str) -> Fitted:
        """Learn gates on `fit` and whatever does not depend on the budget on `calibration`. Costs are in `unit`."""

    def unavailable_reason(self, outputs: Outputs) -> str | None:
        """One sentence that says why this policy cannot run on these outputs, or None."""
        lacks = {
            Need.PROBABILITIES: outputs.logits is None,
            Need.LOGITS: outputs.recorded != "logits",
            Need.FAMILY: outputs.kind != CascadeKind.FAMILY,
        }
        kept = "predictions and confidences" if outputs.recorded == "confidence" else "the likeliest classes"
        reasons = {
            Need.PROBABILITIES: f"needs the probabilities of every class, and only {kept} are recorded",
            Need.LOGITS: "needs raw logits, and only probabilities or confidences are recorded",
            Need.FAMILY: "chooses among separate networks, and these exits share one trunk",
        }
        for need, missing in lacks.items():
            if need in self.needs and missing:
                return f"{self.title} {reasons[need]}."
        return None


def score_named(name: str) -> Score:
    if name not in SCORES:
        raise UserError(f"There is no score {name!r}; choose one of: {', '.join(SCORES)}.")
    return SCORES[name]


def lacks_score(policy: Policy, score: str, outputs: Outputs) -> str | None:
    """One sentence if the score a policy goes by is not recorded, or None."""
    if score in outputs.scores:
        return None
    return f"{policy.title} needs the score {score!r}, and only {', '.join(outputs.scores)} can be had from {outputs.recorded}."


def check_tuning(*parts: Outputs) -> None:
    """Refuse test examples where something is tuned. Types say so already; this says so to whoever does not check types."""
    for part in parts:
        if not isinstance(part, Tuning):
            raise TypeError(f"a policy is fitted on Tuning outputs, not on {type(part).__name__}: take outputs.tuning(Split.CALIBRATION)")
