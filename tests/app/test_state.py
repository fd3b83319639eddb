"""What a link means, and what happens to one with invalid values."""

import pytest

from app.state import DEFAULT_BUDGET, SHOWS, AddressValue, ViewState, choose

D = DEFAULT_BUDGET
CLASSES = ("cat", "dog", "<b>fox</b>")
IDS = {"7", "3000001", "-1", str(2**60)}


def read(**query: str) -> ViewState:
    return ViewState.read(query, low=0.13, classes=CLASSES, ids=IDS)


def test_an_empty_address_is_the_default_without_a_notice() -> None:
    assert read() == ViewState(DEFAULT_BUDGET, None, "all", None, ())


def test_a_default_budget_out_of_reach_becomes_the_smallest_without_a_notice() -> None:
    assert ViewState.read({}, low=0.4, classes=CLASSES, ids=IDS) == ViewState(0.4)
    assert ViewState.read({}, low=1.0, classes=CLASSES, ids=IDS) == ViewState(1.0)
    assert ViewState.read({"budget": "0.3"}, low=0.4, classes=CLASSES, ids=IDS).notice


@pytest.mark.parametrize(
    "view",
    [
        ViewState(0.25, 2, "incorrect", "7"),
        ViewState(1.0),
        ViewState(0.13, 0, "correct", "3000001"),
        ViewState(0.5, picked="-1"),
        ViewState(0.5, picked=str(2**60)),
    ],
)
def test_a_link_leads_back_to_the_same_view(view: ViewState) -> None:
    assert ViewState.read(view.as_query(CLASSES), 0.13, CLASSES, IDS) == view


@pytest.mark.parametrize(
    ("text", "budget"),
    [("7", 1.0), ("-1", 0.13), ("0.01", 0.13), ("half", D), ("nan", D), ("inf", 1.0), ("", D)],
)
def test_an_invalid_budget_is_clamped_with_a_notice(text: str, budget: float) -> None:
    view = read(budget=text)
    assert view.budget == budget
    assert len(view.notice) == 1 and f"“{text}”" in view.notice[0]


@pytest.mark.parametrize("text", ["²", "٣", "7²", "-", "-7", "+7", " 7", "7.0", "1e3", "", str(2**60 + 1), "9" * 5000])
def test_an_unknown_image_is_left_out_with_a_notice(text: str) -> None:
    view = read(image=text)
    assert view.picked is None
    assert len(view.notice) == 1 and f"asks for the image “{text[:40]}”, which is not in the test split" in view.notice[0]


def test_unknown_values_are_left_out_with_a_notice() -> None:
    view = read(**{"class": "wolf", "show": "odd", "image": "99"})
    assert (view.shown_class, view.show, view.picked) == (None, "all", None)
    assert [word in " ".join(view.notice) for word in ("wolf", "odd", "99")] == [True] * 3


def test_a_long_or_unprintable_value_is_shortened() -> None:
    (notice,) = read(**{"class": "x" * 500 + "\x00"}).notice
    assert len(notice) < 150
    assert "\x00" not in read(**{"class": "a\x00b"}).notice[0]


def test_a_known_value_is_kept() -> None:
    assert choose({"show": "correct"}, "show", SHOWS, "all", "filter") == AddressValue("correct")
    assert choose({}, "show", SHOWS, "all", "filter") == AddressValue("all")
