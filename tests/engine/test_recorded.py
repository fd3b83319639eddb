"""Results on the shipped bundles stay as recorded, unless CHANGELOG.md lists a change and its reason."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.analysis.intervals import paired_interval
from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from tests.recorded.record import BUNDLES, LEARNED, recorded_correct, recorded_sweeps, sweep_of

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"
#: "- `policy`, `policy` on `bundle`, `bundle` (or "every bundle"): reason"
ENTRY = re.compile(
    r"^- (?P<policies>`\w+`(?:, `\w+`)*) on (?P<bundles>every bundle|`[\w-]+`(?:, `[\w-]+`)*): (?P<reason>\S.+)", re.MULTILINE
)
NUMBERS = ("planned_cost", "calibration_cost", "calibration_accuracy", "cost", "accuracy")
LISTS = ("calibration_shares", "shares", "right_shares")
CASES = [(name, policy) for name in BUNDLES for policy in recorded_sweeps(name)]
#: Learning takes seconds for each bundle, so it is repeated on one chain and on one family.
REPEATED = [(name, policy) for name, policy in CASES if policy not in LEARNED or name in ("doodles", "cifar10-family")]


@cache
def opened(name: str) -> Bundle:
    return open_bundle(name)


def announced() -> set[tuple[str, str]]:
    """(bundle, policy) of every change that the changelog lists."""
    entries = ENTRY.finditer(CHANGELOG.read_text(encoding="utf-8"))
    return {
        (bundle, policy)
        for entry in entries
        for policy in re.findall(r"\w+", entry["policies"])
        for bundle in (BUNDLES if entry["bundles"] == "every bundle" else re.findall(r"[\w-]+", entry["bundles"]))
    }


def unchanged(name: str, policy: str) -> bool:
    bundle = opened(name)
    swept = sweep_of(bundle, policy)
    if policy in LEARNED:
        pairs = zip(swept.is_correct, recorded_correct(bundle, policy), strict=True)
        intervals = [paired_interval(now, before) for now, before in pairs]
        return all(interval.low <= 0 <= interval.high for interval in intervals)
    now, before = swept.as_json(name), recorded_sweeps(name)[policy]
    return all(
        np.allclose(point[key], old[key], rtol=1e-12, atol=1e-12)
        for point, old in zip(now["points"], before["points"], strict=True)
        for key in (*NUMBERS, *LISTS)
    )


@pytest.mark.parametrize(("name", "policy"), REPEATED)
def test_results_are_as_recorded_or_their_change_is_announced(name, policy):
    if (name, policy) in announced():
        assert not unchanged(name, policy), "CHANGELOG.md lists a change, but the results are as recorded"
    else:
        assert unchanged(name, policy), "the results differ from tests/recorded, and CHANGELOG.md does not list the change"


def test_every_entry_of_the_changelog_names_policies_and_bundles_that_exist():
    assert announced() <= set(CASES)
