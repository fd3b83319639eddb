"""The parameters of the page's address. The browser owns it: Python reads it and never writes it; see app/web/core/address.js."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Parameters of the address that Python reads. Those of a view within a bundle are read in the browser.
VIEW, BUNDLE, POLICY, UNIT, BUDGET, FALLBACK = "view", "bundle", "policy", "unit", "budget", "fallback"
#: Where the session keeps the parameters, for all views.
ADDRESS = "address"
DEFAULT_BUDGET = 0.25
#: What is shown at first, and what is shown where that cannot run.
DEFAULT_POLICY, SECOND_POLICY = "maxprob", "random_mix"
_BEYOND = 100.0  # every budget: the nearest budget to a much larger number would be lost in rounding


@dataclass(frozen=True)
class AddressValue:
    """A valid value of a parameter. notice: a sentence to show if the value in the address was invalid"""

    value: str
    notice: str | None = None


def first_policy(runnable: Sequence[str]) -> str:
    """The policy that the page shows of a bundle at first. runnable: those that can run on it"""
    return next((name for name in (DEFAULT_POLICY, SECOND_POLICY) if name in runnable), runnable[0])


def choose(query: Mapping[str, str], key: str, titles: Mapping[str, str], default: str, what: str) -> AddressValue:
    """The value of a parameter if it is one of the options, else the default.

    titles: of the options, as the page shows them;  what: the name of the thing, for the notice
    """
    wanted = query.get(key)
    if wanted is None or wanted in titles:
        return AddressValue(wanted or default)
    notice = f"The address asks for the {what} “{_short(wanted)}”, which does not exist here; showing “{titles[default]}” instead."
    return AddressValue(default, notice)


def budget_of(query: Mapping[str, str]) -> float:
    """A share of the full network's cost. The browser says what is wrong with an invalid one; here the default stands in for it."""
    try:
        budget = float(query.get(BUDGET, DEFAULT_BUDGET))
    except ValueError:
        return DEFAULT_BUDGET
    return min(max(budget, 0.0), _BEYOND) if budget == budget else DEFAULT_BUDGET


def _short(text: str) -> str:
    return "".join(ch if ch.isprintable() else "?" for ch in text[:40])
