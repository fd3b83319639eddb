"""The table of the real runs."""

from app.figures.real_runs import table
from tests.measured import ACCURACY, BUDGETS, DEVICE, SPEED_UPS, fresh


def test_every_run_has_a_row() -> None:
    made = table([fresh(1).measured, fresh(32).measured])
    assert made.columns["Device"] == [DEVICE] * 6 and made.columns["Batch size"] == [1] * 3 + [32] * 3
    assert made.columns["Budget"] == [*BUDGETS] * 2 and made.columns["Accuracy"] == [*ACCURACY] * 2
    assert made.columns["Speed-up"] == [*SPEED_UPS[1], *SPEED_UPS[32]]
    assert made.formats.keys() < made.columns.keys()
