"""The views of the dashboard, by their path in the address. A view is one file that registers itself:

    @view(title="Library", url_path="library", order=30, of_bundle=False)
    def library() -> None:
        st.title("Library")
        ...

Every view has one title, and works on an empty data folder. Its contract test is already written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from engine.display_text import check_name

Show = TypeVar("Show", bound=Callable[[], None])


@dataclass(frozen=True)
class View:
    """title:    in the navigation
    url_path: lower-case letters, digits and dashes
    show:     draws the view
    order:    position in the navigation, smallest first
    default:  whether it opens when the address names no view; one view does
    of_bundle: whether it shows the bundle that the address names, which is then in the title of the tab
    """

    title: str
    url_path: str
    show: Callable[[], None]
    order: float
    default: bool = False
    of_bundle: bool = True

    @property
    def in_address(self) -> str:
        """The value of the address's parameter; empty for the default view, which needs none."""
        return "" if self.default else self.url_path


_views: dict[str, View] = {}

#: Every registered view, in the order of registration.
VIEWS: Mapping[str, View] = MappingProxyType(_views)


def view(*, title: str, url_path: str, order: float, default: bool = False, of_bundle: bool = True) -> Callable[[Show], Show]:
    """Decorator: make a function known as a view, see `View`."""

    check_name("view", url_path)

    def register(show: Show) -> Show:
        other = _views.get(url_path)
        # The same function comes again when Streamlit reloads its file.
        if other is not None and (other.show.__module__, other.show.__qualname__) != (show.__module__, show.__qualname__):
            raise ValueError(f"two views have the path {url_path!r}")
        _views[url_path] = View(title, url_path, show, order, default, of_bundle)
        return show

    return register


def in_order() -> list[View]:
    """As in the navigation."""
    return sorted(VIEWS.values(), key=lambda view: view.order)
