"""The scenes that the documents show exist and can be taken."""

import re
from typing import get_args

from playwright.sync_api import Browser

from app.views.registry import VIEWS
from docs.scenes import DESK, PHONE, PROJECTOR, SCENES, Scheme
from docs.screenshots import PICTURES, ROAD, shown, take, window
from tests.browser.conftest import Reports

BY_FILE = {scene.file: scene for scene in SCENES}


def test_every_view_is_taken_at_every_size_light_and_dark() -> None:
    assert len(BY_FILE) == len(SCENES)
    assert all(re.fullmatch(r"[a-z-]+\.webp", file) for file in BY_FILE)
    for view in VIEWS.values():
        taken = {(scene.size, scene.scheme) for scene in SCENES if scene.name == view.url_path}
        assert taken == {(size, scheme) for size in (DESK, PHONE, PROJECTOR) for scheme in get_args(Scheme)}


def test_documents_show_scenes() -> None:
    assert shown() and shown() <= BY_FILE.keys()


def test_pictures_are_shown_and_small() -> None:
    sizes = {path.name: path.stat().st_size for path in PICTURES.glob("*")}
    assert sizes.keys() <= shown(), "delete those that no document shows"
    assert sum(sizes.values()) < 3e6
    assert not ROAD.exists() or ROAD.stat().st_size < 2e6


def test_a_scene_is_taken(browser: Browser, report: Reports) -> None:
    scene = BY_FILE["game-phone-dark.webp"]
    with window(browser, scene) as opened:
        picture = take(opened, report.file("tiny").as_uri() + "#", scene).convert("RGB")
        assert opened.page.locator(".offramp-game-verdict").is_visible()
    assert picture.size == (2 * PHONE.width, 2 * PHONE.height)
    corner = picture.getpixel((3, 3))
    assert isinstance(corner, tuple) and max(corner) < 100, "it is dark"
