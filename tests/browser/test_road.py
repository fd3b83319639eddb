"""The road shows the sweep: examples stand where they leave, ramps are as wide as shares, and shares times places add up to the spend."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from app.store import STEPS
from engine.importing.importer import import_file
from engine.outputs import Outputs
from engine.sweep import Sweep
from tests import synthetic
from tests.browser.conftest import COLUMN, FACE, RAIL_ENDS, SLIDER, Reports, frame, step, still, swept, watched

CAST = 120  # examples at most
SLANT = 0.8  # px along the road for each px of a ramp's width: half of it before the ramp's place, half behind; the last ramp ends there
FIVE = np.linspace(0, STEPS - 1, 5).astype(int).tolist()
#: Every example of the cast, in the order of the document: where it says it is, and where it is.
CAST_SEEN = """() => [...document.querySelectorAll('.offramp-face')].map((face) => {
  const { left, top, width, height } = face.getBoundingClientRect()
  const over = face.hasAttribute('data-over')
  const [id, exit] = [Number(face.dataset.id), Number(face.dataset.exit)]
  return { id, exit, correct: face.dataset.correct === 'true', over, left, top, width, height }
})"""
#: thick: the width of the road at its start;  ramps: of every exit the drawn width, the two ends of the part that is side by side with the
#: road, and its end at the sign;  lanes: of bypasses. All in pixels, along the screen. width(x): of the road, at a place along it.
ROAD = """() => {
  const drawing = document.querySelector('.offramp-road-drawing')
  const asphalt = document.querySelector('.offramp-asphalt')
  const scale = drawing.getScreenCTM().a
  const toScreen = (point) => point.matrixTransform(drawing.getScreenCTM())
  const width = (x) => {
    const point = new DOMPoint(x, 0).matrixTransform(drawing.getScreenCTM().inverse())
    let inside = 0
    for (point.y = -10; point.y < 120; point.y += 0.1) inside += asphalt.isPointInFill(point)
    return 0.1 * inside * scale
  }
  const bands = (name) => [...document.querySelectorAll(name)].map((group) => {
    const path = group.querySelector('path:last-of-type')
    const d = path.getAttribute('d')
    if (!d) return null
    const [first, last] = d.match(/^M(\\S+) (\\S+)L(\\S+) (\\S+?)C/).slice(1).map(Number).filter((_, i) => i % 2 === 0)
    const [begin, end] = [first, last].map((x) => toScreen(new DOMPoint(x, 0)).x)
    const exit = toScreen(path.getPointAtLength(path.getTotalLength())).x
    return { width: parseFloat(getComputedStyle(path).strokeWidth) * scale, begin, end, exit }
  })
  window.roadWidth = width
  const ramps = bands('.offramp-ramp')
  return { thick: width(drawing.getBoundingClientRect().left - 10), ramps, lanes: bands('.offramp-lane').filter((lane) => lane) }
}"""


@dataclass(frozen=True)
class Case:
    """A report that is open, and what it should show."""

    page: Page
    outputs: Outputs
    sweep: Sweep

    def at(self, now: int) -> Page:
        """Move to a step of the budget, and wait until nothing moves."""
        self.page.evaluate("(hash) => { location.hash = hash }", f"budget={self.sweep.budgets[now]:.4f}")
        self.page.wait_for_function(
            f"(cost) => document.querySelector('{SLIDER}').getAttribute('aria-valuenow') === cost", arg=f"{100 * self.sweep.cost[now]:.1f}"
        )
        assert step(self.page, self.sweep) == now
        frame(self.page)
        self.page.wait_for_function("() => document.getAnimations().length === 0")
        return self.page


def write_imported(folder: Path) -> None:
    """A file with the predictions and confidences of three exits, imported."""
    made = synthetic.outputs(examples=1200, exits=3, seed=11)
    logits = np.asarray(made.logits, float)
    probabilities = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    arrays = {
        "pred": probabilities.argmax(-1),
        "conf": probabilities.max(-1),
        "labels": made.labels,
        "cost_macs": np.array([1e6, 4e6, 6e6]),
    }
    np.savez(folder / "mine.npz", **arrays)
    import_file(folder / "mine.npz", "imported", out=folder / "imported")


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    folder = tmp_path_factory.mktemp("imported")
    write_imported(folder)
    return Reports(folder, folder)


@pytest.fixture(
    params=[("imageless", "maxprob"), ("family", "bolukbasi"), ("imported", "maxprob")], ids=["chain", "family", "imported"], scope="module"
)
def case(request: pytest.FixtureRequest, browser: Browser, report: Reports, imported: Reports) -> Iterator[Case]:
    bundle, policy = request.param
    reports = imported if bundle == "imported" else report
    with watched(still(browser), "file:") as page:
        yield Case(reports(page, bundle, policy=policy), *swept(reports.bundles, policy, bundle))


def test_the_cast_stands_where_the_sweep_says(case: Case) -> None:
    test, sweep = case.outputs.test(), case.sweep
    position = {int(id): i for i, id in enumerate(test.ids)}
    orders = set()
    columns: list[Any] = [column.bounding_box() for column in case.page.locator(COLUMN).all()]
    for now in FIVE:
        faces = case.at(now).evaluate(CAST_SEEN)
        orders.add(tuple(face["id"] for face in faces))
        for face in faces:
            at = position[face["id"]]
            assert face["exit"] == sweep.exit[now, at] and face["correct"] == sweep.is_correct[now, at], face
            column, middle = columns[face["exit"]], face["left"] + face["width"] / 2
            assert column["x"] < middle < column["x"] + column["width"], (now, face)
        for exit in range(case.outputs.exits):
            shown = [face for face in faces if face["exit"] == exit and not face["over"]]
            assert len(shown) >= min(10, sum(face["exit"] == exit for face in faces))
            assert shown == sorted(shown, key=lambda face: (round(face["top"]), face["left"])), "the order in a column is fixed"
            assert len({(round(face["top"]), round(face["left"])) for face in shown}) == len(shown), "no two in one place"
        expect(case.page.locator(FACE)).to_have_count(sum(not face["over"] for face in faces))
    (order,) = orders
    assert len(set(order)) == len(order) == min(CAST, test.examples), "the same examples at every budget"
    middle = sweep.exit[STEPS // 2]
    shares = np.bincount([middle[position[id]] for id in order], minlength=case.outputs.exits) / len(order)
    assert np.abs(shares - sweep.shares[STEPS // 2]).max() < 1 / len(order), "of every exit its share at the middle of the range"


def test_every_ramp_is_as_wide_as_its_share(case: Case) -> None:
    measured = 0
    shares = np.where(case.sweep.shares > 0, case.sweep.shares, 1)
    for now in {*FIVE, int(shares.min(axis=1).argmin())}:  # and where the narrowest of all ramps is
        road = case.at(now).evaluate(ROAD)
        shares = case.sweep.shares[now]
        assert road["thick"] > 30
        assert [ramp is not None for ramp in road["ramps"]] == (shares > 0).tolist()
        used = [(ramp, share) for ramp, share in zip(road["ramps"], shares, strict=True) if ramp]
        for ramp, share in used:
            assert abs(ramp["width"] - share * road["thick"]) <= 1, (now, ramp, share)
        for ramp, column in zip(road["ramps"], case.page.locator(COLUMN).all(), strict=True):
            box: Any = column.bounding_box()
            assert ramp is None or abs(ramp["exit"] - box["x"] - box["width"] / 2) <= 1, "it ends in the middle of its sign"
        # Between two ramps, the road is as wide as the share that still drives.
        used.sort(key=lambda pair: pair[0]["end"])
        driving = 1.0
        for (ramp, share), (following, _) in zip(used, used[1:], strict=False):
            driving -= share
            if following["begin"] - ramp["end"] > 2 and not road["lanes"]:
                width = case.page.evaluate("(x) => roadWidth(x)", (ramp["end"] + following["begin"]) / 2)
                assert abs(width - driving * road["thick"]) <= 1, (now, ramp)
                measured += 1
    assert measured or case.outputs.kind == "family"


def test_shares_times_the_places_of_ramps_add_up_to_what_is_spent(case: Case) -> None:
    for now in FIVE:
        page = case.at(now)
        sweep = case.sweep
        spent, shares = float(sweep.cost[now]), sweep.shares[now]
        printed = page.locator(".offramp-cost").text_content() or ""
        assert printed == f"{100 * spent:.1f}%"
        # As drawn
        ramps = page.evaluate(ROAD)["ramps"]
        rail = page.evaluate(RAIL_ENDS)
        last = max(ramp["end"] for ramp in ramps if ramp)
        place = [ramp["end"] - (ramp["end"] < last) * SLANT * ramp["width"] / 2 if ramp else 0 for ramp in ramps]
        costs = (np.array(place) - rail["zero"]) / (rail["whole"] - rail["zero"])
        assert float(np.dot(shares, np.where(shares > 0, costs, 0))) == pytest.approx(spent, abs=0.0015), now
        line = page.locator(".offramp-average-line").evaluate("(line) => line.getBoundingClientRect().left")
        assert (line - rail["zero"]) / (rail["whole"] - rail["zero"]) == pytest.approx(spent, abs=0.001)
        # As printed, when a sign is touched
        used = np.flatnonzero(shares).tolist()
        page.locator(".offramp-sign").nth(used[-1]).focus()
        rows = [row.locator("span").all_text_contents() for row in page.locator(".offramp-sum-row").all()][1:]
        *terms, total = rows
        assert len(terms) == len(used) and total[-1] == printed
        assert round(sum(number(term[1]) for term in terms), 1) == 100
        assert round(sum(number(term[3]) for term in terms), 1) == number(printed)
        for exit, (_, share, cost, adds) in zip(used, terms, strict=True):
            assert abs(number(share) - 100 * shares[exit]) < 0.1
            assert number(cost) == pytest.approx(100 * sweep.leaving_cost[now, exit], abs=0.051)
            assert abs(number(share) * number(cost) / 100 - number(adds)) < 0.25
        page.locator(SLIDER).focus()
        expect(page.locator(".offramp-sum")).to_be_hidden()


def number(text: str) -> float:
    """Of a text such as "× 12.5%"."""
    return float(text.strip("×=% "))
