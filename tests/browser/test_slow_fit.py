"""A policy that is fitted for long: its progress is shown, it can be cancelled, and the numbers shown until then are marked as old."""

import os
import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import LAUNCH, SEEN, Site, at_step, explore, press_keys, running, select, selected, step, still, swept, watched

#: Fits until the file `go` exists, and records how it ended.
POLICY = """
import time
from pathlib import Path

import engine
from engine.policies.core.mixing import OperatingPoints
from engine.policies.methods.static import StaticRule

FOLDER = Path(__file__).parent


@engine.register_policy
class Slow(engine.Policy):
    name, title = "slow", "Slow one"
    source, knob = "A test.", "the share of images that continue to the last exit"
    summary = "Like a fixed exit, but slow."

    def fit(self, fit, calibration, unit):
        return self.fit_in_steps(fit, calibration, unit, lambda done, of: None)

    def fit_in_steps(self, fit, calibration, unit, progress):
        (FOLDER / "begun").touch()
        done = 0
        try:
            while not (FOLDER / "go").exists():
                done = min(done + 1, 90)
                progress(done, 100)
                time.sleep(0.05)
        except BaseException:
            (FOLDER / "abandoned").touch()
            raise
        cost = calibration.static_cost(unit)
        return OperatingPoints([StaticRule(exit, float(cost[exit])) for exit in (0, calibration.exits - 1)])
"""


def test_a_slow_fit_shows_its_progress_and_can_be_cancelled(browser: Browser, bundles: Path, tmp_path: Path) -> None:
    (tmp_path / "slow_policy.py").write_text(POLICY)
    environment = {**os.environ, "OFFRAMP_DATA": str(bundles.parent), "OFFRAMP_EXTENSIONS": str(tmp_path)}
    with (
        running([sys.executable, "-c", LAUNCH, "--port", "8710", "--no-browser"], environment) as url,
        watched(still(browser), url) as page,
    ):
        explore(page, Site(url, bundles), "bundle=imageless&budget=0.5")
        title = selected(page, "policy")
        _, expected = swept(bundles)
        before, address, start = page.evaluate(SEEN), page.url, step(page, expected)
        select(page, "policy", "slow")
        busy = page.locator(".offramp-notice-busy")
        expect(busy).to_contain_text(f"Fitting “Slow one” on “{selected(page, 'bundle')}”")
        expect(busy).to_contain_text(f"The numbers below are still those of “{title}” on “{selected(page, 'bundle')}”.")
        detail = busy.locator(".offramp-notice-detail")
        page.wait_for_function("parseInt(document.querySelector('.offramp-notice-busy .offramp-notice-detail').textContent) >= 5")
        first = int(detail.inner_text().removesuffix("%"))
        page.wait_for_function(
            "(first) => parseInt(document.querySelector('.offramp-notice-busy .offramp-notice-detail').textContent) > first", arg=first
        )
        # The old numbers are still there, marked, and the handle still moves them.
        expect(page.locator(".offramp[data-busy]")).to_have_count(1)
        assert page.evaluate(SEEN) == before and page.url == address
        press_keys(page, "ArrowRight")
        at_step(page, expected, start + 1)
        press_keys(page, "ArrowLeft")
        at_step(page, expected, start)

        busy.get_by_role("button", name="Cancel").click()
        expect(busy).to_have_count(0)
        expect(page.locator(".offramp[data-busy]")).to_have_count(0)
        assert selected(page, "policy") == title
        assert page.evaluate(SEEN) == before and "policy" not in page.url
        for _ in range(100):  # the server notices within a step of its own
            if (tmp_path / "abandoned").exists():
                break
            page.wait_for_timeout(100)
        assert (tmp_path / "abandoned").exists(), "the fit goes on although no one waits for it"

        # Once more, to the end. What is selected meanwhile is added to what was selected before.
        select(page, "policy", "slow")
        expect(busy).to_contain_text("Fitting “Slow one”")
        select(page, "unit", "latency_ms")
        # Who opens the page with it sees no controls of what is not there yet.
        other = page.context.new_page()
        other.goto(f"{url}/?bundle=imageless&policy=slow")
        expect(other.locator(".offramp-notice-busy")).to_be_visible()
        expect(other.locator(".offramp-handle")).to_be_hidden()
        other.close()
        (tmp_path / "go").touch()
        page.wait_for_url(lambda address: "policy=slow" in address and "unit=latency_ms" in address)
        page.wait_for_function("document.querySelector('.offramp-drawing').getAttribute('aria-label').includes('Slow one')")
        expect(busy).to_have_count(0)
        expect(page.locator("[data-what=unit]")).to_contain_text("ms")
