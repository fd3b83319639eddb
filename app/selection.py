"""What a visitor looks at, as the address names it: a bundle, a policy and a unit of cost, and what else could be selected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app import store
from app.address import BUNDLE, POLICY, UNIT, choose, first_policy
from app.wording import Words, unit_title
from engine.bundle.library import Entry
from engine.errors import UserError
from engine.policies import POLICIES


@dataclass(frozen=True)
class Option:
    """help: what the visitor may want to know about it, or empty"""

    value: str
    title: str
    help: str = ""


@dataclass(frozen=True)
class Selection:
    """policy, unit:              names
    bundles, policies, units: what can be selected, the default first for bundles and units
    unavailable:              for each policy that cannot run on this bundle, a sentence that says why
    notices:                  a sentence for each parameter of the address that was invalid
    """

    entry: Entry
    policy: str
    unit: str
    default_policy: str
    bundles: tuple[Option, ...]
    policies: tuple[Option, ...]
    units: tuple[Option, ...]
    unavailable: tuple[str, ...]
    notices: tuple[str, ...]

    @property
    def names(self) -> dict[str, str]:
        """The selection as parameters of the address."""
        return {BUNDLE: self.entry.id, POLICY: self.policy, UNIT: self.unit}

    @property
    def bundle_title(self) -> str:
        return next(option.title for option in self.bundles if option.value == self.entry.id)

    @property
    def policy_on_bundle(self) -> str:
        """What is shown, by its titles: it is named where one has to wait for it."""
        title = next(option.title for option in self.policies if option.value == self.policy)
        return f"“{title}” on “{self.bundle_title}”"

    @property
    def defaults(self) -> dict[str, str]:
        return {BUNDLE: self.bundles[0].value, POLICY: self.default_policy, UNIT: self.units[0].value}


def openable() -> tuple[dict[str, Entry], list[str]]:
    """The bundles that open, by id, and a sentence for each that does not."""
    whole: dict[str, Entry] = {}
    problems: list[str] = []
    for entry in store.listed():
        try:
            store.title(entry)
            whole[entry.id] = entry
        except UserError as problem:
            problems.append(str(problem))
    return whole, problems


def bundle_title(query: Mapping[str, str]) -> str:
    """The title of the bundle that an address asks for, or of the one that is shown instead; empty if there is none. Opens no other."""
    for entry in sorted(store.listed(), key=lambda entry: entry.id != query.get(BUNDLE)):
        try:
            return store.title(entry)
        except UserError:
            continue
    return ""


def select(whole: Mapping[str, Entry], query: Mapping[str, str]) -> Selection:
    """What the parameters of an address ask for. What does not exist is replaced by its default, with a notice.

    whole: the bundles that open, at least one
    """
    bundles = _distinct({id: store.title(entry) for id, entry in whole.items()})
    bundle = choose(query, BUNDLE, _titles(bundles), bundles[0].value, "bundle")
    entry = whole[bundle.value]
    runnable, reasons = store.runnable(entry)
    default = first_policy(runnable)
    opened = store.opened(entry)
    words = Words.of(opened)
    policies = tuple(Option(name, words.adapted(POLICIES[name].title)) for name in runnable)
    policy = choose(query, POLICY, _titles(policies), default, "policy")
    units = [Option(unit, unit_title(unit, opened.measured), opened.unit_notes.get(unit) or "") for unit in opened.outputs.stage_cost]
    unit = choose(query, UNIT, _titles(units), units[0].value, "cost unit")
    notices = [bundle.notice, _not_here(reasons.get(query.get(POLICY, "")), default) or policy.notice, unit.notice]
    return Selection(
        entry=entry,
        policy=policy.value,
        unit=unit.value,
        default_policy=default,
        bundles=tuple(bundles),
        policies=policies,
        units=tuple(units),
        unavailable=tuple(words.adapted(reason) for reason in reasons.values()),
        notices=tuple(notice for notice in notices if notice),
    )


def _titles(options: Sequence[Option]) -> dict[str, str]:
    return {option.value: option.title for option in options}


def _not_here(reason: str | None, default: str) -> str | None:
    return reason and f"{reason} Showing “{POLICIES[default].title}” instead."


def _distinct(titles: Mapping[str, str]) -> Sequence[Option]:
    """With the id added where two titles are equal."""
    shown = list(titles.values())
    return [Option(id, f"{title} ({id})" if shown.count(title) > 1 else title) for id, title in titles.items()]
