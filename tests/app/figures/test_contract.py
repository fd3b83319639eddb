"""Every registered chart keeps the contract, whatever the bundle holds."""

from pathlib import Path

import pytest

import app.figures  # noqa: F401  registers the charts
from app.figures.registry import CHARTS, Chart, register
from app.figures.style import CONFIG
from tests.app.contracts import check_chart
from tests.app.samples import sample, with_measured
from tests.measured import fresh

EVERY_CHART = pytest.mark.parametrize("chart", CHARTS.values(), ids=lambda chart: chart.name)


@EVERY_CHART
@pytest.mark.parametrize("policy", ["maxprob", "random_mix", "oracle", "static"])
def test_a_chart_keeps_the_contract(chart: Chart, policy: str, tmp_path: Path) -> None:
    check_chart(chart, sample(tmp_path, policy, examples=150))


@EVERY_CHART
@pytest.mark.parametrize(
    "outputs", [{"exits": 2}, {"exits": 3, "kind": "family"}, {"exits": 40}, {"recorded": "confidence"}], ids=lambda given: str(given)
)
def test_a_chart_keeps_it_on_other_bundles(chart: Chart, outputs: dict, tmp_path: Path) -> None:
    check_chart(chart, sample(tmp_path, examples=90, **outputs))


@EVERY_CHART
def test_a_chart_keeps_it_with_real_runs(chart: Chart, tmp_path: Path) -> None:
    check_chart(chart, with_measured(sample(tmp_path, examples=90), fresh(1).measured, fresh(32).measured))


def test_a_name_belongs_to_one_chart() -> None:
    def figure(shown, step):
        raise NotImplementedError

    with pytest.raises(ValueError, match="two charts are called 'front'"):
        register(Chart("front", figure, CHARTS["front"].alt, CHARTS["front"].table))


def test_no_chart_may_send_anything_anywhere() -> None:
    assert CONFIG["showSendToCloud"] is False and CONFIG["displaylogo"] is False
