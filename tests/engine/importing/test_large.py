"""Files that are read in batches: the same bundle as from the whole file at once, and refusals in one sentence."""

import io
import json
import re
from collections.abc import Callable
from contextlib import contextmanager, redirect_stderr

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from engine.bundle.bundle import read_bundle
from engine.errors import UserError
from engine.importing.importer import import_file
from engine.importing.large import decoder, rows_of_csv, rows_of_jsonl, scan, source
from engine.importing.options import Options
from engine.splits import Split
from tests.engine.importing.decoding import decode_in_this_process
from tests.sentences import assert_one_sentence

ROWS, EXITS, CLASSES = 1100, 3, 5
Columns = dict[str, np.ndarray | list]


@pytest.fixture
def in_own_process(monkeypatch):
    """Files of a thousand rows are large ones, in batches that do not divide them."""
    monkeypatch.setattr(source, "MANY", 1000)
    monkeypatch.setattr(source, "LEAST_BYTES", {".parquet": 0, ".csv": 0, ".jsonl": 0})
    monkeypatch.setattr(source, "BATCH", 333)


@pytest.fixture
def in_batches(in_own_process, monkeypatch):
    """The same without the decoder's own process, which takes most of the time of such a test to start."""

    @contextmanager
    def decoding(path, most, arguments):
        printed, messages = io.BytesIO(), io.StringIO()
        with redirect_stderr(messages):
            code = decoder.main([str(path), "0", *arguments], printed)
        printed.seek(0)
        yield printed
        if code:
            raise UserError(messages.getvalue().splitlines()[-1])

    monkeypatch.setattr(decoder, "cap_memory", lambda most: None)
    monkeypatch.setattr(source, "decoding", decoding)


def predicted(seed: int = 0) -> Columns:
    random = np.random.default_rng(seed)
    label, difficulty = random.integers(0, CLASSES, ROWS), random.random(ROWS)
    columns: Columns = {
        "id": random.permutation(10 * ROWS)[:ROWS],
        "label": label,
        "split": random.choice(["fit", "val", "test"], ROWS).tolist(),
        "factor_difficulty": difficulty,
    }
    for k in range(EXITS):
        correct = random.random(ROWS) < 0.5 + 0.15 * k
        columns[f"exit{k}.pred"] = np.where(correct, label, (label + 1) % CLASSES)
        columns[f"exit{k}.conf"] = np.clip(0.5 + 0.15 * k - 0.4 * difficulty + 0.2 * random.random(ROWS), 0, 1)
        columns[f"exit{k}.cost_macs"] = np.full(ROWS, 2.0 + k)
    return columns


def judged(name: str = "correct", seed: int = 1) -> Columns:
    random = np.random.default_rng(seed)
    columns: Columns = {"id": np.arange(ROWS), "split": random.choice(["calibration", "test"], ROWS).tolist()}
    for k in range(EXITS):
        quality = random.random(ROWS)
        columns[f"exit{k}.{name}"] = quality < 0.4 + 0.2 * k if name == "correct" else quality.astype(np.float32)
        columns[f"exit{k}.conf"] = random.random(ROWS)
        columns[f"exit{k}.stage_cost_usd"] = 0.5 + random.random(ROWS)
        columns[f"exit{k}.feature_length"] = random.random(ROWS).astype(np.float32)
    columns["before_words"] = random.random(ROWS)
    return columns


def without(columns: Columns, *names: str) -> Columns:
    return {name: values for name, values in columns.items() if name.rpartition(".")[2] not in names}


def text_ids(columns: Columns) -> Columns:
    return {**columns, "id": [str(n) if n < 500 else f"row {n}" for n in range(ROWS)], "text": [f"What is {n % 900}?" for n in range(ROWS)]}


def text_classes(columns: Columns) -> Columns:
    names = np.array(["cat", "dog", "eel", "fox", "gnu"])
    return {name: names[values].tolist() if name.endswith(("label", "pred")) else values for name, values in columns.items()}


