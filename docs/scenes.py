"""What there is a picture of: every view, and what can be opened in Explore, at the sizes of a desk, a phone and a projector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import urlencode

import app.views  # noqa: F401  registers the views
from app.address import VIEW
from app.views.registry import in_order

if TYPE_CHECKING:
    from playwright.sync_api import Page

Scheme = Literal["light", "dark"]
Step = Callable[["Page"], object]


@dataclass(frozen=True)
class Size:
    """width, height: of the window, in CSS pixels;  density: pixels of the picture for each of them;  touch: a finger, no pointer"""

    name: str
    width: int
    height: int
    density: int = 1
    touch: bool = False


DESK = Size("desk", 1440, 900)
PHONE = Size("phone", 390, 844, density=2, touch=True)
PROJECTOR = Size("projector", 1920, 1080)


@dataclass(frozen=True)
class Scene:
    """view:    as in the address, "" for the default one
    query:   the other parameters of the address
    steps:   what is done on the page before its picture is taken
    """

    name: str
    view: str
    size: Size
    scheme: Scheme
    steps: tuple[Step, ...] = ()
    query: tuple[tuple[str, str], ...] = ()

    @property
    def file(self) -> str:
        return f"{self.name}-{self.size.name}-{self.scheme}.webp"

    @property
    def address(self) -> str:
        """The parameters of the address."""
        return urlencode([*([(VIEW, self.view)] if self.view else []), *self.query])


def click(selector: str) -> Step:
    """On the first element that matches."""
    return lambda page: page.locator(selector).first.click()


def at_top(selector: str) -> Step:
    """Scroll to an element."""
    return lambda page: page.locator(selector).evaluate("(node) => node.scrollIntoView({ block: 'start' })")


def open_game(page: Page) -> None:
    page.get_by_role("button", name="Beat the network").click()


def play(page: Page) -> None:
    """Send the fourth example to the third exit and every other one to the second while the fuel lasts, and drive."""
    cards = page.locator(".offramp-game-card")
    for card, exit in ((3, 2), *((card, 1) for card in range(0, cards.count(), 2))):
        cards.nth(card).get_by_role("radio").nth(exit).click()
    page.get_by_role("button", name="Drive!").click()
    page.locator(".offramp-game-verdict").wait_for()


def colour_the_words(page: Page) -> None:
    page.locator(".offramp-words").click()
    page.locator(".offramp-trace-text mark").first.wait_for()


#: {name: what is opened in Explore}
OPENED: dict[str, tuple[Step, ...]] = {
    "example": (click(".offramp-face[data-exit='2']:not([data-over])"),),
    "grid": (click(".offramp-column:nth-child(2) .offramp-all"), at_top(".offramp-gallery")),
    "policies": (click("[data-what=policy]"), lambda page: page.locator(".offramp-card-of-policy h2").wait_for()),
    "take-home": (lambda page: page.get_by_role("button", name="Take home").click(),),
    "calculator": (click(".offramp-tool-calculator"),),
    "cards": (open_game,),
    "game": (open_game, play),
}
#: {name: bundle and budget, and what is opened in Explore}
OF_OTHER_BUNDLES: dict[str, tuple[tuple[tuple[str, str], ...], tuple[Step, ...]]] = {
    "masks": (
        (("bundle", "scenes"), ("policy", "bolukbasi"), ("budget", "0.5")),
        (click(".offramp-face[data-exit='1']:not([data-over])"), lambda page: page.locator(".offramp-mask").first.wait_for()),
    ),
    "words": (
        (("bundle", "phrases"), ("policy", "bolukbasi"), ("budget", "0.5")),
        (click(".offramp-face[data-exit='2']:not([data-over])"), colour_the_words),
    ),
}
FAMILY = (("bundle", "cifar10-family"), ("policy", "bolukbasi"))
PRESENT = (("present", "1"),)


def _scenes() -> Iterator[Scene]:
    everywhere = list(product((DESK, PHONE, PROJECTOR), get_args(Scheme)))
    for size, scheme in everywhere:
        presented = PRESENT if size is PROJECTOR else ()
        for view in in_order():
            yield Scene(view.url_path, view.in_address, size, scheme, query=presented if view.default else ())
        yield Scene("family", "", size, scheme, query=(*FAMILY, *presented))
        if size is not PROJECTOR:
            for name, steps in OPENED.items():
                yield Scene(name, "", size, scheme, steps)
            for name, (query, steps) in OF_OTHER_BUNDLES.items():
                yield Scene(name, "", size, scheme, steps, query)


SCENES = tuple(_scenes())
