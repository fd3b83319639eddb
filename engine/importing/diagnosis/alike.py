"""Exits that give the same results: one may have been saved twice, and the later adds only its cost."""

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np

from engine.importing.diagnosis.subject import Subject

#: The share of examples on which exits must agree, and the fewest examples on which that means something.
AGREEMENT, FEWEST = 0.995, 100
#: With more exits only neighbours are compared.
MOST_EXITS = 32


def alike(subject: Subject) -> str | None:
    outputs = subject.outputs
    if outputs.examples < FEWEST:
        return None
    agreement = {pair: share for pair in _pairs(outputs.exits) if (share := _agreement(subject, *pair)) >= AGREEMENT}
    if not agreement:
        return None
    groups: list[set[int]] = []
    for pair in agreement:
        joined = set(pair).union(*(group for group in groups if group & set(pair)))
        groups = [*(group for group in groups if not group & joined), joined]
    parts = []
    for group in groups:
        least = min(share for pair, share in agreement.items() if set(pair) <= group)
        parts.append(f"{subject.listed(sorted(group))} give the same result on {least:.1%}")
    what = "predictions" if outputs.prediction is not None else "qualities"
    return (
        f"{'; '.join(parts)} of the {outputs.examples:,} examples, so all but one of them add only their cost; check that the {what} of"
        " each are its own."
    )


def _pairs(exits: int) -> Iterator[tuple[int, int]]:
    return combinations(range(exits), 2) if exits <= MOST_EXITS else pairwise(range(exits))


def _agreement(subject: Subject, one: int, other: int) -> float:
    outputs = subject.outputs
    same = outputs.quality[one] == outputs.quality[other]
    if outputs.prediction is not None:
        same = same & (outputs.prediction[one] == outputs.prediction[other])
    return float(np.mean(same))
