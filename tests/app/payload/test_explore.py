"""What the browser gets is what the sweep holds."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.byte_cache import ByteCache
from app.payload import explore
from app.payload.explore import explore_payload, make_payload
from app.shown import Shown
from app.worker.pictures import Album
from engine.bundle.bundle import add_measured, read_bundle
from engine.bundle.library import Entry
from tests.app.payload.unpacking import unpack
from tests.app.samples import sample, show, write_sample
from tests.measured import fresh


def payload_of(shown: Shown, folder: Path) -> dict:
    return make_payload(Entry("tiny", folder / "bundles" / "tiny"), shown, Album(shown.bundle.images))


@pytest.mark.parametrize("policy", ["maxprob", "random_mix", "oracle", "static"])
def test_replaying_the_changes_gives_every_route_back(tmp_path: Path, policy: str) -> None:
    shown = sample(tmp_path, policy)
    changes, sweep = payload_of(shown, tmp_path)["changes"], shown.sweep
    steps, examples = unpack(changes["step"]), unpack(changes["example"])
    tables = {"exit": sweep.exit, "answer": sweep.answer, "is_correct": sweep.is_correct, "path": sweep.path}
    for name, table in tables.items():
        row, then = unpack(changes["first"][name]).copy(), unpack(changes["then"][name])
        assert (row == table[0]).all()
        for step in range(1, len(table)):
            here = steps == step
            row[examples[here]] = then[here]
            assert (row == table[step]).all(), (name, step)


@pytest.mark.parametrize("recorded", ["logits", "confidence"])
@pytest.mark.parametrize("policy", ["maxprob", "single_threshold", "random_mix"])
def test_it_is_json_without_nan_whatever_the_bundle_holds(tmp_path: Path, policy: str, recorded: str) -> None:
    payload = payload_of(sample(tmp_path, policy, recorded=recorded), tmp_path)
    json.dumps(payload, allow_nan=False)
    assert (payload["threshold"] is None) == (policy == "random_mix")


def test_thresholds_are_on_the_scale_that_is_shown(tmp_path: Path) -> None:
    shown = sample(tmp_path)
    thresholds = unpack(payload_of(shown, tmp_path)["threshold"]["threshold"]).reshape(41, 3)
    expected = np.stack([rule.threshold_spec().thresholds for rule in shown.sweep.rules])
    finite = np.isfinite(expected)
    assert np.allclose(thresholds[finite], 1 / (1 + np.exp(-expected[finite])), atol=1e-6)
    assert (np.isposinf(thresholds) == np.isposinf(expected)).all() and (np.isneginf(thresholds) == np.isneginf(expected)).all()


def test_real_runs_go_with_the_unit_they_belong_to(tmp_path: Path) -> None:
    folder = write_sample(tmp_path, examples=300)
    none = payload_of(show(read_bundle(folder)), tmp_path)
    assert none["speedupVerdict"] == [] and not any("Measured" in trace["name"] for trace in none["figure"]["data"])
    add_measured(folder, [fresh(1), fresh(32, joules=True)])
    bundle = read_bundle(folder)
    for unit, sizes in {"macs": (1, 32), "ms_batch_1": (1,), "ms_batch_32": (32,), "joules_batch_32": ()}.items():
        payload = payload_of(show(bundle, unit=unit), tmp_path)
        marks = [trace for trace in payload["figure"]["data"] if trace["name"].startswith("Measured")]
        assert sorted({text for trace in marks for text in trace["text"]}) == sorted(str(size) for size in sizes)
        assert [sentence.split(" on ")[0] for sentence in payload["speedupVerdict"]] == [f"Batch {size}" for size in sizes]


def test_payloads_are_kept_within_their_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry("tiny", write_sample(tmp_path, examples=90))

    def payload(policy: str) -> dict:
        return explore_payload(entry, Shown.of(entry, policy, "macs"))

    size = explore._bytes(payload("maxprob"))
    monkeypatch.setattr(explore, "_payloads", ByteCache(int(2.5 * size), explore._bytes))
    for policy in ("maxprob", "entropy", "margin", "energy"):
        assert payload(policy) is payload(policy)
    assert 1 < len(explore._payloads) < 4 and explore._payloads.held <= 2.5 * size


def test_the_bytes_of_a_payload_are_those_of_its_parts() -> None:
    assert explore._bytes({"a": "x" * 1000, "b": ["y" * 2000, 1.5]}) > 3000
    assert explore._bytes({"a": "x" * 1000}) - explore._bytes({"a": "x"}) == 999
