"""Logs as people publish them become bundles in one command. Sweeps of them equal an evaluation of the published rows, one by one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.__main__ import main
from engine.bundle.bundle import Bundle, read_bundle
from engine.policies import policy
from engine.sweep import Sweep, run_sweep
from tests.engine.importing.invented_logs import FORMS, Cell, Published


@dataclass(frozen=True, eq=False)
class Case:
    published: Published
    bundle: Bundle

    def ids(self, split: str) -> list[str]:
        """The ids of a split as text, in the order of the bundle."""
        outputs = self.bundle.outputs
        ids = outputs.ids.astype(str) if self.bundle.id_texts is None else self.bundle.id_texts
        return ids[outputs.split == split].tolist()

    def cells(self, id: str) -> list[Cell]:
        return [self.published.cells[id][model] for model in self.published.models]


@pytest.fixture(scope="module", params=FORMS, ids=lambda form: form.__name__)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder: Path = tmp_path_factory.mktemp("log")
    published = request.param(folder)
    arguments = ["import", str(published.file), "--id", "mine", "--out", str(folder / "bundle"), *published.options]
    assert main(arguments) == 0
    return Case(published, read_bundle(folder / "bundle"))


def test_the_bundle_holds_the_published_rows(case: Case) -> None:
    bundle, published = case.bundle, case.published
    outputs = bundle.outputs
    assert list(bundle.exit_names) == published.models
    assert outputs.kind == ("chain" if published.chain else "family")
    assert list(outputs.stage_cost) == [published.unit]
    ids = outputs.ids.astype(str) if bundle.id_texts is None else bundle.id_texts
    assert sorted(ids) == sorted(published.cells)
    cells = [case.cells(id) for id in ids]
    np.testing.assert_allclose(outputs.quality.T, [[cell.quality for cell in row] for row in cells], atol=1e-6)
    cost = np.broadcast_to(outputs.stage_cost[published.unit].reshape(outputs.exits, -1), outputs.quality.shape)
    np.testing.assert_allclose(cost.T, [[cell.cost for cell in row] for row in cells], rtol=1e-9)
    if published.has_conf:
        expected = [[log_odds(cell.conf) for cell in row] for row in cells]
        np.testing.assert_allclose(outputs.scores["maxprob"].T, expected, rtol=1e-6)
    else:
        assert not outputs.scores
    if published.split:
        assert dict(zip(ids, outputs.split.tolist(), strict=True)) == published.split


def log_odds(conf: float) -> float:
    return -np.inf if conf == -np.inf else float(np.log(conf) - np.log1p(-conf))


def spent(cells: list[Cell], exit: int, alone: bool) -> float:
    return cells[exit].cost if alone else sum(cell.cost for cell in cells[: exit + 1])


def check(case: Case, swept: Sweep, point: int, exits: list[int], alone: bool) -> None:
    """The results at one budget are those of leaving at these exits. alone: whether earlier models are skipped"""
    rows = [case.cells(id) for id in case.ids("test")]
    full = np.mean([spent(cells, len(cells) - 1, not case.published.chain) for cells in rows])
    assert swept.exit[point].tolist() == exits
    assert swept.accuracy[point] == pytest.approx(np.mean([cells[exit].quality for cells, exit in zip(rows, exits, strict=True)]), abs=1e-6)
    costs = [spent(cells, exit, alone) for cells, exit in zip(rows, exits, strict=True)]
    assert swept.cost[point] * swept.full.cost == pytest.approx(np.mean(costs), rel=1e-9)
    assert swept.full.cost == pytest.approx(full, rel=1e-9)
    np.testing.assert_allclose(swept.cost_at(point) * full, costs, rtol=1e-9)


def test_the_best_static_model_equals_one_that_is_selected_row_by_row(case: Case) -> None:
    alone = not case.published.chain
    rows = [case.cells(id) for id in case.ids("calibration")]
    models = range(len(case.published.models))
    quality = [np.mean([cells[k].quality for cells in rows]) for k in models]
    cost = [np.mean([spent(cells, k, alone) for cells in rows]) for k in models]
    budgets = [cost[0] / cost[-1] + 0.01, 1.0]
    swept = run_sweep(policy("static"), case.bundle.outputs, budgets, case.published.unit)
    for point, budget in enumerate(budgets):
        best = max((k for k in models if cost[k] <= budget * cost[-1] * (1 + 1e-9)), key=lambda k: (quality[k], -cost[k]))
        check(case, swept, point, [best] * len(case.ids("test")), alone)
    if alone:
        assert max(models, key=lambda k: (quality[k], -cost[k])) == len(models) - 1, "the cascade ends in the best model"


def test_one_threshold_routes_as_the_published_confidences_say(case: Case) -> None:
    if not case.published.has_conf:
        assert policy("single_threshold").unavailable_reason(case.bundle.outputs)
        return
    swept = run_sweep(policy("single_threshold"), case.bundle.outputs, 5, case.published.unit)
    routes = set()
    for point, rule in enumerate(swept.rules):
        spec = rule.threshold_spec()
        assert spec is not None
        exits = []
        for id in case.ids("test"):
            sure = [np.float32(log_odds(cell.conf)) >= spec.thresholds[0] for cell in case.cells(id)[:-1]]
            exits.append([*sure, True].index(True))
        check(case, swept, point, exits, alone=False)
        routes.add(tuple(exits))
    assert len(routes) > 2


def test_the_oracle_leaves_at_the_cheapest_correct_row(case: Case) -> None:
    outputs = case.bundle.outputs
    if outputs.is_graded:
        return
    alone = not case.published.chain
    exits = []
    for id in case.ids("test"):
        cells = case.cells(id)
        costs = [spent(cells, k, alone) for k in range(len(cells))]
        best = max(cell.quality for cell in cells)
        exits.append(min((k for k in range(len(cells)) if cells[k].quality == best), key=lambda k: costs[k]))
    check(case, run_sweep(policy("oracle"), outputs, [3.0], case.published.unit), 0, exits, alone)


def test_the_order_of_the_rows_only_changes_the_order_of_the_examples(tmp_path: Path) -> None:
    made = []
    for seed in range(4):
        rows = [(f"e{i}", model, i % 3 < k, k, ("test", "dev")[i % 2]) for i in range(30) for k, model in ((2, "b"), (1, "a"))]
        np.random.default_rng(seed).shuffle(rows)
        lines = (",".join(map(str, row)) for row in rows)
        (tmp_path / "a.csv").write_text("\n".join(["id,model,correct,cost,split", *lines]))
        assert main(["import", str(tmp_path / "a.csv"), "--id", "x", "--out", str(tmp_path / "x")]) == 0
        bundle = read_bundle(tmp_path / "x")
        assert bundle.id_texts is not None and bundle.exit_names == ("a", "b")
        made.append(dict(zip(bundle.id_texts.tolist(), bundle.outputs.quality.T.tolist(), strict=True)))
    assert made[0] == made[1] == made[2] == made[3] == {f"e{i}": [i % 3 < 1, i % 3 < 2] for i in range(30)}
