"""The explore view without a browser: what it sends to the live block, basic controls, and the target form."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Widget

from app import store
from app.address import ADDRESS
from app.store import STEPS
from app.views.registry import VIEWS
from app.widgets.target_form import FLOOR, GUARANTEE
from engine.bundle.bundle import add_measured, read_bundle
from engine.bundle.library import Entry
from engine.policies import POLICIES
from engine.sweep import Sweep, run_sweep
from engine.targets import Promise, by_accuracy_floor, by_guarantee
from tests.app.contracts import check_view
from tests.app.samples import write_sample
from tests.measured import fresh


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose bundle has been shown under the default policy."""
    write_sample(tmp_path)
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    warm(tmp_path)
    return tmp_path


def explore(data: Path, **query: str) -> AppTest:
    return check_view(VIEWS["explore"], data, **query)


def swept(data: Path, policy: str = "maxprob", unit: str = "macs") -> Sweep:
    return run_sweep(POLICIES[policy], read_bundle(data / "bundles" / "tiny").outputs, STEPS, unit)


def warm(data: Path, policy: str = "maxprob") -> None:
    """As after a visit: the sweep is in memory."""
    for name in (policy, store.MIX, store.ORACLE):
        store.swept(Entry("tiny", data / "bundles" / "tiny"), name, "macs")


def blocks(page: AppTest) -> list[dict[str, Any]]:
    """The data of every live block of the page."""
    components = [element.proto for element in page.main if element.type == "bidi_component"]
    return [json.loads(proto.json) for proto in components]


def texts(page: AppTest, kind: str) -> list[str]:
    """Of all elements of a kind, without the backslashes that keep names from being read as Markdown."""
    return [element.value.replace("\\", "") for element in page.get(kind)]


def run(changed: Widget) -> AppTest:
    """The page after a widget was changed."""
    page = changed.run()
    assert not page.exception, page.exception
    return page


def test_a_sweep_that_is_there_is_sent_with_the_page(data: Path) -> None:
    warm(data, "entropy")
    (block,) = blocks(explore(data, policy="entropy"))
    assert block["explore"]["selection"] == {"bundle": "tiny", "policy": "entropy", "unit": "macs"}


def test_a_sweep_that_is_not_there_is_left_to_the_browser(data: Path) -> None:
    page = AppTest.from_string("from app.views.registry import VIEWS\nVIEWS['explore'].show()", default_timeout=100)
    page.session_state[ADDRESS] = {"policy": "margin"}
    page.run()
    assert blocks(page) == [{"explore": None}] and not page.dataframe


def test_the_page_never_writes_its_address(data: Path) -> None:
    query = {"policy": "nonsense", "budget": "7", "show": "maybe"}
    page = explore(data, **query)
    run(page.toggle(key="basic").set_value(True))
    assert page.session_state[ADDRESS] == query and not page.query_params


def test_the_numbers_are_those_of_the_sweep(data: Path) -> None:
    expected = swept(data)
    (table,) = explore(data).dataframe
    assert list(table.value["Test accuracy"]) == pytest.approx(expected.accuracy[::10], abs=1e-5)
    assert list(table.value["Leave at Exit 2"]) == pytest.approx(expected.shares[::10, 1], abs=1e-5)


def test_real_runs_have_a_table(data: Path) -> None:
    add_measured(data / "bundles" / "tiny", [fresh(1), fresh(32)])
    warm(data)
    table = explore(data).dataframe[1]
    assert list(table.value["Batch size"]) == [1] * 3 + [32] * 3
    assert "Measured with real early exits" in " ".join(texts(explore(data), "caption"))


# Basic controls


def test_basic_controls_say_what_the_sweep_says(data: Path) -> None:
    expected = swept(data)
    page = explore(data, fallback="1", budget="0.5")
    slider = page.select_slider[0]
    step = slider.options.index(slider.format_func(slider.value) if callable(slider.format_func) else slider.value)
    assert abs(expected.budgets[step] - 0.5) < 0.01
    accuracy, cost = 100 * expected.accuracy[step], 100 * expected.cost[step]
    assert texts(page, "header")[0].startswith(f"{accuracy:.1f}% accuracy at {cost:.0f}% of the compute (")
    assert len(page.get("plotly_chart")) == 2


