"""Views make themselves known, each under a path of its own."""

from collections.abc import Iterator

import pytest

import app.views  # noqa: F401  registers the views
from app.views import registry
from app.views.registry import VIEWS, in_order, view


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test registers is forgotten after it."""
    before = dict(VIEWS)
    yield
    registry._views.clear()
    registry._views.update(before)


def test_views_come_in_their_order() -> None:
    assert [view.title for view in in_order()][:3] == ["Explore", "Library"]
    view(title="Between", url_path="between", order=15)(lambda: None)
    assert [view.title for view in in_order()][:3] == ["Explore", "Between", "Library"]


def test_one_view_is_the_default() -> None:
    assert [view.url_path for view in in_order() if view.default] == ["explore"]


def test_a_path_belongs_to_one_view() -> None:
    with pytest.raises(ValueError, match="two views have the path 'library'"):
        view(title="Mine", url_path="library", order=99)(lambda: None)


def test_a_view_that_is_loaded_again_replaces_itself() -> None:
    def mine() -> None:
        pass

    view(title="Old", url_path="mine", order=50)(mine)
    view(title="New", url_path="mine", order=50)(mine)
    assert VIEWS["mine"].title == "New"
