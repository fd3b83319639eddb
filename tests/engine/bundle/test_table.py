"""The table of a bundle: a round trip loses nothing."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.special import softmax

from engine.bundle.table import TOP, as_array, read_table, write_table
from tests.synthetic import corner_cases, outputs

ROOT = Path(__file__).resolve().parents[3]
CASES = {
    "chain": outputs(examples=60, classes=9),
    "family": outputs(examples=60, kind="family"),
    "probabilities": outputs(examples=60, recorded="probabilities"),
    "confidence": outputs(examples=60, recorded="confidence"),
    **corner_cases(),
}


def written(folder, made, images=None):
    path = folder / "outputs.parquet"
    write_table(path, made, images or {})
    return path


@pytest.mark.parametrize("name", CASES)
def test_round_trip(tmp_path, name):
    made = CASES[name]
    rows = read_table(written(tmp_path, made), made.exits)
    assert np.array_equal(rows.ids, made.ids) and rows.ids.dtype == np.int64
    assert np.array_equal(rows.labels, made.labels) and rows.labels.dtype == np.int32
    assert np.array_equal(rows.split, made.split)
    assert np.array_equal(rows.prediction, made.prediction) and rows.prediction.dtype == np.int32
    assert list(rows.scores) == list(made.scores)
    for score, values in made.scores.items():
        assert np.array_equal(rows.scores[score], values) and rows.scores[score].dtype == np.float32
    assert list(rows.factors) == list(made.factors)
    for factor, values in made.factors.items():
        assert np.array_equal(rows.factors[factor], values)


@pytest.mark.parametrize("name", CASES)
def test_top_classes(tmp_path, name):
    made = CASES[name]
    top = read_table(written(tmp_path, made), made.exits).top
    assert np.array_equal(top.classes[..., 0], made.prediction)
    assert ((top.probability >= 0) & (top.probability <= 1)).all()
    if made.logits is None:
        expected = 1 / (1 + np.exp(-made.scores["maxprob"].astype(np.float64)))
        np.testing.assert_allclose(top.probability[..., 0], expected, rtol=1e-6)
        return
    p = softmax(made.logits.astype(np.float64), axis=-1)
    width = min(TOP, made.classes)
    assert top.classes.shape == top.probability.shape == (made.exits, made.examples, width)
    for k, i in np.ndindex(made.exits, made.examples):
        expected = sorted(range(made.classes), key=lambda c, k=k, i=i: (-made.logits[k, i, c], c))[:width]
        assert top.classes[k, i].tolist() == expected
        np.testing.assert_allclose(top.probability[k, i], p[k, i, expected], rtol=2e-5, atol=1e-30)


def test_unknown_factors_stay_unknown(tmp_path):
    made = outputs(examples=9)
    fog = np.array([0.5, np.nan] + 7 * [1.0], np.float32)
    rows = read_table(written(tmp_path, replace(made, factors={"fog.thick": fog, "ice": fog * 2})), made.exits)
    assert np.array_equal(rows.factors["fog.thick"], fog, equal_nan=True)
    assert list(rows.factors) == ["fog.thick", "ice"]


def test_places_of_images(tmp_path):
    made = outputs(examples=9)
    rows = read_table(written(tmp_path, made, {int(made.ids[4]): (17, 5)}), made.exits)
    assert rows.image_offset.tolist() == [0] * 4 + [17] + [0] * 4
    assert rows.image_bytes.tolist() == [0] * 4 + [5] + [0] * 4


def test_one_row_per_example_readable_by_any_reader(tmp_path):
    made = outputs(examples=30, exits=2)
    table = pq.read_table(written(tmp_path, made))
    assert table.num_rows == 30
    assert table["label"].to_pylist() == made.labels.tolist()
    assert table["split"].to_pylist() == made.split.tolist()
    assert table["exit1.prediction"].to_pylist() == made.prediction[1].tolist()
    column = pq.ParquetFile(tmp_path / "outputs.parquet").metadata.row_group(0).column(0)
    assert column.compression == "ZSTD" and "PLAIN_DICTIONARY" not in column.encodings


@pytest.mark.parametrize("exits", [0, 4])
def test_another_number_of_exits_is_refused(tmp_path, exits):
    path = written(tmp_path, outputs(examples=9, exits=3))
    with pytest.raises((KeyError, ValueError)):
        read_table(path, exits)


@pytest.mark.parametrize("chunks", [0, 1, 3])
@pytest.mark.parametrize("dtype", [bool, np.int32, np.float32, np.float64])
def test_a_column_of_any_number_of_chunks_is_one_array(dtype, chunks):
    parts = [(np.arange(5) % 2 + chunk).astype(dtype) for chunk in range(chunks)]
    array = as_array(pa.chunked_array([pa.array(part) for part in parts], pa.from_numpy_dtype(dtype)))
    assert array.dtype == dtype and array.tolist() == [value for part in parts for value in part.tolist()]


def test_reading_a_table_does_not_load_pandas(tmp_path):
    path = written(tmp_path, outputs(examples=60, exits=3))
    code = "import sys; from pathlib import Path; from engine.bundle.table import read_table; read_table(Path(sys.argv[1]), 3)"
    command = [sys.executable, "-c", f"{code}; print('pandas' in sys.modules)", str(path)]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == "False"
