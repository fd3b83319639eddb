"""Policies: rules that decide where to stop. Importing this package registers every one of them."""

from engine.policies.core.base import Fitted, InfeasibleBudget, Need, Policy, Rule
from engine.policies.core.registry import POLICIES, policy
from engine.policies.methods import (  # noqa: F401, I001 - in the order they introduce themselves
    bof_alpha,
    bolukbasi,
    eenet,
    ensembles,
    free_thresholds,
    jei,
    more_scores,
    myopic,
    oracle,
    oracle_lagrangian,
    patience,
    quotas,
    risk_control,
    single,
    static,
    temperature,
)

__all__ = ["POLICIES", "Fitted", "InfeasibleBudget", "Need", "Policy", "Rule", "policy"]
