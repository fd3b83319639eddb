"""Texts and ids as text in a bundle: kept as they are, limited, and refused if they are not clean."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.analysis.routes_table import routes_by, routes_table
from engine.bundle import texts
from engine.bundle.bundle import MANIFEST, TABLE, Draft, read_bundle, write_bundle
from engine.bundle.texts import MOST_ID, MOST_TEXT, clean_texts, read_texts
from engine.errors import UserError
from engine.policies import POLICIES
from engine.policies.saved import load_policy, policy_document
from engine.sweep import run_sweep
from tests.engine.bundle.test_bundle import refused, relisted
from tests.synthetic import draft, outputs

MADE = outputs(examples=30, shuffled=True)
IDS = [f"é{i}" for i in range(30)]
SENTENCES = [f"sentence {i} " + "x" * 10 * i for i in range(30)]


def with_texts(**changes: object) -> Draft:
    return replace(draft(MADE, images=[]), **{"id_texts": IDS, "texts": SENTENCES, **changes})


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_bundle(with_texts(), tmp_path / "tiny")


def test_round_trip(whole: Path) -> None:
    bundle = read_bundle(whole)
    assert bundle.id_texts is not None and bundle.texts is not None
    assert bundle.id_texts.tolist() == IDS and bundle.texts.tolist() == SENTENCES
    assert bundle.nbytes > read_bundle(write_bundle(draft(MADE, images=[]), whole.with_name("other"))).nbytes + sum(map(len, SENTENCES))


@pytest.mark.parametrize(
    ("changes", "schema"), [({}, 2), ({"texts": None}, 2), ({"id_texts": None}, 2), ({"texts": None, "id_texts": None}, 1)]
)
def test_only_a_bundle_with_text_has_the_newer_schema(changes: dict[str, None], schema: int, tmp_path: Path) -> None:
    folder = write_bundle(with_texts(**changes), tmp_path / "tiny")
    assert f'"schema": {schema},' in (folder / MANIFEST).read_text()
    bundle = read_bundle(folder)
    assert (bundle.texts is None, bundle.id_texts is None) == ("texts" in changes, "id_texts" in changes)


def test_tables_of_routes_show_the_ids_as_text(whole: Path) -> None:
    bundle = read_bundle(whole)
    expected = [id for id, split in zip(IDS, MADE.split, strict=True) if split == "test"]
    swept = run_sweep(POLICIES["maxprob"], bundle.outputs, [0.5])
    assert routes_table(swept, bundle, 0)["id"].to_pylist() == expected
    assert routes_table(swept, bundle.outputs, 0)["id"].to_pylist() == MADE.test().ids.astype(str).tolist()
    saved = load_policy(policy_document(POLICIES["maxprob"], swept.rules[0], bundle, "macs", 0.5))
    assert routes_by(saved, bundle)["id"].to_pylist() == expected


HOSTILE = {
    "an id too long": ("id_text", ["x" * (MOST_ID + 1)] * 30),
    "a text too long": ("text", ["x" * (MOST_TEXT + 1)] * 30),
    "control characters": ("text", ["\x1b[31m"] * 30),
    "another direction": ("id_text", ["a\u202eb"] * 30),
    "numbers": ("text", list(range(30))),
    "a missing text": ("text", [None, *SENTENCES[1:]]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_column_is_refused(whole: Path, name: str) -> None:
    column, values = HOSTILE[name]
    table = pq.read_table(whole / TABLE)
    pq.write_table(table.set_column(table.column_names.index(column), column, pa.array(values)), whole / TABLE)
    assert "Bundle tiny is inconsistent" in refused(relisted(whole))


def test_texts_are_limited_in_all(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_IN_ALL", 100)
    with pytest.raises(UserError, match="a column of text is too long"):
        read_bundle(whole)


def test_cleaned_texts_can_be_read() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        drawn = "".join(map(chr, rng.integers(0, 0xD800, size=rng.integers(0, 60))))
        column = pa.chunked_array([pa.array(clean_texts([drawn, drawn * 80], MOST_TEXT), pa.large_string())])
        assert all(len(text) <= MOST_TEXT for text in read_texts(column, MOST_TEXT))
