"""Every key of the address and of the session, in one place: what a link means, and what becomes of a wrong one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

#: Keys of the address.
BUNDLE, POLICY, UNIT, BUDGET, CLASS, SHOW, IMAGE, FALLBACK = "bundle", "policy", "unit", "budget", "class", "show", "image", "plain"
#: What the gallery may be limited to.
SHOWS = ("all", "correct", "incorrect")
DEFAULT_BUDGET = 0.25
DEFAULT_POLICY = "maxprob"


@dataclass(frozen=True)
class AddressValue:
    """One value of the address, made valid. `said` is the sentence to show if it had to be changed."""

    value: str
    notice: str | None = None


def choose(query: Mapping[str, str], key: str, options: Sequence[str], default: str, what: str) -> AddressValue:
    """The value of a key of the address if it is one of the options, else the default."""
    wanted = query.get(key)
    if wanted is None or wanted in options:
        return AddressValue(wanted or default)
    return AddressValue(default, f"The address asks for the {what} “{_short(wanted)}”, which is not here; showing “{default}” instead.")


@dataclass(frozen=True)
class View:
    """Where on the page the visitor is: what the live block starts from, and what a link to it says.

    budget: share of the full network's cost;  shown_class: index or None for all;  picked: example id as text, or None
    """

    budget: float = DEFAULT_BUDGET
    shown_class: int | None = None
    show: str = "all"
    picked: str | None = None
    notice: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls, query: Mapping[str, str], low: float, classes: Sequence[str], ids: Collection[str]) -> "View":
        """From the address. Anything that cannot be is clamped and said.

        low: the least budget there is;  ids: of the examples that can be picked, as text
        """
        notice: list[str] = []
        default = max(DEFAULT_BUDGET, low)
        budget = _number(query.get(BUDGET), default)
        if budget is None or not low - 5e-4 <= budget <= max(low, 1.0):
            clamped = default if budget is None else min(max(budget, low), 1.0)
            asked = _short(query[BUDGET])
            notice.append(f"The address asks for a budget of “{asked}”; it must lie between {low:.2f} and 1, showing {clamped:.2f}.")
            budget = clamped
        by_name = {name: index for index, name in enumerate(classes)}
        wanted = query.get(CLASS)
        if wanted is not None and wanted not in by_name:
            notice.append(f"The address asks for the class “{_short(wanted)}”, which is not here; showing all classes.")
        show = choose(query, SHOW, SHOWS, "all", "filter")
        if show.notice:
            notice.append(show.notice)
        picked = query.get(IMAGE)
        if picked is not None and picked not in ids:
            notice.append(f"The address asks for the image “{_short(picked)}”, which is not in this bundle's test split.")
            picked = None
        return cls(budget, by_name.get(wanted or ""), show.value, picked, tuple(notice))

    def as_query(self, classes: Sequence[str]) -> dict[str, str]:
        """What a link to here says, defaults left out."""
        query = {BUDGET: f"{self.budget:.4f}".rstrip("0")}
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
