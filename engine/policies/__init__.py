"""Policies: rules that decide where to stop. Importing this package registers all of them."""

from engine.policies import methods  # noqa: F401 - registers the policies
from engine.policies.core.base import Fitted, InfeasibleBudget, Need, Policy, Rule
from engine.policies.core.registry import POLICIES, policy, register_policy

__all__ = ["POLICIES", "Fitted", "InfeasibleBudget", "Need", "Policy", "Rule", "policy", "register_policy"]
