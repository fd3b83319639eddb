"""All policies, by name. A new one registers itself and is tested without writing a test."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from engine.display_text import check_name
from engine.errors import UserError
from engine.policies.core.base import Policy

P = TypeVar("P", bound=Policy)
_policies: dict[str, Policy] = {}

#: Every registered policy, in the order of registration.
POLICIES: Mapping[str, Policy] = MappingProxyType(_policies)


def register_policy(kind: type[P]) -> type[P]:
    """Class decorator: add a policy under its `name`."""
    if not issubclass(kind, Policy):
        raise TypeError(f"{kind.__name__} is not a subclass of engine.Policy")
    check_name("policy", getattr(kind, "name", None))
    if kind.name in _policies:
        raise ValueError(f"two policies are called {kind.name!r}")
    _policies[kind.name] = kind()
    return kind


def policy(name: str) -> Policy:
    """The policy of that name. Raises UserError for an unknown one."""
    if name not in POLICIES:
        raise UserError(f"There is no policy {name!r}; choose one of: {', '.join(POLICIES)}.")
    return POLICIES[name]
