"""Examples that every model was run on: only these can be swept."""

import numpy as np

from engine.display_text import counted
from engine.errors import UserError
from engine.importing.logs.log import Log

#: Smallest share of the examples that must be complete. Those left out are rarely like those that stay.
LEAST = 0.5


def only_complete(log: Log, notes: list[str]) -> Log:
    """The examples with a result of every model. Raises UserError if they are fewer than half."""
    complete = log.ran.all(axis=0)
    count, examples = int(complete.sum()), log.examples
    if count == examples:
        return log
    fewest = int(log.ran.sum(axis=1).argmin())
    lacking = f"{log.names[fewest]} has {counted(int(log.ran[fewest].sum()), 'row')}"
    each = f"for each of the {log.models} models" if log.models > 1 else "for the model"
    if count < max(LEAST * examples, 2):
        raise UserError(
            f"Only {count:,} of {examples:,} examples have a row {each} ({lacking}), less than half; run the"
            " missing ones, or select models with --models."
        )
    notes.append(f"{count:,} of {examples:,} examples have a row {each} ({lacking}), and only these are kept.")
    return log.take(np.flatnonzero(complete))
