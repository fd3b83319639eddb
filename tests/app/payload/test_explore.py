"""What the browser is sent is what the sweep found."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.payload.explore import Shown, explorer_payload, pack
from app.worker.pictures import Album
from engine.bundle.bundle import add_measured, read_bundle, write_bundle
from engine.bundle.library import Entry
from engine.policies import POLICIES
from engine.sweep import sweep
from tests import synthetic
from tests.measured import fresh


def unpack(packed: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["data"]), np.dtype(packed["type"]).newbyteorder("<"))


def shown(folder: Path, policy: str, **outputs: Any) -> Shown:
    write_bundle(synthetic.draft(synthetic.outputs(examples=600, exits=4, **outputs), "tiny"), folder / "tiny")
    bundle = read_bundle(folder / "tiny")
    found = {name: sweep(POLICIES[name], bundle.outputs, 41) for name in {policy, "random_mix", "oracle"}}
    return Shown(Entry("tiny", folder / "tiny"), bundle, Album(bundle.images), policy, found[policy], found["random_mix"], found["oracle"])


@pytest.mark.parametrize("policy", ["maxprob", "random_mix", "oracle", "static"])
def test_replaying_the_changes_gives_every_route_back(tmp_path: Path, policy: str) -> None:
    what = shown(tmp_path, policy)
    changes, found = explorer_payload(what)["changes"], what.chosen
    steps, examples = unpack(changes["step"]), unpack(changes["example"])
    tables = {"exit": found.exit, "answer": found.answer, "is_correct": found.is_correct, "path": found.path}
    for name, table in tables.items():
        row, then = unpack(changes["first"][name]).copy(), unpack(changes["then"][name])
        assert (row == table[0]).all()
        for step in range(1, len(table)):
            here = steps == step
            row[examples[here]] = then[here]
            assert (row == table[step]).all(), (name, step)


@pytest.mark.parametrize("said", ["logits", "confidence"])
@pytest.mark.parametrize("policy", ["maxprob", "single_threshold", "random_mix"])
def test_it_is_plain_json_whatever_the_bundle_holds(tmp_path: Path, policy: str, said: str) -> None:
    payload = explorer_payload(shown(tmp_path, policy, recorded=said))
    json.dumps(payload, allow_nan=False)
    assert (payload["threshold"] is None) == (policy == "random_mix")


def test_thresholds_are_told_as_a_person_reads_them(tmp_path: Path) -> None:
    what = shown(tmp_path, "maxprob")
    threshold_spec = explorer_payload(what)["threshold"]
    thresholds = unpack(threshold_spec["threshold"]).reshape(41, 3)
    kept = np.stack([rule.thresholds for rule in what.chosen.rules])
    finite = np.isfinite(kept)
    assert np.allclose(thresholds[finite], 1 / (1 + np.exp(-kept[finite])), atol=1e-6)
    assert (np.isposinf(thresholds) == np.isposinf(kept)).all() and (np.isneginf(thresholds) == np.isneginf(kept)).all()


def test_real_runs_go_with_the_costs_they_belong_to(tmp_path: Path) -> None:
    folder = write_bundle(synthetic.draft(synthetic.outputs(examples=300, exits=4), "tiny"), tmp_path / "tiny")
    none = explorer_payload(shown(tmp_path, "maxprob"))
    assert none["speedupVerdict"] == [] and not any("Measured" in trace["name"] for trace in none["figure"]["data"])
    add_measured(folder, [fresh(1), fresh(32, joules=True)])
    bundle = read_bundle(folder)
    for unit, sizes in {"macs": (1, 32), "ms_batch_1": (1,), "ms_batch_32": (32,), "joules_batch_32": ()}.items():
        found = {name: sweep(POLICIES[name], bundle.outputs, 41, unit) for name in ("maxprob", "random_mix", "oracle")}
        album = Album(bundle.images)
        what = Shown(Entry("tiny", folder), bundle, album, "maxprob", found["maxprob"], found["random_mix"], found["oracle"])
        payload = json.loads(json.dumps(explorer_payload(what), allow_nan=False))
        marks = [trace for trace in payload["figure"]["data"] if trace["name"].startswith("Measured")]
        assert sorted({text for trace in marks for text in trace["text"]}) == sorted(str(size) for size in sizes)
        assert [sentence.split(" on ")[0] for sentence in payload["speedupVerdict"]] == [f"Batch {size}" for size in sizes]


def test_arrays_travel_unharmed() -> None:
    values = np.array([0.0, 1.5, np.inf, -np.inf, np.nan])
    assert np.array_equal(unpack(pack(values, "f4")), values.astype(np.float32), equal_nan=True)
