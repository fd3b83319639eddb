"""A compact table of every example's route at many budgets: as the budget rises, a route changes only now and then."""

from collections.abc import Iterable, Iterator, Mapping
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
        steps = len(next(iter(tables.values())))
        return cls.of_rows({name: table[step] for name, table in tables.items()} for step in range(steps))

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, NDArray]]) -> "Changes":
        """The same from the rows of all tables, step by step, without keeping the tables."""
        each = iter(rows)
        before = dict(next(each))
        first = {name: row.copy() for name, row in before.items()}  # a view would keep the whole table
        examples = len(next(iter(first.values())))
        changed: list[NDArray[np.unsignedinteger]] = []
        then: dict[str, list[NDArray]] = {name: [row[:0]] for name, row in first.items()}
        for row in each:
            differs = np.flatnonzero(np.logical_or.reduce([row[name] != values for name, values in before.items()]))
            changed.append(differs.astype(np.min_scalar_type(examples)))
            for name, values in row.items():
                then[name].append(values[differs])
            before = dict(row)
        step = np.repeat(np.arange(1, len(changed) + 1), [len(differs) for differs in changed])
        return cls(
            len(changed) + 1,
            first,
            step.astype(np.min_scalar_type(len(changed) + 1)),
            np.concatenate([np.empty(0, np.min_scalar_type(examples)), *changed]),
            {name: np.concatenate(parts) for name, parts in then.items()},
        )

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
