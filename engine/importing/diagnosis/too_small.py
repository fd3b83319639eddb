"""Too few test examples for what a bundle seems to show: the interval of the gain is wider than the gain."""

import numpy as np

from engine.analysis.intervals import mean_interval
from engine.display_text import counted
from engine.importing.diagnosis.over_random_mix import Gain, best_on_calibration, gains, in_points
from engine.importing.diagnosis.subject import Subject
from engine.policies import POLICIES

#: Below this number of test examples intervals are so wide that it is always said.
FEW = 100
#: From here on the interval of a difference of two routes is narrower than a point.
ENOUGH = 5_000
#: A smaller gain is no claim.
CLAIM = 0.01
#: Policies whose gain is looked at, where they can run: they learn little and are quick.
TRIED = ("router", "maxprob")


def too_small(subject: Subject) -> str | None:
    outputs = subject.outputs
    test = outputs.test()
    if test.examples < FEW:
        full = mean_interval(test.quality[test.full])
        quality = "mean quality" if outputs.is_graded else "accuracy"
        there_are = "There is" if test.examples == 1 else "There are"
        return (
            f"{there_are} only {counted(test.examples, 'test example')}: the {quality} of {subject.listed([outputs.full])},"
            f" {full.estimate:.1%}, has the 95% interval {full.low:.0%} to {full.high:.0%}, and differences between policies have intervals"
            f" nearly as wide; give at least {FEW}."
        )
    if test.examples >= ENOUGH or outputs.exits < 2:
        return None
    for policy in (POLICIES[name] for name in TRIED):
        if policy.unavailable_reason(outputs):
            continue
        best = best_on_calibration(gains(policy, outputs))
        for gain, other in ((best.over_full, "the full network"), (best.over_mix, "the random mix of equal cost")):
            if gain.estimate >= CLAIM and gain.low <= 0:
                return _sentence(test.examples, policy.title, best, f"than {other} ({in_points(gain)})", gain.half_width / gain.estimate)
    return None


def _sentence(examples: int, title: str, best: Gain, than: str, wider: float) -> str:
    needed = float(np.ceil(examples * wider**2 / 100) * 100)
    return (
        f"{examples:,} test examples are too few for what they seem to show: at {best.cost:.0%} of the cost, {title} is better {than},"
        f" which may be chance; about {needed:,.0f} would tell."
    )
