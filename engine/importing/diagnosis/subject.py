"""What is diagnosed: the outputs of an import with their names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.display_text import printable
from engine.outputs import Outputs
from engine.splits import Split


@dataclass(frozen=True, eq=False)
class Subject:
    """exit_names, class_names: (exits,), (classes,)
    dominated: the models that were left out, each with name, cost by unit and quality, see `engine.importing.logs.dominated`
    first:     (examples,) for each example the first one with the same row, see `engine.importing.equal_rows`; None if no row
               repeats another, or if examples have ids, which say that they are different
    """

    outputs: Outputs
    exit_names: Sequence[str]
    class_names: Sequence[str] = ()
    dominated: Sequence[Mapping[str, Any]] = ()
    first: NDArray[np.int64] | None = None

    def listed(self, exits: Sequence[int]) -> str:
        """The names of some exits for a sentence."""
        names = [printable(self.exit_names[k], 40) for k in exits]
        names = names if len(names) <= 6 else [*names[:5], f"{len(names) - 5} more"]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

    def class_name(self, label: int) -> str:
        return printable(self.class_names[label], 30) if self.class_names else f"Class {label}"


#: One sentence with the evidence of a likely mistake, or None.
Check = Callable[[Subject], str | None]


def without_logits(outputs: Outputs) -> Outputs:
    """Logits are by far the largest array, and scores and predictions stand for them."""
    return outputs if outputs.logits is None else replace(outputs, logits=None, recorded="confidence")


def at_most(outputs: Outputs, examples: int) -> Outputs:
    """The outputs with at most this number of examples of each split, spread evenly over its rows."""
    kept = []
    for split in Split:
        rows = np.flatnonzero(outputs.split == split)
        kept.append(rows if len(rows) <= examples else rows[np.linspace(0, len(rows) - 1, examples).astype(np.int64)])
    rows = np.sort(np.concatenate(kept))
    return outputs if len(rows) == outputs.examples else outputs.take(rows)


def unit_in_words(unit: str) -> str:
    return "costs" if unit == "cost" else f"costs in {unit}"