def test_basic_controls_move_the_budget(data: Path) -> None:
    expected = swept(data)
    page = explore(data, fallback="1")
    run(page.select_slider[0].set_value(float(expected.budgets[-1])))
    assert "100% of the compute (as accurate as" in texts(page, "header")[0]


def test_basic_controls_show_images_of_every_exit(data: Path) -> None:
    page = explore(data, fallback="1", budget="0.5")
    step = int(abs(swept(data).budgets - 0.5).argmin())
    counts = [int(text.rsplit(" ", 2)[1]) for text in texts(page, "markdown") if text.endswith(" images")]
    shares = swept(data).shares[step]
    assert counts == [round(200 * share) for share in shares] and len(page.get("image")) == sum(min(count, 12) for count in counts)


def test_basic_controls_select_bundle_policy_and_unit(data: Path) -> None:
    page = explore(data, fallback="1", policy="entropy", unit="latency_ms")
    assert [page.selectbox(key=f"basic-{name}").value for name in ("bundle", "policy", "unit")] == ["tiny", "entropy", "latency_ms"]
    run(page.selectbox(key="basic-policy").set_value("margin"))
    expected = swept(data, "margin", "latency_ms")
    (table,) = page.dataframe
    assert list(table.value["Test accuracy"]) == pytest.approx(expected.accuracy[::10], abs=1e-5)


def test_basic_controls_replace_invalid_parameters_with_a_warning(data: Path) -> None:
    page = explore(data, fallback="1", policy="nonsense")
    assert len(page.warning) == 1 and "“nonsense”" in texts(page, "warning")[0]
    assert page.selectbox(key="basic-policy").value == "maxprob"


def test_a_switch_leads_to_the_basic_controls_and_back(data: Path) -> None:
    page = explore(data)
    assert not page.select_slider and blocks(page)
    run(page.toggle(key="basic").set_value(True))
    assert page.select_slider and not blocks(page)
    run(page.toggle(key="basic").set_value(False))
    assert not page.select_slider and blocks(page)


# The target form of the basic controls


def test_the_target_form_opens_on_demand(data: Path) -> None:
    page = explore(data, fallback="1")
    assert not page.number_input
    run(page.toggle(key="target").set_value(True))
    assert (
        page.radio(key="target-kind").options == [FLOOR.format("accuracy"), GUARANTEE]
        and page.number_input(key="target-accuracy").value == 95.0
    )


def test_a_minimum_accuracy_leads_to_a_rule(data: Path) -> None:
    outputs = read_bundle(data / "bundles" / "tiny").outputs
    page = run(explore(data, fallback="1").toggle(key="target").set_value(True))
    run(page.number_input(key="target-accuracy").set_value(50.0))
    expected = by_accuracy_floor(POLICIES["maxprob"], outputs, 0.5)
    result = next(text for text in texts(page, "markdown") if "where it was tuned" in text)
    assert f"{100 * expected.calibration.accuracy:.1f}% accuracy at {100 * expected.calibration.cost:.1f}% of the compute" in result
    assert f"On 200 test examples: {100 * expected.test.accuracy:.1f}% accuracy" in result


def test_an_accuracy_out_of_reach_is_a_warning(data: Path) -> None:
    page = run(explore(data, fallback="1").toggle(key="target").set_value(True))
    run(page.number_input(key="target-accuracy").set_value(100.0))
    assert len(page.warning) == 1 and not any("where it was tuned" in text for text in texts(page, "markdown"))


def test_a_limit_on_extra_errors_leads_to_its_policy(data: Path) -> None:
    page = run(explore(data, fallback="1").toggle(key="target").set_value(True))
    run(page.radio(key="target-kind").set_value(GUARANTEE))
    run(page.number_input(key="target-errors").set_value(20.0))
    expected = by_guarantee(read_bundle(data / "bundles" / "tiny").outputs, Promise(0.2, 0.9))
    result = next(text for text in texts(page, "markdown") if "where it was tuned" in text)
    assert result.startswith(POLICIES["risk_control"].title) and f"{100 * expected.test.accuracy:.1f}% accuracy" in result
