"""The methods: every policy with its summary, its source, and how to run it."""

from pathlib import Path

from app.views.registry import VIEWS
from engine.policies import POLICIES
from tests.app.contracts import check_view


def test_every_policy_is_described(tmp_path: Path) -> None:
    page = check_view(VIEWS["methods"], tmp_path)
    assert [header.value for header in page.subheader] == [policy.title for policy in POLICIES.values()]
    text = "\n".join(element.value for element in page.markdown)
    for name, policy in POLICIES.items():
        assert policy.summary in text and policy.source in text and f"`--policy {name}`" in text


def test_bounds_are_marked_as_such(tmp_path: Path) -> None:
    text = "\n".join(element.value for element in check_view(VIEWS["methods"], tmp_path).markdown)
    assert text.count("A bound, not a method to deploy") == sum(not policy.deployable for policy in POLICIES.values()) > 0