def failing(columns: Columns) -> Columns:
    columns = without(columns, "feature_length")
    failed = np.random.default_rng(5).random((EXITS, ROWS)) < 0.1
    for k in range(EXITS):
        columns[f"exit{k}.failed"] = failed[k]
    return columns


FAMILY = {"topology": "family", "exit_names": json.dumps(["a", "b", "c"])}
FORMS: dict[str, tuple[Columns, dict[str, str], Options]] = {
    "predictions": (predicted(), {}, Options()),
    "named classes": (predicted(), {"class_names": json.dumps(list("abcdefg")), "exit_names": json.dumps(["x", "y", "z"])}, Options()),
    "without confidence": (without(predicted(), "conf"), {}, Options()),
    "classes in text": (text_classes(predicted()), {}, Options()),
    "ids in text": (text_ids(predicted()), {}, Options()),
    "correct": (judged(), {}, Options()),
    "quality": (judged("quality"), {}, Options()),
    "scaled quality": (judged("quality"), {}, Options(scale=0.5, quality_name="F1")),
    "failed": (failing(judged()), {}, Options()),
    "costs without a unit": (
        {name.replace("_usd", ""): values for name, values in judged().items()},
        FAMILY,
        Options(cost_unit="usd"),
    ),
    "costs as an option": (
        without(judged(), "stage_cost_usd"),
        FAMILY,
        Options(cost={"a": 0.25, "b": 0.5, "c": 1.0}, cost_unit="usd"),
    ),
    "family": (judged(), FAMILY, Options()),
    "family with a named quality": (judged("quality"), FAMILY, Options(quality_name="F1")),
}


