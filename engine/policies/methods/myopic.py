"""Myopic gates: learned gates that ignore the gates after them."""

from dataclasses import dataclass
from typing import ClassVar

from engine.policies.core.base import PolicyGroup
from engine.policies.core.registry import register_policy
from engine.policies.methods.bolukbasi import GatedPolicy


@register_policy
@dataclass(frozen=True, eq=False)
class Myopic(GatedPolicy):
    """Our variant: leaving is compared with going on as if no later gate existed.

    In a chain, going on means running to the end and predicting with the full network; in a family, running one more network and predicting
    with that.
    """

    name = "myopic"
    title = "Myopic gates"
    source = (
        "Baseline of Bolukbasi et al. 2017 (named in the slides, its exact form not read)."
        " Each gate compares leaving now with going on as if no later gate existed: our choice."
    )
    summary = "Each exit learns whether to leave now or go on, as if it were the last exit with a choice."
    group = PolicyGroup.LEARNED
    formula = "leave at exit k if gate k predicts λ · e_k ≤ the cost of going on without a later gate"
    use_when = "It is the comparison for gates that look ahead."
    why = ("its gate stays shut", "its gate opens")
    look_ahead: ClassVar[bool] = False
