"""The explore block breaks no rule of axe-core: colours have enough contrast, headings are in order, and controls have names."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.reports import EXITS, LEAST_BUDGET, write_report
from tests.node_packages import node_modules

VIOLATIONS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] })
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${impact}: ${id}: ${target.join(" ")}: ${failureSummary}`))
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("report"))


@pytest.mark.parametrize("budget", [LEAST_BUDGET, 0.5])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_explore_block_is_accessible(browser: Browser, file: Path, scheme: Literal["light", "dark"], width: int, budget: float) -> None:
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{file.as_uri()}#budget={budget}")
        page.locator(".offramp[data-ready=true] .offramp-tile").first.click()
        expect(page.locator(".offramp-steps li")).to_have_count(EXITS)
        expect(page.locator(".offramp-empty")).to_have_count(EXITS - 1 if budget == LEAST_BUDGET else 0)
        page.add_script_tag(path=node_modules() / "axe-core" / "axe.min.js")
        violations = page.evaluate(VIOLATIONS)
    assert not violations, "\n\n".join(violations)
