"""The shares of the exits are those of the sweep."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.figures.exit_shares import alt, figure, table
from app.shown import Shown
from tests.app.samples import sample

STEP = 20


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return sample(tmp_path_factory.mktemp("data"))


def test_the_bars_of_an_exit_add_up_to_its_share(shown: Shown) -> None:
    correct, incorrect = figure(shown, STEP).data
    assert (correct.name, incorrect.name) == ("correct", "incorrect")
    shares = [a + b for a, b in zip(correct.x, incorrect.x, strict=True)]
    assert shares == pytest.approx(shown.sweep.shares[STEP].tolist(), abs=2e-5)


def test_its_description_and_its_table_hold_the_numbers(shown: Shown) -> None:
    share, incorrect = shown.sweep.shares[STEP, 0], shown.sweep.incorrect[STEP, 0]
    assert f"Exit 1 {100 * share:.1f}% ({100 * incorrect:.1f}% incorrect)" in alt(shown, STEP)
    columns = table(shown, STEP).columns
    assert columns["Exit"] == ["Exit 1", "Exit 2", "Exit 3", "Exit 4"] and columns["Share of images"][0] == pytest.approx(share, abs=1e-5)


def test_names_are_not_read_as_html(shown: Shown, tmp_path: Path) -> None:
    named = replace(shown, bundle=replace(shown.bundle, exit_names=("<b>a</b>", "b", "c", "d")))
    assert figure(named, STEP).data[0].y[0] == "&lt;b&gt;a&lt;/b&gt;"
