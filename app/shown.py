"""What a view shows: a bundle, a policy swept over its budgets, and the two policies that it is compared with."""

from dataclasses import dataclass

from app import store
from app.wording import speedup_sentence
from engine.analysis.verdict import judged
from engine.bundle.bundle import Bundle
from engine.bundle.library import Entry
from engine.bundle.measurements import Measured, in_unit
from engine.policies import POLICIES
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
    def of(cls, entry: Entry, policy: str, unit: str) -> "Shown":
        """From the store. Raises UserError if the bundle is damaged."""
        sweep, mix, oracle = (store.swept(entry, name, unit) for name in (policy, store.MIX, store.ORACLE))
        return cls(store.opened(entry), policy, sweep, mix, oracle)

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
