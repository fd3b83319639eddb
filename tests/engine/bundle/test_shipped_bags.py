"""What the page and docs/bag-of-features.md say of Bag-of-Features exits and the alpha rule holds for the shipped bundles."""

import pytest

from benchmarks.parts.bags import SETS, Pair, Spent, entropy_of_shares, spent
from engine.analysis.intervals import Interval, paired_interval


@pytest.fixture(scope="module", params=SETS)
def runs(request: pytest.FixtureRequest) -> tuple[str, dict[tuple[str, str], list[Spent]]]:
    pair = Pair.on(request.param)
    kinds, rules = pair.kinds, ("single_threshold", "bof_alpha")
    return request.param, {(kind, rule): spent(pair, bundle, rule) for kind, bundle in kinds.items() for rule in rules}


def differences(one: list[Spent], other: list[Spent]) -> list[tuple[Interval, Interval]]:
    """In normalised entropy and in accuracy, at every budget."""
    return [(entropy_of_shares(a, b), paired_interval(a.quality, b.quality)) for a, b in zip(one, other, strict=True)]


def test_the_alpha_rule_does_not_use_plain_heads_more_evenly(runs: tuple[str, dict[tuple[str, str], list[Spent]]]) -> None:
    dataset, of = runs
    apart = differences(of["plain heads", "bof_alpha"], of["plain heads", "single_threshold"])
    assert not any(entropy.low > 0 for entropy, _ in apart)
    if dataset != "cifar100-twenty":
        assert all(entropy.high < 0 for entropy, _ in apart)


def test_bag_of_features_exits_are_not_more_accurate(runs: tuple[str, dict[tuple[str, str], list[Spent]]]) -> None:
    dataset, of = runs
    for rule in ("single_threshold", "bof_alpha"):
        accuracy = [difference for _, difference in differences(of["bag of features", rule], of["plain heads", rule])]
        assert not any(difference.low > 0 for difference in accuracy)
        if dataset != "cifar100-twenty":
            assert accuracy[0].high < 0, "worse at the smallest budget"


def test_budgets_are_kept(runs: tuple[str, dict[tuple[str, str], list[Spent]]]) -> None:
    dataset, of = runs
    budgets = Pair.on(dataset).budgets
    for points in of.values():
        assert [point.cost for point in points] == pytest.approx(budgets, abs=0.03)
