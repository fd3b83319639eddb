"""An exit that is no better than chance while another is: its rows may be in another order than the labels."""

import numpy as np

from engine.importing.diagnosis.class_order import by_chance, relabellings
from engine.importing.diagnosis.subject import Subject

#: With fewer examples, chance and a weak exit cannot be told apart.
FEWEST = 50
#: How far above chance an exit must be to be called no better, in standard errors, and by how much another must be above it.
ERRORS, FINE = 2.0, 0.2
#: From this share of one class on, the predictions themselves are the reason.
CONSTANT = 0.95


def chance(subject: Subject) -> str | None:
    outputs = subject.outputs
    if not outputs.has_classes or outputs.examples < FEWEST:
        return None
    labels, examples = outputs.known_labels, outputs.examples
    accuracy = outputs.correct.mean(axis=1)
    expected = np.array([by_chance(prediction, labels) for prediction in outputs.known_prediction])
    best = int((accuracy - expected).argmax())
    if accuracy[best] < expected[best] + FINE:
        return None
    error = np.sqrt(expected * (1 - expected) / examples)
    low = np.flatnonzero(accuracy <= expected + ERRORS * error).tolist()
    explained = relabellings(subject) if low else {}
    worst = [k for k in low if k not in explained]
    if not worst:
        return None
    first = worst[0]
    counts = np.bincount(outputs.known_prediction[first])
    constant = counts.max() >= CONSTANT * examples
    reason = (
        f"it predicts {subject.class_name(int(counts.argmax()))} for {counts.max() / examples:.1%} of them, so nothing should leave there"
        if constant
        else "check that its rows are in the order of the labels"
    )
    others = f" (likewise {subject.listed(worst[1:])})" if worst[1:] else ""
    return (
        f"{subject.listed([first])} is correct on {accuracy[first]:.1%} of the {examples:,} examples, where chance is"
        f" {expected[first]:.1%}{others}, while {subject.listed([best])} is correct on {accuracy[best]:.1%}; {reason}."
    )
