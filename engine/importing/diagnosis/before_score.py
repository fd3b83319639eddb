"""Something known before any model runs that does not tell which model to run."""

from dataclasses import replace

from engine.display_text import printable
from engine.importing.diagnosis.over_random_mix import gains, in_points
from engine.importing.diagnosis.subject import Subject, at_most
from engine.policies import POLICIES

#: Examples of each split that are swept: enough to see a gain that matters, and quick.
MOST_EXAMPLES = 10_000
#: With fewer test examples nothing is no better than anything.
FEWEST = 100


def before_score(subject: Subject) -> str | None:
    router, outputs = POLICIES["router"], at_most(subject.outputs, MOST_EXAMPLES)
    if router.unavailable_reason(outputs) or outputs.exits < 2 or outputs.test().examples < FEWEST:
        return None
    at = gains(router, outputs)
    if any(gain.over_mix.low > 0 for gain in at):
        return None
    best = max(at, key=lambda gain: gain.over_mix.estimate)
    names = ", ".join(f"before_{printable(name, 40)}" for name in list(outputs.before)[:5])
    quality = "quality" if outputs.is_graded else "accuracy"
    reached, mixed = f"{best.accuracy:.1%}", f"{best.mix:.1%}"
    over_mix = replace(best.over_mix, estimate=(float(reached[:-1]) - float(mixed[:-1])) / 100)  # of what is printed
    return (
        f"Routing by {names} is no better than the random mix of equal cost: at {best.cost:.0%} of the cost its {quality} on"
        f" {outputs.test().examples:,} test examples is {reached} and that of the mix {mixed}"
        f" ({in_points(over_mix)}); check that the values belong to these examples."
    )
