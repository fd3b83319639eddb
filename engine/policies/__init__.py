"""Policies: rules that decide where to stop. Importing this package registers every one of them."""

from engine.policies import (  # noqa: F401, I001 - in the order they introduce themselves
    static,
    quotas,
    more_scores,
    single,
    temperature,
    bof_alpha,
    patience,
    free_thresholds,
    risk_control,
    bolukbasi,
    myopic,
    jei,
    eenet,
    ensembles,
    oracle,
    oracle_lagrangian,
)
from engine.policies.base import Fitted, InfeasibleBudget, Need, Policy, Rule
from engine.policies.registry import POLICIES, policy

__all__ = ["POLICIES", "Fitted", "InfeasibleBudget", "Need", "Policy", "Rule", "policy"]
