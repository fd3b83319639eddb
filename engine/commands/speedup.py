"""Print how many times less policies cost than the full network if they may lose so much accuracy, with intervals."""

import argparse
from typing import Any

from engine.commands.arguments import numbers, positive
from engine.commands.progress import progress_bar
from engine.display_text import counted

QUICK = 3.0  # seconds; a policy that is done within them shows no progress


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("bundle", metavar="BUNDLE", help="id or path of a bundle")
    command.add_argument(
        "--policy", nargs="+", metavar="NAME", help="names of policies, see `list` (default: random_mix maxprob bolukbasi eenet)"
    )
    command.add_argument(
        "--losses", type=numbers, default=(0.5, 1.0, 2.0), metavar="A,B,...", help="allowed losses of accuracy in points (default: 0.5,1,2)"
    )
    top = "an exit is correct if the label is among its K most probable classes; gates learn this too (default: 1)"
    command.add_argument("--top", type=positive, default=1, metavar="K", help=top)
    command.add_argument("--quality", metavar="NAME", help="which quality judges the exits, if the bundle has several, such as mean_iou")
    command.add_argument("--unit", help="unit of cost (default: macs, or the first unit of the bundle)")


def run(given: argparse.Namespace) -> dict[str, Any]:
    from engine.analysis.speed_up import COMPARED, full_accuracy, speed_ups
    from engine.bundle.library import open_bundle
    from engine.policies import policy
    from engine.qualities import mean_title
    from engine.splits import Split

    policies = [policy(name) for name in dict.fromkeys(given.policy or COMPARED)]
    bundle = open_bundle(given.bundle)
    outputs = bundle.outputs if given.quality is None else bundle.outputs.with_quality(given.quality)
    has_classes = outputs.has_classes
    outputs = outputs if given.top == 1 else outputs.top(given.top)
    unit = given.unit or outputs.default_unit
    if not given.policy:
        policies = [one for one in policies if one.unavailable_reason(outputs) is None]
    losses = [loss / 100 for loss in dict.fromkeys(given.losses)]
    results = {one: speed_ups(one, outputs, losses, unit, progress=progress_bar("steps", after=QUICK)) for one in policies}
    full, test, calibration = full_accuracy(outputs), outputs.test(), outputs.tuning(Split.CALIBRATION)
    full_cost = test.full_cost(unit)
    if not given.json:
        quality = f"top-{given.top} accuracy" if has_classes and not outputs.is_graded else mean_title(outputs)
        low, high = (f"{100 * end:.1f}" for end in full.ends)
        tuned, reported = counted(calibration.examples, "calibration example"), counted(test.examples, "test example")
        print(f"{bundle.title}: the full network reaches {full.estimate:.2%} [{low}, {high}] {quality} at {full_cost:.4g} {unit}.")
        print(f"Each row is the cheapest setting within the allowed loss on {tuned}. Speed-up and loss are those on {reported}.")
        if bundle.whole is not None:
            print(f"{bundle.whole.tuning_note(outputs)} {bundle.whole.sample_note(outputs, Split.TEST)}")
        print("Losses are in points, budgets are shares of the full network's cost, and 95% intervals are in brackets.")
        for one, points in results.items():
            print(f"{one.title}\n  allowed  speed-up {'':18} loss {'':16} budget")
            for point in points:
                faster, lost = point.speed_up, [100 * value + 0.0 for value in (point.loss.estimate, *point.loss.ends)]  # 0, not -0
                by, reach = f"{faster.estimate:8.2f}x", f"[{faster.low:.2f}, {faster.high:.2f}]"
                loss = f"{lost[0]:7.2f} {f'[{lost[1]:.2f}, {lost[2]:.2f}]':16}"
                print(f"{100 * point.allowed:9.2f} {by} {reach:16} {loss} {point.selected.budget:7.3f}")
    return {
        "bundle": bundle.id,
        "unit": unit,
        "top": given.top if has_classes else None,
        "examples": test.examples,
        "calibration_examples": calibration.examples,
        "full": {"cost": full_cost, "accuracy": full.estimate, "interval": full.ends},
        **({} if bundle.whole is None else {"sample_of": {str(split): count for split, count in bundle.whole.examples.items()}}),
        "policies": [{"policy": one.name, "points": [point.as_json() for point in points]} for one, points in results.items()],
    }
