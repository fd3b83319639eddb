"""The policies described, as the page's panel shows them."""

from collections.abc import Iterable
from typing import Any

from engine.policies import POLICIES
from engine.policies.core.base import PolicyGroup


def policy_cards(names: Iterable[str]) -> list[dict[str, Any]]:
    """`Card` in app/web/parts/panel.js, by group. Plain JSON values."""
    groups = list(PolicyGroup)
    policies = sorted((POLICIES[name] for name in names), key=lambda policy: groups.index(policy.group))
    return [
        {
            "name": policy.name,
            "title": policy.title,
            "group": policy.group.value,
            "idea": policy.summary,
            "formula": policy.formula,
            "knob": policy.knob,
            "useWhen": policy.use_when,
            "source": policy.source,
        }
        for policy in policies
    ]
