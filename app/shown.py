"""What a view shows: a bundle, a policy swept over its budgets, and the two policies that it is compared with."""

from dataclasses import dataclass

from app import store
from app.scope import scope_of_figures
from app.wording import Words, speedup_sentence
from engine.analysis.verdict import judged
from engine.bundle.bundle import Bundle
from engine.bundle.library import Entry
from engine.bundle.measurements import MS, Measured, in_unit
from engine.policies import POLICIES
from engine.progress import Progress, in_part, no_progress
from engine.sweep import Sweep


@dataclass(frozen=True, eq=False)
class Shown:
    """All three sweeps have the same budgets, in the same unit. policy: its name, `sweep` is its sweep"""

    bundle: Bundle
    policy: str
    sweep: Sweep
    mix: Sweep
    oracle: Sweep

    @classmethod
    def of(cls, entry: Entry, policy: str, unit: str, progress: Progress = no_progress) -> "Shown":
        """From the store. Raises UserError if the bundle is damaged. progress: of the sweeps that are not in the store yet"""
        names, of_all = (policy, store.MIX, store.oracle(store.opened(entry).outputs)), store.are_kept(entry, policy, unit)
        missing = [name for name in dict.fromkeys(names) if not store.is_swept(entry, name, unit, of_all)]
        sweeps = {name: store.swept(entry, name, unit, in_part(progress, i, len(missing)), of_all) for i, name in enumerate(missing)}
        sweep, mix, oracle = (sweeps.get(name) or store.swept(entry, name, unit, of_all=of_all) for name in names)
        return cls(store.opened(entry), policy, sweep, mix, oracle)

    @classmethod
    def is_ready(cls, entry: Entry, policy: str, unit: str) -> bool:
        """Whether `of` returns at once."""
        oracle, of_all = store.oracle(store.opened(entry).outputs), store.are_kept(entry, policy, unit)
        return all(store.is_swept(entry, name, unit, of_all) for name in (policy, store.MIX, oracle))

    @property
    def title(self) -> str:
        """Of the policy."""
        return self.words.adapted(POLICIES[self.policy].title)

    @property
    def words(self) -> Words:
        return Words.of(self.bundle)

    @property
    def scope(self) -> str:
        """Of a large bundle: of which examples the figures are, and of which the page shows some. Else empty."""
        return scope_of_figures(self.bundle, self.sweep, self.policy, self.words)

    @property
    def is_sampled(self) -> bool:
        """Whether figures of all examples could take the place of those shown: the bundle is large, and they are not known yet."""
        return self.bundle.whole is not None and any(sweep.reported is None for sweep in (self.sweep, self.mix, self.oracle))

    @property
    def measured(self) -> tuple[Measured, ...]:
        """The real runs under this policy that belong beside the costs shown."""
        ran = [entry for entry in self.bundle.measured if entry.policy == self.policy]
        return in_unit(ran, self.sweep.unit)

    @property
    def runs(self) -> tuple[Measured, ...]:
        """Those that can be drawn on the axis of cost: where the cost is time."""
        return tuple(entry for entry in self.measured if entry.units.get(MS) == self.sweep.unit)

    @property
    def runs_unit(self) -> str | None:
        """The unit of time in which real runs can be drawn, if this is another one."""
        return None if self.runs else next((entry.units[MS] for entry in self.measured if MS in entry.units), None)

    def speedup_verdicts(self) -> list[str]:
        """Whether early exit is faster, a sentence for each device and batch size."""
        all_measured = self.bundle.measured
        return [speedup_sentence(entry, judged(entry, all_measured), self.bundle.exit_names) for entry in self.measured]
