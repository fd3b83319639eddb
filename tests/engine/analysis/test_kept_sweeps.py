"""Kept figures of large bundles: what was kept comes back, and what cannot be true is passed over."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.analysis.kept_sweeps import document_of, kept_sweep
from engine.analysis.subsets import Subsets
from engine.analysis.whole_sweep import over_all_examples
from engine.policies import POLICIES
from engine.sweep import run_sweep
from tests.engine.analysis.test_whole_sweep import MADE
from tests.large import large_bundle

POINTS = 5


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    return {name: large_bundle(made, tmp_path_factory.mktemp("kept") / "large") for name, made in MADE.items()}


def kept(bundle, policy="maxprob"):
    """A sweep of the sample, and the document of the figures of all examples."""
    sweep = run_sweep(POLICIES[policy], bundle.outputs, POINTS)
    subsets = Subsets.of(bundle.outputs.part(sweep.split))
    return sweep, document_of(over_all_examples(POLICIES[policy], sweep, bundle.whole, subsets))


@pytest.fixture(scope="module")
def of_chain(bundles):
    return bundles["chain"], *kept(bundles["chain"])


@pytest.mark.parametrize("policy", ["maxprob", "random_mix", "oracle_budgeted"])
@pytest.mark.parametrize("name", MADE)
def test_what_was_kept_comes_back(name: str, policy: str, bundles) -> None:
    sweep, content = kept(bundles[name], policy)
    again = kept_sweep(bundles[name], sweep, content)
    assert again is not None and again.examples == 500 and document_of(again) == content


def put(*path: str | int, value: Any) -> Callable[[dict], None]:
    """Replaces one value of a document."""

    def change(document: dict) -> None:
        *above, last = path
        for step in above:
            document = document[step]
        document[last] = value

    return change


def change_all(name: str, value: Any) -> Callable[[dict], None]:
    """Replaces every number of a list, which keeps its shape."""

    def change(document: dict) -> None:
        document[name] = np.full_like(np.array(document[name], object), value).tolist()

    return change


NONSENSE = {
    "examples infinite": put("examples", value=float("inf")),
    "examples negative": put("examples", value=-500),
    "examples of another split": put("examples", value=501),
    "full costs nothing": put("full", value=[0.0, 0.8]),
    "full negative": put("full", value=[-1.0, 0.8]),
    "full another": put("full", value=[1.0, 0.8]),
    "full accuracy": put("full", 1, value=5.0),
    "full short": put("full", value=[1.0]),
    "subsets a list": put("subsets", value=[]),
    **{f"subsets.{name} null": put("subsets", name, value=None) for name in ("examples", "full_correct", "way_exit", "way_ran", "left")},
    "subsets.way_cost null": put("subsets", "way_cost", value=None),
    "subsets.correct null": put("subsets", "correct", value=None),
    "subsets.own_cost empty": put("subsets", "own_cost", value=[]),
    "subsets.bounds null": put("subsets", "bounds", value=None),
    "subsets.bounds in reverse": lambda document: document["subsets"]["bounds"]["difficulty"].reverse(),
    "subsets.examples negative": put("subsets", "examples", 0, value=-1),
    "subsets.examples infinite": put("subsets", "examples", 0, value=float("inf")),
    "subsets.examples a fraction": put("subsets", "examples", 0, value=0.5),
    "subsets.left negative": put("subsets", "left", 0, 0, 0, value=-1),
    "subsets.left NaN": put("subsets", "left", 0, 0, 0, value=float("nan")),
    "subsets.left too many": put("subsets", "left", 0, 0, 0, value=1000),
    "subsets.correct too many": put("subsets", "correct", 0, 0, 0, value=1000),
    "subsets.way_exit 99": put("subsets", "way_exit", 0, value=99),
    "subsets.way_exit negative": put("subsets", "way_exit", 0, value=-1),
    "subsets.way_ran 7": put("subsets", "way_ran", 0, 0, value=7),
    "subsets.way_cost 9": put("subsets", "way_cost", 0, value=9),
    "intervals empty": put("intervals", "accuracy", value=[]),
    "interval empty": put("intervals", "accuracy", 0, value=[]),
    "intervals too few": put("intervals", "difference", value=[[0.0, 0.0, 0.0]]),
    "interval outside": put("intervals", "accuracy", 0, value=[0.5, -3.0, 7.0]),
    "interval infinite": put("intervals", "full", 2, value=float("inf")),
    "interval NaN": put("intervals", "difference", 0, 1, value=float("nan")),
    "accuracy null": change_all("accuracy", None),
    "accuracy 10^400": change_all("accuracy", 10**400),
    "accuracy 5": change_all("accuracy", 5.0),
    "accuracy of another": change_all("accuracy", 0.5),
    "accuracy text": change_all("accuracy", "much"),
    "cost 9": change_all("cost", 9),
    "cost negative": change_all("cost", -0.5),
    "shares negative": put("shares", 0, value=[-1.0, 2.0, 0.0, 0.0]),
    "shares above 1": change_all("shares", 0.5),
    "correct above shares": change_all("correct", 1.0),
    "leaving_cost null": change_all("leaving_cost", None),
    "leaving_cost 9": change_all("leaving_cost", 9.0),
    "before_half 2": change_all("before_half", 2),
    "exit_cost 0": change_all("exit_cost", 0),
    "static_cost infinite": change_all("static_cost", float("inf")),
    "static_accuracy 5": change_all("static_accuracy", 5),
    "budgets 10^400": change_all("budgets", 10**400),
    "intervals gone": lambda document: document.pop("intervals"),
}


@pytest.mark.parametrize("change", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_passed_over(change: Callable[[dict], None], of_chain) -> None:
    bundle, sweep, content = of_chain
    document = json.loads(content)
    change(document)
    assert kept_sweep(bundle, sweep, json.dumps(document).encode()) is None


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"7", b'"text"', b"[" * 100_000, b"\xff"])
def test_what_is_no_document_is_passed_over(content: bytes, of_chain) -> None:
    bundle, sweep, _ = of_chain
    assert kept_sweep(bundle, sweep, content) is None


@pytest.mark.parametrize("value", [None, float("inf"), -1, 9e9])
def test_nonsense_is_passed_over_where_costs_vary_by_example(value: Any, bundles) -> None:
    bundle = bundles["costs of their own"]
    sweep, content = kept(bundle)
    document = json.loads(content)
    put("subsets", "own_cost", 0, 0, 0, value=value)(document)
    assert kept_sweep(bundle, sweep, json.dumps(document).encode()) is None
    document = json.loads(content)
    document["subsets"]["own_cost"] = None
    assert kept_sweep(bundle, sweep, json.dumps(document).encode()) is None
