"""Large bundles on the page: figures of the sample, or of all examples once they are kept, and which they are is said."""

import json
from pathlib import Path

import numpy as np
import pytest

from app import resources, store
from app.explore_data import data_of
from app.figures.front import FRONT
from app.payload.container import decode
from app.payload.difference_intervals import intervals_data
from app.payload.sweep_resource import sweep_resource
from app.report.contents import report
from app.selection import select
from app.shown import Shown
from app.views.registry import VIEWS
from app.worker.pictures import Album
from engine.__main__ import main
from engine.analysis import kept_sweeps
from engine.analysis.kept_sweeps import kept_at
from engine.bundle.library import Entry
from engine.paths import data_root
from engine.policies import POLICIES
from engine.splits import Split
from engine.sweep import follow, run_sweep
from tests.app.contracts import check_chart, check_view
from tests.large import large_bundle
from tests.synthetic import outputs

MADE = outputs(examples=1500, seed=70, shuffled=True, recorded="confidence")


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    large_bundle(MADE, tmp_path / "bundles" / "large")
    return Entry("large", tmp_path / "bundles" / "large")


def page_data(entry: Entry, shown: Shown) -> dict:
    return data_of(select({entry.id: entry}, {}), shown, Album(None), 0.5)


def keep(entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", str(entry.folder), "--policy", "maxprob", "--points", "3", "--keep"]) == 0
    shown = capsys.readouterr().err
    assert f"Kept for the page in {data_root() / 'sweeps'}, at 201 budgets each: maxprob, random_mix, oracle." in shown
    for name in ("maxprob", "random_mix", "oracle"):
        assert f"] 0% of the figures of {name} for the page" in shown


def test_figures_are_those_of_the_sample_and_it_is_said(entry: Entry) -> None:
    shown = Shown.of(entry, "maxprob", "macs")
    sample = store.opened(entry).outputs.test()
    assert shown.sweep.examples == shown.sweep.routed == sample.examples == 150
    scope = page_data(entry, shown)["scope"]
    assert "sample of 150 of the 500 test examples" in scope and "250 of 500 calibration examples" in scope
    assert "python -m engine sweep large --policy maxprob --keep" in scope


def test_kept_figures_are_those_of_all_examples(entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    before = resources.sweep_address(entry, "maxprob", "macs")
    keep(entry, capsys)
    assert resources.sweep_address(entry, "maxprob", "macs") != before
    assert Shown.of(entry, "maxprob", "macs") and Shown.is_ready(entry, "maxprob", "macs")
    shown, test = Shown.of(entry, "maxprob", "macs"), MADE.test()
    for sweep in (shown.sweep, shown.mix, shown.oracle):
        assert (sweep.examples, sweep.routed) == (500, 150)
    followed = [follow(rule, test, "macs") for rule in shown.sweep.rules]
    np.testing.assert_allclose(shown.sweep.accuracy, [point.accuracy for point in followed], rtol=1e-12)
    np.testing.assert_allclose(shown.sweep.shares, [point.shares for point in followed], rtol=1e-12)
    data = page_data(entry, shown)
    assert data["tested"] == 500 and "those of all 500 test examples" in data["scope"] and "stratified sample of 150" in data["scope"]
    resource, _ = decode(sweep_resource(shown))
    assert (resource["examples"], resource["tested"], resource["holder"]) == (150, 500, "the sample")
    assert sum(each["tested"] for each in resource["subsets"] if "class" in each) == 500
    narrow, wide = intervals_data(shown), intervals_data(Shown(shown.bundle, "maxprob", *sampled(shown)))
    assert np.mean(np.subtract(narrow["high"], narrow["low"])) < np.mean(np.subtract(wide["high"], wide["low"]))
    check_chart(FRONT, shown)
    json.dumps(data, allow_nan=False)


def sampled(shown: Shown) -> list:
    names = ("maxprob", store.MIX, store.oracle(shown.bundle.outputs))
    return [run_sweep(POLICIES[name], shown.bundle.outputs, store.STEPS) for name in names]


@pytest.mark.parametrize("change", ["knobs", "shape", "text", "gone"])
def test_figures_of_other_knobs_are_passed_over(change: str, entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    keep(entry, capsys)
    path = kept_at(store.opened(entry), "maxprob", "macs")
    document = json.loads(path.read_bytes())
    if change == "knobs":
        document["planned_cost"][7] += 1e-6
    if change == "shape":
        document["shares"] = document["shares"][1:]
    path.write_text("not JSON" if change == "text" else json.dumps(document))
    if change == "gone":
        path.unlink()
    shown = Shown.of(entry, "maxprob", "macs")
    assert shown.sweep.examples == 150 and "of a stratified sample" in shown.scope


def test_too_many_counts_stay_those_of_the_sample_and_it_is_said(
    entry: Entry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_sweeps, "MOST_COUNTS", 10)
    keep(entry, capsys)
    shown = Shown.of(entry, "maxprob", "macs")
    assert not shown.is_sampled and "the numbers of classes and levels are those of a stratified sample of 150" in shown.scope
    resource, _ = decode(sweep_resource(shown))
    assert sum(each["tested"] for each in resource["subsets"] if "class" in each) == 150


def test_a_usual_bundle_has_no_scope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    from tests.app.samples import sample

    assert sample(tmp_path, examples=90).scope == ""


def test_a_report_tells_of_the_sample(entry: Entry) -> None:
    content = report(Shown.of(entry, "maxprob", "macs"), Album(None), examples=40)
    assert (
        "holds 40 examples at random, of the 150" in content.data["scope"]
        and "sample of 150 of the 500 test examples" in content.data["scope"]
    )


def test_every_view_tells_of_the_sample(entry: Entry, tmp_path: Path) -> None:
    library = check_view(VIEWS["library"], tmp_path)
    texts = " ".join(element.value for element in library.markdown)
    assert "1,500 examples" in texts and "stratified sample of 150 of 500 test examples" in texts
    basic = check_view(VIEWS["explore"], tmp_path, bundle="large", fallback="1")
    assert any("stratified sample of 150" in caption.value for caption in basic.caption)
    assert store.opened(entry).whole is not None and store.opened(entry).whole.examples[Split.TEST] == 500
