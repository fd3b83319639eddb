"""What a view shows: a bundle, a policy swept over its budgets, and the two policies that it is compared with."""

from dataclasses import dataclass

from app import store
from app.wording import speedup_sentence
from engine.analysis.verdict import judged
from engine.bundle.bundle import Bundle
from engine.bundle.library import Entry
from engine.bundle.measurements import Measured, in_unit
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
        names = policy, store.MIX, store.ORACLE
        missing = [name for name in dict.fromkeys(names) if not store.is_swept(entry, name, unit)]
        sweeps = {name: store.swept(entry, name, unit, in_part(progress, i, len(missing))) for i, name in enumerate(missing)}
        sweep, mix, oracle = (sweeps.get(name) or store.swept(entry, name, unit) for name in names)
        return cls(store.opened(entry), policy, sweep, mix, oracle)

    @classmethod
    def is_ready(cls, entry: Entry, policy: str, unit: str) -> bool:
        """Whether `of` returns at once."""
        return all(store.is_swept(entry, name, unit) for name in (policy, store.MIX, store.ORACLE))

    @property
    def title(self) -> str:
        """Of the policy."""
        return POLICIES[self.policy].title

    @property
    def measured(self) -> tuple[Measured, ...]:
        """The real runs that belong beside the costs shown."""
        return in_unit(self.bundle.measured, self.sweep.unit)

    def speedup_verdicts(self) -> list[str]:
        """Whether early exit is faster, a sentence for each device and batch size."""
        all_measured = self.bundle.measured
        return [speedup_sentence(entry, judged(entry, all_measured), self.bundle.exit_names) for entry in self.measured]
