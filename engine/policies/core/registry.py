"""All policies, by name. A new one registers itself and is tested without writing a test."""

from collections.abc import Mapping
from difflib import get_close_matches
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
        close = _closest(name)
        meant = f"for “{POLICIES[close].title}” give {close}, or " if close else ""
        raise UserError(f"There is no policy {name!r}; {meant}choose one of: {', '.join(POLICIES)}.")
    return POLICIES[name]


def _closest(text: str) -> str | None:
    """The name of the policy that a title, a part of one or a misspelt name stands for, or None."""
    wanted = _letters(text)
    if not wanted:
        return None
    names = {_letters(name): name for name in POLICIES} | {_letters(kind.title): name for name, kind in POLICIES.items()}
    # "Top probability" is the title "MSDNet: top probability" without the network it comes from.
    parts = {_letters(kind.title.partition(":")[2]): name for name, kind in POLICIES.items()}
    spelt = parts | names
    alike = [wanted] if wanted in spelt else get_close_matches(wanted[:100], spelt, n=1, cutoff=0.75)
    return spelt[alike[0]] if alike else None


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
