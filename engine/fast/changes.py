"""Where every example leaves at many budgets, small enough to keep: as the budget rises an example changes its exit only now and then."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Changes:
    """For each example the steps (budgets, in the order given) at which it leaves elsewhere than at the step before.

    first: (examples,) uint8, the exit at step 0
    often: (examples,) how often the example changes: its changes follow those of the example before it in the two arrays below
    step:  (changes,) when it changes
    exit:  (changes,) uint8, to which exit
    steps: how many there are
    Integers are as narrow as they can be: a byte each up to 256 steps.
    """

    first: NDArray[np.uint8]
    often: NDArray[np.unsignedinteger]
    step: NDArray[np.unsignedinteger]
    exit: NDArray[np.uint8]
    steps: int

    @classmethod
    def encode(cls, exits: NDArray[np.integer]) -> "Changes":
        """exits (steps, examples), at least one step; exits are numbered below 256, as in `Sweep.exit`."""
        steps, examples = exits.shape
        exits = exits.astype(np.uint8)
        whose, before = np.nonzero((exits[1:] != exits[:-1]).T)
        narrow = np.min_scalar_type(steps - 1)
        often = np.bincount(whose, minlength=examples).astype(narrow)
        return cls(exits[0], often, (before + 1).astype(narrow), exits[before + 1, whose], steps)

    @property
    def nbytes(self) -> int:
        return self.first.nbytes + self.often.nbytes + self.step.nbytes + self.exit.nbytes

    def decode(self) -> NDArray[np.uint8]:
        """The exits as they were encoded, (steps, examples)."""
        return np.stack([self.at(step) for step in range(self.steps)])

    def at(self, step: int) -> NDArray[np.uint8]:
        """The exit of every example at one step, (examples,)."""
        whose = np.repeat(np.arange(len(self.first)), self.often)
        due = self.step <= step
        exits = self.first.copy()
        # An example's changes are in order, and of several assignments to one place the last one stands.
        exits[whose[due]] = self.exit[due]
        return exits

    def of(self, example: int) -> NDArray[np.uint8]:
        """The exit of one example at every step, (steps,)."""
        start = int(self.often[:example].sum(dtype=np.int64))
        own = slice(start, start + int(self.often[example]))
        borders = np.concatenate(([0], self.step[own].astype(np.int64), [self.steps]))
        return np.repeat(np.append(self.first[example], self.exit[own]), np.diff(borders))
