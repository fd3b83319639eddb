"""Networks and their exits, each on its own."""

from collections.abc import Iterable

from benchmarks.parts.cells import full_in_percent, kind_of
from engine.analysis.factors import factor_by_exit
from engine.bundle.bundle import Bundle
from engine.recipes import recipe
from engine.sweep import Sweep


def networks_table(bundles: Iterable[Bundle]) -> list[str]:
    """The cost of each network, and the accuracy of each exit if every image leaves there."""
    lines = ["| network | MMACs | parameters | exits, share of the cost: test accuracy | full network |", "|---" * 5 + "|"]
    for bundle in bundles:
        test = bundle.outputs.test()
        alone = test.mean_static_cost("macs") / test.full_cost("macs")
        exits = ", ".join(f"{cost:.0%}: {100 * correct:.1f}" for cost, correct in zip(alone, test.correct.mean(axis=1), strict=True))
        size = f"{test.full_cost('macs') / 1e6:.0f} | {parameters(bundle) / 1e6:.1f} M"
        lines.append(f"| `{bundle.id}` | {size} | {exits} | {full_in_percent(bundle)} |")
    return lines


def parameters(bundle: Bundle) -> int:
    return sum(parameter.numel() for parameter in recipe(bundle.id).cascade().parameters())


def exits_table(bundle: Bundle, sweep: Sweep) -> list[str]:
    """Cost and accuracy of every exit, and the images that leave there at the budgets of a sweep."""
    test = bundle.outputs.test()
    kind = kind_of(bundle)
    difficulty, _ = factor_by_exit(sweep.exit, test.factors["difficulty"], test.exits)
    lines = ["| | " + " | ".join(bundle.exit_names) + " |", "|---" * (test.exits + 1) + "|"]
    rows = {
        "cost, share of the full network's": [f"{cost:.0%}" for cost in sweep.static_cost],
        f"test accuracy if every {kind} leaves there": [f"{accuracy:.1%}" for accuracy in sweep.static_accuracy],
    }
    for i, budget in enumerate(sweep.budgets):
        rows[f"{kind}s that leave there at a budget of {budget:.0%}"] = [f"{share:.0%}" for share in sweep.shares[i]]
        rows[f"mean difficulty of these {kind}s at {budget:.0%}"] = [f"{mean:.2f}" for mean in difficulty[i]]
    return lines + [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