def write(path, columns: Columns, metadata: dict[str, str] | None = None, group: int = 500):
    table = pa.table(columns)
    if path.suffix == ".csv":
        pa_csv.write_csv(table, path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        pq.write_table(table.replace_schema_metadata(metadata or {}), path, row_group_size=group)
    return path


#: Those that need no metadata, which only Parquet files have, and no names of exits in options.
IN_LOGS = [form for form, (_, metadata, options) in FORMS.items() if not metadata and not options.cost]


@pytest.mark.parametrize(
    ("form", "ending"), [*((form, ".parquet") for form in FORMS), *((form, ending) for ending in (".csv", ".jsonl") for form in IN_LOGS)]
)
def test_the_bundle_is_that_of_the_whole_file(form, ending, tmp_path, request):
    columns, metadata, options = FORMS[form]
    decode_in_this_process(request.getfixturevalue("monkeypatch"))
    path = write(tmp_path / f"outputs{ending}", columns, metadata)
    whole = import_file(path, "whole", out=tmp_path / "whole", options=options)
    request.getfixturevalue("in_batches")
    parts = import_file(path, "parts", out=tmp_path / "parts", options=options)
    assert whole.whole is None and parts.whole is not None
    assert parts.draft.exit_names == whole.draft.exit_names and parts.draft.class_names == whole.draft.class_names
    assert parts.tested == pytest.approx(whole.draft.outputs.test().quality.mean(axis=1, dtype=float), abs=1e-12)
    shards, at = list(parts.whole.shards()), 0
    for shard in shards:
        expected = whole.draft.outputs.take(slice(at, at + shard.examples))
        at += shard.examples
        for name in ("prediction", "labels", "judged", "ids", "split"):
            one, other = getattr(shard, name), getattr(expected, name)
            assert (one is None) == (other is None) and (one is None or (one.dtype == other.dtype and np.array_equal(one, other))), name
        for name in ("scores", "factors", "features", "before", "stage_cost"):
            one, other = getattr(shard, name), getattr(expected, name)
            assert one.keys() == other.keys()
            for key in one:
                assert np.array_equal(one[key], other[key]), (name, key)
        assert shard.kind == expected.kind and shard.classes == expected.classes
    assert at == whole.draft.outputs.examples
    bundle = read_bundle(tmp_path / "parts")
    texts = read_bundle(tmp_path / "whole")
    for name in ("id_texts", "texts"):
        if getattr(texts, name) is not None:
            kept = dict(zip(texts.outputs.ids.tolist(), getattr(texts, name).tolist(), strict=True))
            assert [kept[id] for id in bundle.outputs.ids.tolist()] == getattr(bundle, name).tolist()


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
@pytest.mark.parametrize("form", IN_LOGS)
def test_every_format_gives_the_same_files(form, ending, tmp_path, in_batches, monkeypatch):
    """The same bytes as from Parquet, but for the name of the source and its hash. Blocks of text need not divide the batches."""
    monkeypatch.setattr(rows_of_csv, "_BLOCK", 30_000)
    monkeypatch.setattr(rows_of_jsonl, "_BLOCK", 30_000)
    columns, _, options = FORMS[form]
    for path in (tmp_path / "outputs.parquet", tmp_path / f"outputs{ending}"):
        assert import_file(write(path, columns), "same", out=tmp_path / path.suffix, options=options).whole is not None
    one, other = ({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in (".parquet", ending))
    manifests = [json.loads(files.pop("bundle.json")) for files in (one, other)]
    assert one == other
    for manifest in manifests:
        del manifest["sha256"], manifest["provenance"]["imported_from"], manifest["provenance"]["sha256"]
        for unit in manifest["units"].values():
            del unit["note"]
    assert manifests[0] == manifests[1]


@pytest.mark.parametrize("rows", [{}, {"text": [f"What is {n // 2}?" for n in range(ROWS)]}], ids=["by id", "by text"])
def test_a_split_is_drawn_by_hash(rows, tmp_path, in_batches):
    imported = import_file(write(tmp_path / "outputs.parquet", {**without(predicted(), "split"), **rows}), "parts", out=tmp_path / "parts")
    counts = imported.whole.examples
    assert sum(counts.values()) == ROWS and abs(counts[Split.TEST] - ROWS / 2) < 100
    assert any("hash" in note and f"{counts[Split.TEST]:,}" in note for note in imported.notes)
    if rows:
        split = np.concatenate([shard.split for shard in imported.whole.shards()])
        assert (split[0::2] == split[1::2]).all()  # the same text twice is in the same split


def test_the_sample_is_announced(tmp_path, in_batches):
    imported = import_file(write(tmp_path / "outputs.parquet", predicted()), "parts", out=tmp_path / "parts")
    assert any("stratified sample" in note for note in imported.notes)
    assert read_bundle(tmp_path / "parts").provenance["notes"] == list(imported.notes)


def spoiled(name: str, row: int, value: object) -> Callable[[Columns], Columns]:
    def change(columns: Columns) -> Columns:
        values = list(columns[name])
        values[row] = value
        return {**columns, name: values}

    return change


REFUSED: dict[str, tuple[Callable[[Columns], Columns], str]] = {
    "a label below 0": (spoiled("label", 700, -1), "labels contains -1 at row 700"),
    "a label of a billion": (spoiled("label", 700, 10**9), "labels contains 1000000000 at row 700"),
    "a prediction of a billion": (spoiled("exit1.pred", 700, 10**9), r"pred contains 1000000000 at .* row 700\)"),
    "a confidence above 1": (spoiled("exit1.conf", 800, 1.5), r"conf contains 1.5 at \[1, 800\] \(exit 2, row 800\)"),
    "a confidence that is not a number": (spoiled("exit1.conf", 800, float("nan")), "row 800"),
    "an empty cell": (spoiled("exit2.pred", 1050, None), "exit2.pred is empty in row 1050"),
    "an unknown split": (spoiled("split", 900, "training"), "row 900"),
    "the same id twice, far apart": (lambda columns: spoiled("id", 1090, columns["id"][3])(columns), "same id"),
    "no label": (lambda columns: without(columns, "label"), "no column label"),
    "no costs": (
        lambda columns: without({**columns, "note": columns["split"]}, "cost_macs"),
        "only note, id, label, split, factor_difficulty, exit0.pred, exit0.conf, exit1.pred, .* and 1 more; add exit0.cost and so on",
    ),
    "exits from 1 on": (
        lambda columns: {re.sub(r"exit(\d)", lambda exit: f"exit{int(exit[1]) + 1}", name): values for name, values in columns.items()},
        "but no exit0.conf; number the exits from 0 on, or add it",
    ),
    "an exit is missing": (lambda columns: {name: values for name, values in columns.items() if name != "exit1.pred"}, "no exit1.pred"),
    "no test rows": (lambda columns: {**columns, "split": ["calibration"] * ROWS}, "no test rows"),
    "costs that fall": (lambda columns: {**columns, "exit2.cost_macs": np.ones(ROWS)}, "does not increase"),
    "a negative cost": (spoiled("exit0.cost_macs", 500, -3.0), "row 500"),
    "costs that fall once": (spoiled("exit2.cost_macs", 1000, 1.0), r"does not increase \(3 at exit 2, row 1000,"),
    "a class that is not named": (lambda columns: spoiled("exit1.pred", 777, "x")(text_classes(columns)), "row 777"),
    "classes in text and in numbers": (lambda columns: {**columns, "label": ["cat"] * ROWS}, "text"),
    "two columns for one array": (lambda columns: {**columns, "labels": columns["label"]}, "name the same array"),
    "an id of a thousand characters": (lambda columns: {**columns, "id": [f"row {n} {'x' * 1000}" for n in range(ROWS)]}, "200 characters"),
    "an exit that is not named": (lambda columns: {**columns, "conf": columns["exit0.conf"]}, "does not name its exit"),
    "an infinite factor": (spoiled("factor_difficulty", 600, float("inf")), "row 600"),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_mistakes_are_refused_in_one_sentence(mistake, tmp_path, in_batches):
    change, names = REFUSED[mistake]
    named = {"class_names": json.dumps(["cat", "dog", "eel", "fox", "gnu"])} if "not named" in mistake else {}
    path = write(tmp_path / "outputs.parquet", change(predicted()), named)
    with pytest.raises(UserError, match=names) as refusal:
        import_file(path, "parts", out=tmp_path / "parts")
    assert_one_sentence(str(refusal.value))
    assert [entry.name for entry in tmp_path.iterdir()] == ["outputs.parquet"]


def test_a_file_is_decoded_in_a_process_of_its_own(tmp_path, in_own_process):
    """One that is damaged in its second row group is refused after the first has been read."""
    path = tmp_path / "outputs.parquet"
    pq.write_table(pa.table(predicted()), path, row_group_size=500, write_page_checksum=True)
    assert import_file(path, "parts", out=tmp_path / "parts").whole.all_examples == ROWS
    content = bytearray(path.read_bytes())
    content[pq.read_metadata(path).row_group(1).column(4).data_page_offset + 200] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(UserError, match="damaged") as refusal:
        import_file(path, "others", out=tmp_path / "others")
    assert_one_sentence(str(refusal.value))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["outputs.parquet", "parts"]


def without_results(columns: Columns, exit: int, row: int) -> Columns:
    for name in list(columns):
        if name.startswith(f"exit{exit}."):
            columns = spoiled(name, row, None)(columns)
    return columns


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
@pytest.mark.parametrize(
    ("change", "options", "reason"),
    [
        (lambda columns: without_results(columns, 1, 800), {}, "exit1.[a-z_]+ is (empty|missing) in row 800"),
        (lambda columns: {**columns, "exit1.failed": np.zeros(ROWS, bool)}, {}, "exit1.failed but no exit0.failed"),
        (lambda columns: columns, {"models": ("exit0", "exit2")}, "an option names columns, models or costs"),
        (lambda columns: columns, {"columns": {"conf": ""}}, "an option names columns"),
    ],
)
def test_a_log_that_batches_cannot_take_is_read_whole(change, options, reason, ending, tmp_path, in_batches, monkeypatch, caplog):
    decode_in_this_process(monkeypatch)
    caplog.set_level("INFO", "offramp.importing")
    path = write(tmp_path / f"outputs{ending}", change(judged()))
    assert import_file(path, "whole", out=tmp_path / "whole", options=Options(**options)).whole is None
    assert re.search(f"outputs{ending} is read whole and not in batches, because .*{reason}", caplog.text)


def test_values_of_another_kind_than_in_the_first_row_are_read_whole(tmp_path, in_batches, monkeypatch, caplog):
    decode_in_this_process(monkeypatch)
    caplog.set_level("INFO", "offramp.importing")
    rows = pa.table({name: values for name, values in predicted().items() if name != "factor_difficulty"}).to_pylist()
    rows[900]["factor_difficulty"] = 0.5
    (tmp_path / "outputs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert import_file(tmp_path / "outputs.jsonl", "whole", out=tmp_path / "whole").whole is None
    assert "its first row has no factor_difficulty" in caplog.text


def test_a_line_that_is_no_object_is_refused_with_its_number(tmp_path, in_batches):
    """The library ends the process at such a line."""
    path = write(tmp_path / "outputs.jsonl", predicted())
    path.write_text(path.read_text() + "null\n")
    with pytest.raises(UserError, match="^Line 1,101 of outputs.jsonl begins with 'null'; "):
        import_file(path, "parts", out=tmp_path / "parts")


def test_a_parquet_file_with_other_names_is_read_whole_and_told_so(tmp_path, in_batches, caplog):
    caplog.set_level("INFO", "offramp.importing")
    columns = {name.replace("exit", "Exit "): values for name, values in judged().items()}
    assert import_file(write(tmp_path / "outputs.parquet", columns), "whole", out=tmp_path / "whole").whole is None
    assert "outputs.parquet is read whole and not in batches, because it has no column that is called exactly exit0.pred, " in caplog.text


def test_names_of_a_log_stand_for_those_of_arrays(tmp_path, in_batches):
    """Ids, labels and texts under other names, numbers and words with white space, and words for correct and incorrect."""
    columns = text_ids({name: values for name, values in judged().items() if "feature" not in name})
    renamed = {{"id": "query_id", "text": "prompt"}.get(name, name): values for name, values in columns.items()}
    for k in range(EXITS):
        renamed[f"exit{k}.correct"] = [" yes" if correct else "no" for correct in columns[f"exit{k}.correct"]]
    for path, given in ((tmp_path / "one.parquet", columns), (tmp_path / "other.csv", renamed)):
        assert import_file(write(path, given), "same", out=tmp_path / path.stem).whole is not None
    assert (tmp_path / "one" / "outputs.parquet").read_bytes() == (tmp_path / "other" / "outputs.parquet").read_bytes()


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_any_ends_of_lines_are_read_in_batches(end, tmp_path, in_batches):
    paths = [write(tmp_path / name, predicted()) for name in ("one.csv", "other.csv")]
    paths[1].write_bytes(paths[1].read_bytes().replace(b"\n", end))
    for path in paths:
        assert import_file(path, "same", out=tmp_path / path.stem).whole is not None
    assert (tmp_path / "one" / "outputs.parquet").read_bytes() == (tmp_path / "other" / "outputs.parquet").read_bytes()


def test_costs_of_models_in_a_log_are_those_of_each_alone(tmp_path, in_batches):
    path = write(tmp_path / "outputs.csv", predicted())
    imported = import_file(path, "parts", kind="family", out=tmp_path / "parts")
    assert imported.whole is not None and imported.draft.outputs.stage_cost["macs"].tolist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (spoiled("exit1.conf", 800, "high"), r"exit1.conf is 'high' in row 800 \(counted from 0\), which is not a number"),
        (spoiled("exit1.conf", 800, 1.5), r"conf contains 1.5 at \[1, 800\] \(exit 2, row 800\)"),
        (spoiled("factor_difficulty", 800, float("inf")), "factor_difficulty is inf in row 800"),
        (spoiled("split", 900, "training"), "split contains 'train' at row 900"),
        (spoiled("id", 1090, 7), "same id, '?7"),
    ],
)
def test_mistakes_in_a_large_csv_file_are_named_with_their_row(change, names, tmp_path, in_batches):
    columns = {**predicted(), "id": np.arange(ROWS)}
    columns = {name: [str(value) for value in values] for name, values in change(columns).items()}
    with pytest.raises(UserError, match=names) as refusal:
        import_file(write(tmp_path / "outputs.csv", columns), "parts", out=tmp_path / "parts")
    assert_one_sentence(str(refusal.value))
    assert [entry.name for entry in tmp_path.iterdir()] == ["outputs.csv"]


def test_results_that_are_missing_are_refused(tmp_path, in_batches):
    columns = judged("quality")
    columns["exit1.quality"][700] = np.nan
    for k in range(EXITS):
        columns[f"exit{k}.stage_cost_usd"] = np.ones(ROWS)
    with pytest.raises(UserError, match="quality") as refusal:
        import_file(write(tmp_path / "outputs.parquet", columns), "parts", out=tmp_path / "parts")
    assert_one_sentence(str(refusal.value))


def test_failed_results_beside_features_are_refused(tmp_path, in_batches):
    columns = {**failing(judged()), **{name: values for name, values in judged().items() if "feature" in name}}
    with pytest.raises(UserError, match="failed results or columns feature_NAME") as refusal:
        import_file(write(tmp_path / "outputs.parquet", columns), "parts", out=tmp_path / "parts")
    assert_one_sentence(str(refusal.value))


@pytest.mark.parametrize(
    ("module", "limit", "mentions"), [(source, "MOST_EXAMPLES", "1,100 rows"), (scan, "MOST_CLASSES", "different texts")]
)
def test_limits_are_told(module, limit, mentions, tmp_path, in_batches, monkeypatch):
    monkeypatch.setattr(module, limit, 4)
    with pytest.raises(UserError, match=mentions) as refusal:
        import_file(write(tmp_path / "outputs.parquet", text_classes(predicted())), "parts", out=tmp_path / "parts")
    assert_one_sentence(str(refusal.value))


def test_more_columns_than_a_log_may_have_are_refused_from_the_footer(tmp_path, in_batches, monkeypatch):
    """A small file by the reader of whole files, a large one before its columns are looked at."""
    columns = {**predicted(), **{f"exit0.feature_{k}": np.zeros(ROWS, np.int8) for k in range(2000)}}
    path = write(tmp_path / "outputs.parquet", columns)
    for _ in range(2):
        with pytest.raises(UserError) as refusal:
            import_file(path, "parts", out=tmp_path / "parts")
        assert str(refusal.value) == "outputs.parquet has 2,013 columns; give at most 2,000."
        monkeypatch.setattr(source, "LEAST_BYTES", {})
        decode_in_this_process(monkeypatch)


def test_a_limit_of_memory_holds_for_batches_too(tmp_path, in_batches):
    path = write(tmp_path / "outputs.parquet", predicted())
    with pytest.raises(
        UserError, match=r"read in batches, which takes up to 258 MiB .* raise the limit with --most-memory 258M"
    ) as refusal:
        import_file(path, "parts", out=tmp_path / "parts", most=100 * 2**20)
    assert_one_sentence(str(refusal.value))
    assert import_file(path, "parts", out=tmp_path / "parts", most=258 * 2**20).whole is not None


def test_files_with_distributions_are_read_whole(tmp_path, in_batches):
    columns = {**without(predicted(), "pred", "conf"), **{f"exit{k}.probs": [[0.5, 0.3, 0.1, 0.05, 0.05]] * ROWS for k in range(EXITS)}}
    imported = import_file(write(tmp_path / "outputs.parquet", columns), "whole", out=tmp_path / "whole")
    assert imported.whole is None and imported.draft.outputs.logits is not None
