"""The subsets that the browser gets are the engine's, also where a file holds only some of the examples."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.payload import bundle_resource as module
from app.payload.bundle_resource import bundle_resource
from app.payload.container import decode
from app.payload.subset_tables import _packed
from app.payload.sweep_resource import sweep_resource
from engine.outputs import CascadeKind
from tests.app.samples import sample


def summed(table: NDArray[Any]) -> NDArray[np.float64]:
    """As the browser sums differences: modulo the size of their type."""
    return table.astype(np.float64) if table.dtype.kind == "f" else np.cumsum(table, axis=-1, dtype=table.dtype).astype(np.float64)


@pytest.mark.parametrize("kind", CascadeKind)
@pytest.mark.parametrize("policy", ["maxprob", "random_mix", "bolukbasi"])
def test_classes_and_levels_add_up_to_the_sweep(tmp_path: Path, policy: str, kind: CascadeKind) -> None:
    shown = sample(tmp_path, policy, kind=kind)
    values, arrays = decode(sweep_resource(shown))
    left, incorrect = summed(arrays["subset left"]), summed(arrays["subset incorrect"])
    exit = np.array(values["ways"]["exit"])
    groups: dict[str, list[int]] = {}
    for row, subset in enumerate(values["subsets"]):
        groups.setdefault(subset.get("factor", "class"), []).append(row)
    assert set(groups) == {"class", *shown.bundle.outputs.factors} and len(groups) > 1
    for rows in groups.values():
        assert sum(values["subsets"][row]["tested"] for row in rows) == shown.sweep.examples
        assert sum(values["subsets"][row]["fullCorrect"] for row in rows) == round(shown.sweep.full.accuracy * shown.sweep.examples)
        for k in range(shown.sweep.shares.shape[1]):
            ways = exit == k
            share, incorrect_share = (table[rows][:, ways].sum(axis=(0, 1)) / shown.sweep.examples for table in (left, incorrect))
            np.testing.assert_allclose(share, shown.sweep.shares[:, k], atol=1e-6)
            np.testing.assert_allclose(incorrect_share, shown.sweep.incorrect[:, k], atol=1e-6)
        spent = np.einsum("rws,w->s", left[rows], values["ways"]["cost"]) / shown.sweep.examples
        np.testing.assert_allclose(spent, shown.sweep.cost, atol=1e-6)


def test_a_sample_has_the_counts_and_the_levels_of_all(tmp_path: Path) -> None:
    shown = sample(tmp_path)
    rows = np.array([3, 50, 51, 120])
    _, arrays = decode(bundle_resource(shown.bundle))
    _, of_some = decode(bundle_resource(shown.bundle, rows))
    assert any(name.startswith("level ") for name in arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(of_some[name], array[rows], err_msg=name)
    (values, tables), (some_values, some_tables) = decode(sweep_resource(shown)), decode(sweep_resource(shown, rows))
    assert values["subsets"] == some_values["subsets"]
    for name in ("subset left", "subset incorrect"):
        np.testing.assert_array_equal(tables[name], some_tables[name])


@pytest.mark.parametrize("exits", [3, 8, 11])
def test_bits_and_confidences_are_those_of_the_exits(tmp_path: Path, exits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = sample(tmp_path, exits=exits, examples=90)
    test = shown.bundle.outputs.test()
    _, arrays = decode(bundle_resource(shown.bundle))
    bits = np.unpackbits(arrays["exit correct"], axis=1, count=exits)
    np.testing.assert_array_equal(bits.T, test.correct)
    odds = np.exp(test.known_logits.astype(np.float64))
    top = (odds / odds.sum(axis=-1, keepdims=True)).max(axis=-1)
    np.testing.assert_allclose(arrays["confidence"].T, top, atol=0.5 / 255 + 1e-5)
    monkeypatch.setattr(module, "MOST_CONFIDENCES", exits * test.examples - 1)
    _, without = decode(bundle_resource(shown.bundle))
    assert "confidence" not in without and "exit correct" in without


def test_differences_are_summed_in_the_type_that_holds_the_counts() -> None:
    table = np.array([[[70_000.0, 3.0], [0.0, 69_997.0], [69_999.0, 1.0]]])
    packed = _packed(table)
    assert packed.type == "u4"
    np.testing.assert_array_equal(summed(packed.array.astype(packed.type)), table.swapaxes(1, 2))
    small = _packed(table.clip(0, 500))
    assert small.type == "u2"
    np.testing.assert_array_equal(summed(small.array.astype(small.type)), table.clip(0, 500).swapaxes(1, 2))
    assert _packed(table + 0.5).type == "f4"
