"""Geometric quotas over the other scores: the same plan and thresholds with another measure of confidence."""

from engine.policies.core.base import Need
from engine.policies.core.registry import register_policy
from engine.policies.methods.quotas import GeometricQuotas


@register_policy
class Margin(GeometricQuotas):
    name = "margin"
    title = "Margin"
    source = "Best versus second best, a standard uncertainty measure. Thresholds by geometric quotas: our choice."
    summary = "Examples leave as soon as the most likely class is well ahead of the runner-up."
    formula = "leave at the first exit k with p_k(best) − p_k(second) ≥ t_k; t_k from quotas proportional to ρ^k"
    use_when = "Mistakes are mostly confusions of two classes."
    score = "margin"


@register_policy
class Energy(GeometricQuotas):
    name = "energy"
    title = "Energy"
    source = (
        "After Liu et al. 2020 (log-sum-exp of the logits, temperature 1). Its use as an exit score, with geometric quotas: our choice."
    )
    summary = "Examples leave as soon as the log-sum-exp of the logits is large enough."
    formula = "leave at the first exit k with log Σ exp z_k ≥ t_k; t_k from quotas proportional to ρ^k"
    use_when = "Raw logits are recorded and probabilities are saturated near 1."
    needs = frozenset({Need.LOGITS})
    score = "energy"


@register_policy
class MaxLogit(GeometricQuotas):
    name = "maxlogit"
    title = "Top logit"
    source = "The largest logit, a standard score. Thresholds by geometric quotas: our choice."
    summary = "Examples leave as soon as the largest logit is high, whatever the other logits are."
    formula = "leave at the first exit k with max z_k ≥ t_k; t_k from quotas proportional to ρ^k"
    use_when = "Raw logits are recorded and a score without a softmax is wanted."
    needs = frozenset({Need.LOGITS})
    score = "maxlogit"
