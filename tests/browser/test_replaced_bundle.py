"""A bundle that is replaced while its page is open is shown as it is now from the next request on, and the old page goes on working."""

import shutil

from playwright.sync_api import Page, expect

from engine.bundle.bundle import write_bundle
from tests import synthetic
from tests.browser.conftest import ALL, COLUMN, TILE, Site, all_have_images, explore, press_keys, select, settled


def write(site: Site, seed: int, examples: int) -> None:
    made = synthetic.outputs(examples=examples, exits=3, seed=seed)
    write_bundle(synthetic.draft(made, "renewed", title=f"Bundle {seed}"), site.bundles / "renewed")


def seen(page: Page) -> tuple[str, str]:
    return page.locator(".offramp-sentence").inner_text(), " ".join(page.locator(f"{COLUMN} {ALL}").all_inner_texts())


def test_a_bundle_that_is_replaced_under_a_running_page_is_shown_anew(visitor: Page, site: Site) -> None:
    write(site, 21, 300)
    try:
        before = seen(explore(visitor, site, "bundle=renewed"))
        all_have_images(visitor)
        write(site, 22, 450)
        # What the page has loaded it keeps, and it answers as before.
        press_keys(visitor, "ArrowRight", 5)
        press_keys(visitor, "ArrowLeft", 5)
        assert seen(visitor) == before
        # Whatever asks the server shows the new one: here another policy, as on a page that is opened now.
        select(visitor, "policy", "margin")
        expect(visitor.get_by_text("Bundle 22").first).to_be_attached()
        settled(visitor, "policy=margin")
        other = visitor.context.new_page()
        now = seen(explore(other, site, "bundle=renewed&policy=margin"))
        other.close()
        expect(visitor.locator(".offramp-sentence")).to_have_text(now[0])
        assert seen(visitor) == now and now != before
        all_have_images(visitor)
        visitor.locator(COLUMN).first.locator(ALL).click()
        visitor.locator(TILE).first.wait_for()
        assert not visitor.locator("text=Traceback").count()
    finally:
        shutil.rmtree(site.bundles / "renewed")


def test_an_open_page_tells_that_its_bundle_was_replaced_and_keeps_the_view(visitor: Page, site: Site) -> None:
    write(site, 31, 300)
    try:
        explore(visitor, site, "bundle=renewed&policy=margin&budget=0.5")
        visitor.locator(".offramp-subset").select_option(index=1)
        visitor.wait_for_url("**class=*")
        before, address, shown = seen(visitor), visitor.url, visitor.locator(".offramp-subset").input_value()
        write(site, 32, 450)
        notice = visitor.locator(".offramp-notice-changed")
        expect(notice).to_contain_text("“Bundle 31” has changed on disk. This page still shows it as it was.", timeout=20_000)
        assert seen(visitor) == before
        notice.get_by_role("button", name="Show it as it is now").click()
        expect(notice).to_have_count(0)
        expect(visitor.locator("[data-what=bundle]")).to_contain_text("Bundle 32")
        settled(visitor, "policy=margin")
        assert visitor.url == address and visitor.locator(".offramp-subset").input_value() == shown and seen(visitor) != before
        # It is not told again.
        with visitor.expect_response(lambda response: "offramp/version" in response.url):
            pass
        expect(notice).to_have_count(0)
    finally:
        shutil.rmtree(site.bundles / "renewed")
