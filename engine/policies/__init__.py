"""Policies: rules that decide where to stop. Importing this package registers every one of them."""

from engine.policies import static, quotas, single, free_thresholds, risk_control, bolukbasi, myopic, oracle, oracle_lagrangian  # noqa: F401, I001 - in the order they introduce themselves
from engine.policies.base import Fitted, InfeasibleBudget, Need, Policy, Rule
from engine.policies.registry import POLICIES, policy

__all__ = ["POLICIES", "Fitted", "InfeasibleBudget", "Need", "Policy", "Rule", "policy"]
