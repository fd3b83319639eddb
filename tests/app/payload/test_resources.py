"""What the browser gets is what the bundle and the sweep hold."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.payload.bundle_resource import bundle_resource
from app.payload.container import decode
from app.payload.predictions import predictions, predictions_resource
from app.payload.sweep_resource import sweep_resource
from engine.outputs import CascadeKind
from engine.splits import Split
from tests.app.samples import sample


@pytest.mark.parametrize("policy", ["maxprob", "random_mix", "oracle", "static"])
def test_replaying_the_changes_gives_every_route_back(tmp_path: Path, policy: str) -> None:
    sweep = (shown := sample(tmp_path, policy)).sweep
    _, arrays = decode(sweep_resource(shown))
    steps, examples = arrays["change step"], arrays["change example"]
    tables = {"exit": sweep.exit, "answer": sweep.answer, "is_correct": sweep.is_correct, "path": sweep.path}
    for name, table in tables.items():
        row, then = arrays[f"first {name}"].copy(), arrays[f"then {name}"]
        assert (row == table[0]).all()
        for step in range(1, len(table)):
            here = steps == step
            row[examples[here]] = then[here]
            assert (row == table[step]).all(), (name, step)


@pytest.mark.parametrize("kind", CascadeKind)
@pytest.mark.parametrize("policy", ["maxprob", "random_mix", "oracle", "bolukbasi"])
def test_shares_times_the_costs_of_those_who_leave_are_what_is_spent(tmp_path: Path, policy: str, kind: CascadeKind) -> None:
    shown = sample(tmp_path, policy, kind=kind)
    values, arrays = decode(sweep_resource(shown))
    share, cost = arrays["share"].astype(float), arrays["exit cost"].astype(float)
    assert (np.isnan(cost) == (share == 0)).all(), "where none leaves there is no mean cost"
    np.testing.assert_allclose(np.nansum(share * cost, axis=1), values["cost"], atol=2e-5)
    if policy != "random_mix":  # whose numbers are expectations, and whose routes are one draw
        path_cost = np.array(values["pathCost"])[shown.sweep.path]
        for step in (0, 20, 40):
            for exit in range(4):
                leaving = shown.sweep.exit[step] == exit
                assert not leaving.any() or np.isclose(path_cost[step, leaving].mean(), cost[step, exit], atol=2e-5)


@pytest.mark.parametrize("recorded", ["logits", "confidence"])
@pytest.mark.parametrize("policy", ["maxprob", "single_threshold", "random_mix"])
def test_every_kind_of_outputs_has_its_resources(tmp_path: Path, policy: str, recorded: str) -> None:
    shown = sample(tmp_path, policy, recorded=recorded)
    values, arrays = decode(sweep_resource(shown))
    assert (values["threshold"] is None) == (policy == "random_mix") == ("threshold" not in arrays)
    names, labels = decode(bundle_resource(shown.bundle))
    test = shown.bundle.outputs.test()
    assert names["ids"] == [str(id) for id in test.ids] and (labels["label"] == test.labels).all()
    assert [exit["name"] for exit in names["exits"]] == list(shown.bundle.exit_names)
    json.dumps(predictions(shown, 0), allow_nan=False)


def test_thresholds_are_on_the_scale_that_is_shown(tmp_path: Path) -> None:
    shown = sample(tmp_path)
    thresholds = decode(sweep_resource(shown))[1]["threshold"]
    expected = np.stack([rule.threshold_spec().thresholds for rule in shown.sweep.rules])
    finite = np.isfinite(expected)
    assert np.allclose(thresholds[finite], 1 / (1 + np.exp(-expected[finite])), atol=1e-6)
    assert (np.isposinf(thresholds) == np.isposinf(expected)).all() and (np.isneginf(thresholds) == np.isneginf(expected)).all()


def test_the_answers_for_an_example_are_those_of_every_exit(tmp_path: Path) -> None:
    shown = sample(tmp_path)
    outputs, top = shown.bundle.outputs, shown.bundle.top
    for row, example in enumerate(np.flatnonzero(outputs.split == Split.TEST)[:5]):
        got = predictions(shown, row)
        assert got["classes"] == top.classes[:, example, :3].tolist()
        assert np.allclose(got["probabilities"], top.probability[:, example, :3], atol=1e-5)
        assert np.allclose(got["decision"], top.probability[:, example, 0], atol=2e-3)  # top probability decides


def test_the_score_of_an_answer_and_the_thresholds_lead_to_the_routes_of_the_sweep(tmp_path: Path) -> None:
    shown = sample(tmp_path)
    values, arrays = decode(sweep_resource(shown))
    step = len(values["budget"]) // 2
    assert (arrays["ties"][step] == 1).all()
    for row in range(20):
        passes = [*(np.float32(predictions(shown, row)["decision"][:-1]) >= arrays["threshold"][step]), True]
        assert int(np.argmax(passes)) == shown.sweep.exit[step, row]


def test_what_is_known_before_any_stage_comes_with_the_answers(tmp_path: Path) -> None:
    shown, rows = sample(tmp_path, "random_mix", features=True), np.array([3, 8])
    before = shown.bundle.outputs.test().before
    values, arrays = decode(predictions_resource(shown, rows))
    for i, row in enumerate(rows):
        known = predictions(shown, row)["before"]
        assert known == pytest.approx({name: arrays[f"before {name}"][i] for name in values["before"]}, rel=1e-5)
        assert known == pytest.approx({name: values[row] for name, values in before.items()}, rel=1e-5)
        assert list(known) == ["guess", "length"]


def test_without_thresholds_no_score_decides(tmp_path: Path) -> None:
    assert predictions(sample(tmp_path, "random_mix"), 0)["decision"] is None
