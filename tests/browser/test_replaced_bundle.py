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
