"""What Python reads of the page's address. What concerns a view within a bundle is read in the browser: tests/web/address.test.mjs."""

import pytest

from app.address import DEFAULT_BUDGET, AddressValue, budget_of, choose

UNITS = {"macs": "Compute", "joules": "Energy"}


def test_a_known_value_is_kept_and_a_missing_one_is_the_default() -> None:
    assert choose({"unit": "joules"}, "unit", UNITS, "macs", "unit") == AddressValue("joules")
    assert choose({}, "unit", UNITS, "macs", "unit") == AddressValue("macs")


def test_an_unknown_value_is_replaced_with_a_notice() -> None:
    choice = choose({"unit": "acres"}, "unit", UNITS, "macs", "unit")
    assert choice.value == "macs" and choice.notice is not None and "“acres”" in choice.notice and "“Compute”" in choice.notice


def test_a_long_or_unprintable_value_is_shortened_in_the_notice() -> None:
    notice = choose({"unit": "a\x00" + "x" * 500}, "unit", UNITS, "macs", "unit").notice
    assert notice is not None and len(notice) < 150 and "\x00" not in notice


@pytest.mark.parametrize(
    ("text", "budget"), [("0.5", 0.5), ("half", DEFAULT_BUDGET), ("nan", DEFAULT_BUDGET), ("", DEFAULT_BUDGET), ("-3", 0)]
)
def test_the_budget_of_the_first_paint(text: str, budget: float) -> None:
    assert budget_of({"budget": text}) == budget
    assert budget_of({}) == DEFAULT_BUDGET


@pytest.mark.parametrize("text", ["inf", "1e999", "1e300", "1e17", "9" * 5000])
def test_the_nearest_budget_to_a_huge_one_is_the_largest(text: str) -> None:
    budget = budget_of({"budget": text})
    assert min((0.1, 0.5, 1.0), key=lambda option: abs(option - budget)) == 1.0
