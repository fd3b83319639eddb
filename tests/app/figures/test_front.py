"""The front draws the sweeps and marks the real runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.figures.front import alt, figure, table
from app.shown import Shown
from tests.app.samples import sample, with_measured
from tests.measured import ACCURACY, BUDGETS, DEVICE, SPEED_UPS, fresh


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return sample(tmp_path_factory.mktemp("data"), examples=900)


def test_it_draws_the_sweep(shown: Shown) -> None:
    sweep = shown.sweep
    drawn = figure(shown)
    lines = {trace.name: trace for trace in drawn.data}
    assert np.allclose(lines[shown.title].x, sweep.cost, atol=1e-5) and np.allclose(lines[shown.title].y, sweep.accuracy, atol=1e-5)
    assert list(lines["Static exits"].text) == ["1", "2", "3", "4"]
    assert {trace.mode for trace in drawn.data} == {"lines", "markers+text"}
    assert drawn.layout.yaxis.title.text == "Test accuracy"


def test_a_budget_can_be_marked(shown: Shown) -> None:
    mark = figure(shown, 20).data[-1]
    assert (mark.name, mark.mode) == ("This budget", "markers")
    assert (mark.x[0], mark.y[0]) == pytest.approx((shown.sweep.cost[20], shown.sweep.accuracy[20]), abs=1e-5)


def test_names_are_not_read_as_html(shown: Shown) -> None:
    (trace, *_) = figure(with_measured(shown, fresh(1, device="<b>Slide rule</b>").measured, fresh(1).measured)).data[-2:]
    assert trace.name == "Measured time on &lt;b&gt;Slide rule&lt;/b&gt;" and "&lt;b&gt;" in trace.customdata[0]


def test_real_runs_are_marked(shown: Shown) -> None:
    entries = [fresh(size, device=device).measured for device in (DEVICE, "Slide rule") for size in (1, 32)]
    without = figure(shown)
    one_device = figure(with_measured(shown, *entries[:2]))
    (marks,) = one_device.data[len(without.data) :]
    assert marks.name == "Measured time, by batch size" and marks.mode == "markers+text"
    assert list(marks.text) == ["1"] * 3 + ["32"] * 3
    assert np.allclose(marks.x, [1 / speed_up for size in (1, 32) for speed_up in SPEED_UPS[size]], atol=1e-5)
    assert np.allclose(marks.y, ACCURACY * 2)
    assert one_device.layout.xaxis.range[1] > max(marks.x) > 1.04, "a run slower than the full network is inside the axes"
    assert one_device.layout.yaxis.range[0] < ACCURACY[0]
    for text, budget in zip(marks.customdata, BUDGETS * 2, strict=True):
        facts = (
            f"{budget:.0%} budget",
            "full network’s time",
            "from MACs",
            "from stage times",
            "2,000 test images",
            "timed on 512",
            DEVICE,
        )
        assert all(fact in text for fact in facts)
    two_devices = figure(with_measured(shown, *entries))
    assert len({trace.marker.symbol for trace in two_devices.data[-2:]}) == 2
    described = alt(with_measured(shown, entries[1]))
    assert f"Real runs at batch 32 on {DEVICE}: 55.0% accuracy in 50% of the time" in described


def test_batch_sizes_of_close_marks_are_on_different_sides(shown: Shown) -> None:
    entries = [fresh(size).measured for size in (1, 32, 64)]  # at 32 and 64 almost equally fast
    runs = tuple(replace(run, speed_up=1.03 * run.speed_up) for run in entries[2].runs)
    entries[2] = replace(entries[2], runs=runs)
    places = np.array(figure(with_measured(shown, *entries)).data[-1].textposition).reshape(3, -1)
    assert (places[1] != places[2]).all()


def test_a_batch_size_does_not_cover_the_curve(shown: Shown) -> None:
    (run, *_), step = fresh(1).measured.runs, 30
    accuracy = float(shown.sweep.accuracy[step]) - 0.02
    just_below = replace(run, speed_up=1 / float(shown.sweep.cost[step]), accuracy=accuracy)
    marks = figure(with_measured(shown, replace(fresh(1).measured, runs=(just_below,)))).data[-1]
    assert list(marks.textposition) == ["bottom center"]


def test_its_description_holds_the_numbers(shown: Shown) -> None:
    accuracy = shown.sweep.accuracy
    described = alt(shown)
    assert shown.title in described and f"{100 * accuracy[0]:.1f}%" in described and f"{100 * accuracy[-1]:.1f}%" in described


def test_its_table_has_a_row_for_some_budgets(shown: Shown) -> None:
    columns = table(shown).columns
    assert list(columns["Test cost"]) == pytest.approx(shown.sweep.cost[::2], abs=1e-5)
    assert list(columns["Leave at Exit 2"]) == pytest.approx(shown.sweep.shares[::2, 1], abs=1e-5)
    assert "300 examples" in table(shown).caption


def test_the_data_folder_does_not_matter(shown: Shown, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = figure(shown).to_json()
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    assert figure(shown).to_json() == before
