"""What the panel of policies asks for over HTTP: descriptions of all policies, and the budget at which a promise is kept."""

import json
from pathlib import Path

import numpy as np
import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.policy_routes import ROUTES
from app.store import STEPS
from engine.bundle.bundle import read_bundle
from engine.policies import POLICIES
from engine.sweep import run_sweep
from engine.targets import Promise, by_guarantee
from tests.app.samples import write_sample
from tests.coroutines import run
from tests.sentences import assert_one_sentence


def get(path: str, query: str = "") -> Response:
    (route,) = (route for route in ROUTES if route.path == path)
    return run(route.endpoint(Request({"type": "http", "query_string": query.encode(), "headers": []})))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_sample(tmp_path)
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    return tmp_path


def test_every_policy_has_a_card_and_groups_stay_together() -> None:
    cards = json.loads(get("/offramp/policies").body)
    assert {card["name"] for card in cards} == set(POLICIES)
    groups = [card["group"] for card in cards]
    assert list(dict.fromkeys(groups)) == ["Simple", "Learned", "Guarantees", "Bounds"]
    assert sum(before != after for before, after in zip(groups, groups[1:], strict=False)) == 3
    assert all(card["idea"] and card["source"] and card["knob"] for card in cards)


def test_a_promise_leads_to_the_least_budget_of_the_page_that_keeps_it(data: Path) -> None:
    outputs = read_bundle(data / "bundles" / "tiny").outputs
    expected = by_guarantee(outputs, Promise(0.2, 0.9))
    answer = json.loads(get("/offramp/guarantee", "bundle=tiny&unit=macs&errors=0.2&confidence=0.9").body)
    assert answer["policy"] == "risk_control"
    sweep = run_sweep(POLICIES["risk_control"], outputs, STEPS)
    step = int(np.abs(sweep.budgets - answer["budget"]).argmin())
    promised, stricter, looser = (rule.threshold_spec().thresholds[0] for rule in (expected.rule, sweep.rules[step], sweep.rules[step - 1]))
    assert stricter >= promised > looser
    assert f"{sweep.budgets[step]:.1%}" in answer["text"]
    assert answer["text"].startswith(expected.target) and f"{100 * expected.test.accuracy:.1f}% accuracy" in answer["text"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("bundle=none&unit=macs&errors=0.1&confidence=0.9", "does not exist"),
        ("bundle=tiny&unit=seconds&errors=0.1&confidence=0.9", "does not exist"),
        ("bundle=tiny&unit=macs&errors=much&confidence=0.9", "errors must be a number between 0 and 1, not 'much'"),
        ("bundle=tiny&unit=macs&errors=0.1", "confidence must be a number"),
        ("bundle=tiny&unit=macs&errors=nan&confidence=0.9", "nan"),
        ("bundle=tiny&unit=macs&errors=0.1&confidence=1", "1"),
    ],
)
def test_what_cannot_be_promised_is_one_sentence(data: Path, query: str, reason: str) -> None:
    response = get("/offramp/guarantee", query)
    assert response.status_code == 400
    assert_one_sentence(bytes(response.body).decode(), reason)
