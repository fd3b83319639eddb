"""What a link means, and what becomes of a wrong one."""

import pytest

from app.state import DEFAULT_BUDGET, SHOWS, AddressValue, View, choose

D = DEFAULT_BUDGET
CLASSES = ("cat", "dog", "<b>fox</b>")
IDS = {"7", "3000001", "-1", str(2**60)}


def read(**query: str) -> View:
    return View.read(query, low=0.13, classes=CLASSES, ids=IDS)


def test_an_empty_address_is_the_default_and_says_nothing() -> None:
    assert read() == View(DEFAULT_BUDGET, None, "all", None, ())


def test_where_the_default_budget_is_out_of_reach_the_least_is_shown_without_a_word() -> None:
    assert View.read({}, low=0.4, classes=CLASSES, ids=IDS) == View(0.4)
    assert View.read({}, low=1.0, classes=CLASSES, ids=IDS) == View(1.0)
    assert View.read({"budget": "0.3"}, low=0.4, classes=CLASSES, ids=IDS).notice


@pytest.mark.parametrize(
    "view",
    [View(0.25, 2, "incorrect", "7"), View(1.0), View(0.13, 0, "correct", "3000001"), View(0.5, picked="-1"), View(0.5, picked=str(2**60))],
)
def test_a_link_leads_back_to_the_same_view(view: View) -> None:
    assert View.read(view.as_query(CLASSES), 0.13, CLASSES, IDS) == view


@pytest.mark.parametrize(
    ("text", "budget"),
    [("7", 1.0), ("-1", 0.13), ("0.01", 0.13), ("half", D), ("nan", D), ("inf", 1.0), ("", D)],
)
def test_a_budget_that_cannot_be_is_clamped_and_said(text: str, budget: float) -> None:
    view = read(budget=text)
    assert view.budget == budget
    assert len(view.notice) == 1 and f"“{text}”" in view.notice[0]


@pytest.mark.parametrize("text", ["²", "٣", "7²", "-", "-7", "+7", " 7", "7.0", "1e3", "", str(2**60 + 1), "9" * 5000])
def test_an_image_that_is_not_here_is_said_and_left_out(text: str) -> None:
    view = read(image=text)
    assert view.picked is None
    assert len(view.notice) == 1 and f"asks for the image “{text[:40]}”, which is not in this bundle" in view.notice[0]


def test_unknown_words_are_said_and_left_out() -> None:
    view = read(**{"class": "wolf", "show": "odd", "image": "99"})
    assert (view.shown_class, view.show, view.picked) == (None, "all", None)
    assert [word in " ".join(view.notice) for word in ("wolf", "odd", "99")] == [True] * 3


def test_a_long_or_unprintable_wish_is_shortened() -> None:
    (notice,) = read(**{"class": "x" * 500 + "\x00"}).notice
    assert len(notice) < 150
    assert "\x00" not in read(**{"class": "a\x00b"}).notice[0]


def test_a_choice_is_kept_if_it_is_there() -> None:
    assert choose({"show": "correct"}, "show", SHOWS, "all", "filter") == AddressValue("correct")
    assert choose({}, "show", SHOWS, "all", "filter") == AddressValue("all")
