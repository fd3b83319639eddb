"""What an address selects, and what takes the place of what does not exist."""

import shutil
from pathlib import Path

import pytest

from app.selection import Selection, bundle_title, openable, select
from engine.bundle.bundle import read_bundle
from engine.policies import POLICIES
from tests.app.samples import write_sample


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_sample(tmp_path)
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    return tmp_path


def selected(**query: str) -> Selection:
    return select(openable()[0], query)


def test_an_empty_address_selects_the_defaults(data: Path) -> None:
    selection = selected()
    assert selection.names == selection.defaults == {"bundle": "tiny", "policy": "maxprob", "unit": "macs"}
    assert selection.notices == ()


def test_an_address_selects_what_it_names(data: Path) -> None:
    write_sample(data, "other")
    selection = selected(bundle="tiny", policy="entropy", unit="latency_ms")
    assert selection.names == {"bundle": "tiny", "policy": "entropy", "unit": "latency_ms"} and selection.notices == ()
    assert [option.value for option in selection.bundles] == ["other", "tiny"]


def test_what_does_not_exist_is_replaced_with_a_notice_each(data: Path) -> None:
    selection = selected(bundle="![x]", policy="nonsense", unit="acres")
    assert selection.names == selection.defaults
    assert [word in notice for word, notice in zip(("![x]", "nonsense", "acres"), selection.notices, strict=True)] == [True] * 3


def test_a_policy_that_needs_more_than_the_bundle_holds_is_not_offered_and_the_notice_says_why(data: Path) -> None:
    write_sample(data, "bare", recorded="confidence")
    selection = selected(bundle="bare", policy="ztw")
    reason = POLICIES["ztw"].unavailable_reason(read_bundle(data / "bundles" / "bare").outputs)
    assert selection.notices == (f"{reason} Showing “{POLICIES['maxprob'].title}” instead.",)
    assert "ztw" not in [option.value for option in selection.policies] and reason in selection.unavailable


def test_bundles_of_the_same_title_are_distinct(data: Path) -> None:
    write_sample(data, "other")
    assert [option.title for option in selected().bundles] == ["A tiny bundle (other)", "A tiny bundle (tiny)"]


def test_a_damaged_bundle_is_left_out_with_a_sentence(data: Path) -> None:
    (write_sample(data, "damaged") / "outputs.parquet").write_bytes(b"cut")
    whole, problems = openable()
    assert list(whole) == ["tiny"] and len(problems) == 1 and "damaged" in problems[0]


def test_a_bundle_is_named_without_opening_others(data: Path) -> None:
    assert bundle_title({"bundle": "tiny"}) == bundle_title({}) == "A tiny bundle"
    (write_sample(data, "another") / "images.bin").unlink()
    assert bundle_title({"bundle": "another"}) == "A tiny bundle"
    shutil.rmtree(data / "bundles")
    assert bundle_title({}) == ""
