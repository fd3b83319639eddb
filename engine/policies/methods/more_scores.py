"""Geometric quotas over the other scores: same plan, same thresholds, another notion of being sure."""

from engine.policies.core.base import Need
from engine.policies.core.registry import register
from engine.policies.methods.quotas import GeometricQuotas


@register
class Margin(GeometricQuotas):
    name = "margin"
    title = "Margin"
    source = "Best-versus-second-best, a standard uncertainty measure; geometric quotas set the thresholds: our choice."
    summary = "Leave as soon as the likeliest class is well ahead of the runner-up."
    score = "margin"


@register
class Energy(GeometricQuotas):
    name = "energy"
    title = "Energy"
    source = "After Liu et al. 2020 (log-sum-exp of the logits, temperature 1); as an exit score with geometric quotas: our choice."
    summary = "Leave as soon as the logits are large altogether: a network often answers the unfamiliar with small ones."
    needs = frozenset({Need.LOGITS})
    score = "energy"


@register
class MaxLogit(GeometricQuotas):
    name = "maxlogit"
    title = "Top logit"
    source = "The largest logit, a standard score; geometric quotas set the thresholds: our choice."
    summary = "Leave as soon as one class scores high, whatever the others score."
    needs = frozenset({Need.LOGITS})
    score = "maxlogit"
