"""The parameters of the page's address: what a link means, and what happens to invalid values."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

#: Parameters of the address.
BUNDLE, POLICY, UNIT, BUDGET, CLASS, SHOW, IMAGE, FALLBACK = "bundle", "policy", "unit", "budget", "class", "show", "image", "fallback"
#: What the gallery may be limited to.
SHOWS = ("all", "correct", "incorrect")
DEFAULT_BUDGET = 0.25
DEFAULT_POLICY = "maxprob"


@dataclass(frozen=True)
class AddressValue:
    """A valid value of a parameter. notice: a sentence to show if the value in the address was invalid"""

    value: str
    notice: str | None = None


def choose(query: Mapping[str, str], key: str, options: Sequence[str], default: str, what: str) -> AddressValue:
    """The value of a parameter if it is one of the options, else the default. what: the name of the thing, for the notice"""
    wanted = query.get(key)
    if wanted is None or wanted in options:
        return AddressValue(wanted or default)
    notice = f"The address asks for the {what} “{_short(wanted)}”, which does not exist here; showing “{default}” instead."
    return AddressValue(default, notice)


@dataclass(frozen=True)
class ViewState:
    """Where a visitor is in the explore view: what the live block starts from, and what a link holds.

    budget:      share of the full network's cost
    shown_class: index, or None for all classes
    picked:      id of an example, as text, or None
    notice:      sentences to show about values that were invalid
    """

    budget: float = DEFAULT_BUDGET
    shown_class: int | None = None
    show: str = "all"
    picked: str | None = None
    notice: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls, query: Mapping[str, str], low: float, classes: Sequence[str], ids: Collection[str]) -> "ViewState":
        """From the address. Invalid values are clamped or left out, with a notice.

        low: the smallest budget;  ids: of the examples that can be picked, as text
        """
        notice: list[str] = []
        default = max(DEFAULT_BUDGET, low)
        budget = _number(query.get(BUDGET), default)
        if budget is None or not low - 5e-4 <= budget <= max(low, 1.0):
            clamped = default if budget is None else min(max(budget, low), 1.0)
            text = _short(query[BUDGET])
            notice.append(f"The address asks for a budget of “{text}”; it must be between {low:.2f} and 1, showing {clamped:.2f}.")
            budget = clamped
        by_name = {name: index for index, name in enumerate(classes)}
        wanted = query.get(CLASS)
        if wanted is not None and wanted not in by_name:
            notice.append(f"The address asks for the class “{_short(wanted)}”, which does not exist here; showing all classes.")
        show = choose(query, SHOW, SHOWS, "all", "filter")
        if show.notice:
            notice.append(show.notice)
        picked = query.get(IMAGE)
        if picked is not None and picked not in ids:
            notice.append(f"The address asks for the image “{_short(picked)}”, which is not in the test split of this bundle.")
            picked = None
        return cls(budget, by_name.get(wanted or ""), show.value, picked, tuple(notice))

    def as_query(self, classes: Sequence[str]) -> dict[str, str]:
        """The parameters of a link to here, without defaults."""
        query = {BUDGET: f"{self.budget:.4f}".rstrip("0").rstrip(".")}
        if self.shown_class is not None:
            query[CLASS] = classes[self.shown_class]
        if self.show != "all":
            query[SHOW] = self.show
        if self.picked is not None:
            query[IMAGE] = self.picked
        return query


def _number(text: str | None, default: float) -> float | None:
    try:
        number = default if text is None else float(text)
    except ValueError:
        return None
    return number if number == number else None


def _short(text: str) -> str:
    return "".join(ch if ch.isprintable() else "?" for ch in text[:40])
