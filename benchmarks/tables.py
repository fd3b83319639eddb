"""The README's measured numbers, printed from the shipped bundle: nothing there is typed by hand.

    python benchmarks/tables.py [--bundle doodles] [--write]     --write puts them into README.md
"""

import argparse
import re
from pathlib import Path

import numpy as np

from engine.bundle import Bundle
from engine.factors import factor_by_exit
from engine.library import open_bundle
from engine.policies import POLICIES
from engine.splits import Split
from engine.sweep import Sweep, sweep

README = Path(__file__).resolve().parents[1] / "README.md"
BUDGETS = (0.25, 0.5, 0.75)
MARKS = ("<!-- results: begin -->\n", "<!-- results: end -->")


def interval(accuracy: float, examples: int) -> float:
    """Half the width of the 95% interval of an accuracy (normal approximation), in points."""
    return 100 * 1.96 * float(np.sqrt(accuracy * (1 - accuracy) / examples))


def policies_table(bundle: Bundle) -> list[str]:
    """Accuracy on test at three budgets, a row a policy, the static hull first: it is the baseline."""
    outputs = bundle.outputs
    lines = ["| policy | " + " | ".join(f"{budget:.0%} of the compute" for budget in BUDGETS) + " |", "|---" * 4 + "|"]
    for name, policy in POLICIES.items():
        if policy.why_not(outputs):
            continue
        found = sweep(policy, outputs, list(BUDGETS))
        cells = [f"{100 * a:.1f} % at {c:.0%}" for a, c in zip(found.accuracy, found.cost, strict=True)]
        title = policy.title if policy.deployable else f"*{policy.title} (knows the labels)*"
        lines.append(f"| {title} `{name}` | " + " | ".join(cells) + " |")
    full = float(outputs.test().right[outputs.full].mean())
    examples = outputs.test().examples
    lines.append("")
    lines.append(
        f"Right on {examples:,} test images, and the share of the full network's cost really spent there; knobs chosen on calibration."
        f" The full network gets {full:.1%} (± {interval(full, examples):.1f} points, 95 %). Random mix, the baseline, ignores the picture."
    )
    return lines


def exits_table(bundle: Bundle, found: Sweep) -> list[str]:
    """The exits one by one, and who leaves there at half the budget."""
    test = bundle.outputs.test()
    difficulty, _ = factor_by_exit(found.exit, test.factors["difficulty"], test.exits)
    lines = ["| | " + " | ".join(bundle.exit_names) + " |", "|---" * (test.exits + 1) + "|"]
    rows = {
        "cost, share of the full network's": [f"{cost:.0%}" for cost in found.alone_cost],
        "right on test when all leave there": [f"{accuracy:.1%}" for accuracy in found.alone_accuracy],
    }
    for i, budget in enumerate(found.budgets):
        rows[f"leave there at a budget of {budget:.0%}"] = [f"{share:.0%}" for share in found.shares[i]]
        rows[f"their mean difficulty at {budget:.0%}"] = [f"{mean:.2f}" for mean in difficulty[i]]
    return lines + [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="doodles")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    bundle = open_bundle(given.bundle)
    found = sweep(POLICIES["maxprob"], bundle.outputs, [0.4, 0.5, 0.6])
    device = bundle.provenance.get("device", "unknown device")
    text = "\n".join(
        [
            f"## Measured: {bundle.title}",
            "",
            *policies_table(bundle),
            "",
            "Hard images travel further. Exits of the same network under `maxprob`, with the ground-truth difficulty of who leaves where:",
            "",
            *exits_table(bundle, found),
            "",
            f"Outputs computed on: {device}. Printed by `python benchmarks/tables.py`; {Split.TEST} images only.",
            "",
        ]
    )
    print(text)
    if given.write:
        before = README.read_text()
        inside = re.compile(re.escape(MARKS[0]) + ".*?" + re.escape(MARKS[1]), re.DOTALL)
        README.write_text(inside.sub(lambda _: f"{MARKS[0]}{text}{MARKS[1]}", before))


if __name__ == "__main__":
    main()
