"""A compact table of every example's route at many budgets: as the budget rises, a route changes only now and then."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Changes:
    """Named tables (steps, examples), stored as their first rows and the changes in any of them from one step to the next.

    steps:         number of rows of each table
    first:         {name: (examples,)}
    step, example: (changes,) the step and the example of each change, in the order of steps
    then:          {name: (changes,)} the value from that step on
    """

    steps: int
    first: Mapping[str, NDArray]
    step: NDArray[np.unsignedinteger]
    example: NDArray[np.unsignedinteger]
    then: Mapping[str, NDArray]

    @classmethod
    def between(cls, tables: Mapping[str, NDArray]) -> "Changes":
        """The changes in at least one table with at least one step."""
        differs = np.logical_or.reduce([table[1:] != table[:-1] for table in tables.values()])
        step, example = np.nonzero(differs)
        first = {name: table[0].copy() for name, table in tables.items()}  # a view would keep the whole table
        then = {name: table[1:][differs] for name, table in tables.items()}
        steps, examples = next(iter(tables.values())).shape
        return cls(steps, first, (step + 1).astype(np.min_scalar_type(steps)), example.astype(np.min_scalar_type(examples)), then)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in (self.step, self.example, *self.first.values(), *self.then.values()))

    def at(self, step: int) -> dict[str, NDArray]:
        """Every table's row at one step, (examples,)."""
        due = slice(0, int(np.searchsorted(self.step, step, side="right")))
        rows = {name: first.copy() for name, first in self.first.items()}
        for name, row in rows.items():
            row[self.example[due]] = self.then[name][due]  # of several assignments to one position the last remains, which is the latest
        return rows

    def table(self, name: str) -> NDArray:
        """One whole table, (steps, examples)."""
        table = np.empty((self.steps, len(self.first[name])), self.first[name].dtype)
        for step, row in enumerate(self.rows(name)):
            table[step] = row
        return table

    def rows(self, name: str) -> Iterator[NDArray]:
        """One table row by row, (examples,). All are the same array, which changes from step to step."""
        row = self.first[name].copy()
        yield row
        ends = np.searchsorted(self.step, np.arange(1, self.steps), side="right")
        for start, end in pairwise([0, *ends]):
            row[self.example[start:end]] = self.then[name][start:end]
            yield row
