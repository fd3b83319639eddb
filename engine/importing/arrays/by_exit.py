"""Arrays that are given one by one for each exit, such as `exit0.logits` and `exit1.logits`, as one array for all exits."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.importing.schema import no_exit, of_exit

Arrays = dict[str, NDArray]


def stacked(arrays: Mapping[str, NDArray]) -> Arrays:
    """The arrays, with those of single exits stacked. Raises UserError if an exit lacks one, or their shapes differ.

    Where some exits have logits and the others probs, these stay as they are.
    """
    made = {name: array for name, array in arrays.items() if of_exit(name) is None}
    by_name: dict[str, dict[int, NDArray]] = {}
    for name, array in arrays.items():
        if of := of_exit(name):
            by_name.setdefault(of[1], {})[of[0]] = array
    logits, probs = by_name.get("logits", {}), by_name.get("probs", {})
    if logits and probs:
        check_exits({**logits, **probs}, "logits or exit{}.probs")
        for exit in logits.keys() & probs.keys():
            raise UserError(f"The file has both exit{exit}.logits and exit{exit}.probs; leave one of them out.")
        made |= {f"exit{exit}.{name}": array for name in ("logits", "probs") for exit, array in by_name.pop(name).items()}
    for name, parts in by_name.items():
        if name in made:
            raise UserError(f"The file has {name} as well as one per exit; leave one of the two out.")
        check_exits(parts, name)
        first = parts[0].shape
        for exit in range(len(parts)):
            if parts[exit].shape != first:
                if name in ("logits", "probs") and parts[exit].ndim == len(first) == 2 and len(parts[exit]) == first[0]:
                    raise other_classes(f"exit{exit}.{name}", parts[exit].shape[1], f"exit0.{name}", first[1])
                raise UserError(
                    f"exit{exit}.{name} has shape {parts[exit].shape} but exit0.{name} has {first}; give the same examples in both."
                )
        made[name] = np.stack([parts[exit] for exit in range(len(parts))])
    return made


def other_classes(one: str, classes: int, other: str, others: int) -> UserError:
    """For two exits with different numbers of classes. one, other: names of their arrays"""
    larger = one if classes > others else other
    background = f"if {larger} has a background class in front, leave out its first column"
    remedy = background if abs(classes - others) == 1 else "give the same classes in both"
    return UserError(f"{one} has {classes:,} classes but {other} has {others:,}; {remedy}.")


def check_exits(parts: Mapping[int, NDArray], name: str) -> None:
    """Raise UserError unless the exits are 0, 1, 2 and so on."""
    for exit in range(len(parts)):
        if exit not in parts:
            last = f"exit{max(parts)}.{name.split()[0]}"
            raise no_exit(last, exit, f"exit{exit}.{name.format(exit)}", "exits are counted")
