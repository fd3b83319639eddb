"""Files that are nearly valid: valid ones of every form, changed where their structure can be changed, drawn by a seed.

`invalid_files` are those of the other tests, each of which is refused for one known reason, written in the form that each needs.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors.numpy import save as safetensors_bytes

from engine.errors import UserError
from engine.importing.options import Options
from engine.importing.templates import LOG_TEMPLATES, TEMPLATES, write_template

Arrays = dict[str, NDArray]
#: Options that any file may be imported with.
OPTIONS: tuple[dict[str, Any], ...] = ({}, {}, {}, {"scale": 0.01}, {"clip": True}, {"cost": {"small": 1.0, "large": 2.0}})
ARRAYS = ("logits", "probs", "confidence", "family", "mixed", "correct", "quality")
LOGS = ("long", "wide")


def changed_file(folder: Path, seed: int) -> Path:
    """A file in `folder` that is valid but for one or two changes."""
    rng = np.random.default_rng(seed)
    return _FORMS[rng.integers(len(_FORMS))](folder / f"f{seed}", rng)


# Arrays


def _arrays(rng: np.random.Generator) -> Arrays:
    arrays = dict(TEMPLATES[str(rng.choice(ARRAYS))]())
    for _ in range(rng.integers(1, 3)):
        name = str(rng.choice(list(arrays)))
        _CHANGES[rng.integers(len(_CHANGES))](arrays, name, rng)
    return arrays


def _removed(arrays: Arrays, name: str, _: np.random.Generator) -> None:
    if len(arrays) > 1:
        del arrays[name]


def _renamed(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    names = (
        "cost",
        "stage_cost_ms",
        "cost_Watts",
        "feature_x",
        "before_x",
        "factor_x",
        "failed",
        "conf",
        "exit0.logits",
        "exit1.probs",
        "x",
    )
    arrays[str(rng.choice(names))] = arrays[name]


def _typed(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    kind = rng.choice(("bool", "int8", "uint64", "float16", "float64", "U", "complex64", "S", "M8[s]", ">f4", ">i2"))
    with np.errstate(all="ignore"):
        try:
            arrays[name] = arrays[name].astype(kind)
        except (ValueError, TypeError):
            arrays[name] = np.zeros(arrays[name].shape, kind)


def _shaped(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    array = arrays[name]
    shapes: tuple[Callable[[NDArray], NDArray], ...] = (
        lambda a: a.T,
        lambda a: a.reshape(-1),
        lambda a: a[None],
        lambda a: a[..., None],
        lambda a: a[:1] if a.ndim else a,
        lambda a: a[:0] if a.ndim else a,
        lambda a: a[:, : a.shape[1] // 2] if a.ndim > 1 else a,
        lambda a: np.concatenate([a, a]) if a.ndim else a,
        lambda a: np.asfortranarray(a),
        lambda a: a.reshape(-1)[0] if a.size else a,
    )
    arrays[name] = np.asarray(shapes[rng.integers(len(shapes))](array))


def _valued(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    array = arrays[name].copy()
    if not array.size:
        return
    if array.dtype.kind == "U":
        array = array.astype("U40")
        value: Any = rng.choice(("", "train", "calibration", "\x1b[31m", "é" * 40, str(array.reshape(-1)[0]), "nan"))
    elif array.dtype.kind == "f":
        value = rng.choice((np.nan, np.inf, -np.inf, -1.0, 1e30, 0.0, 0.5, 2.0, 6e4))
    else:
        value = rng.choice((-1, 0, 1, 3, 100, 127))
    place = rng.integers(array.size, size=rng.choice((1, array.size)))
    with np.errstate(all="ignore"):
        array.reshape(-1)[place] = np.array(value).astype(array.dtype) if array.dtype.kind != "U" else value
    arrays[name] = array


def _swapped(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    other = str(rng.choice(list(arrays)))
    arrays[name], arrays[other] = arrays[other], arrays[name]


_CHANGES: tuple[Callable[[Arrays, str, np.random.Generator], None], ...] = (
    _removed,
    _renamed,
    _typed,
    _shaped,
    _shaped,
    _valued,
    _valued,
    _swapped,
)


def _npz(path: Path, rng: np.random.Generator) -> Path:
    path = path.with_suffix(".npz")
    np.savez(path, **_arrays(rng))
    return path


def _npz_container(path: Path, rng: np.random.Generator) -> Path:
    """Members whose headers lie, that are missing, cut, named alike or packed by other means."""
    path = path.with_suffix(".npz")
    with zipfile.ZipFile(path, "w") as archive:
        arrays = dict(TEMPLATES["probs"]())
        spoilt = str(rng.choice(list(arrays)))
        for name, array in arrays.items():
            file = io.BytesIO()
            np.save(file, array)
            data, member = file.getvalue(), f"{name}.npy"
            packing = zipfile.ZIP_DEFLATED
            if name == spoilt:
                how = rng.integers(6)
                if how == 0:
                    data = data[: rng.integers(len(data))]
                elif how == 1:
                    data = data.replace(b"3", bytes([rng.integers(48, 58)]), int(rng.integers(1, 4)))
                elif how == 2:
                    at = int(rng.integers(128))
                    data = data[:at] + bytes([rng.integers(256)]) + data[at + 1 :]
                elif how == 3:
                    packing = int(rng.choice((zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_STORED)))
                elif how == 4:
                    member = f"../{name}.npy"
                else:
                    data += bytes(rng.integers(1, 2000))
            archive.writestr(member, data, packing)
    return _spoilt(path, rng) if rng.random() < 0.3 else path


def _safetensors(path: Path, rng: np.random.Generator) -> Path:
    """Numbers only; half of the files have a header that was changed."""
    path = path.with_suffix(".safetensors")
    kept = {
        name: np.ascontiguousarray(array) for name, array in _arrays(rng).items() if array.dtype.kind in "biuf" and array.dtype.isnative
    }
    try:
        data = safetensors_bytes(kept, {"topology": str(rng.choice(("chain", "family", "tree"))), "class_names": '["a", "b", "c", "d"]'})
    except (KeyError, ValueError):  # a type that the format lacks
        data = safetensors_bytes(TEMPLATES["probs"]())
    if rng.random() < 0.5:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        name = str(rng.choice([name for name in header if name != "__metadata__"] or ["x"]))
        entry = header.setdefault(name, {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})
        change = rng.integers(6)
        if change == 0:
            entry["shape"] = [int(10 ** rng.integers(18)), *entry["shape"]]
        elif change == 1:
            entry["data_offsets"] = sorted(int(n) for n in rng.integers(len(data) * 2, size=2))
        elif change == 2:
            entry["dtype"] = str(rng.choice(("F8_E4M3", "BF16", "C64", "I64", "x")))
        elif change == 3:
            header["again"] = entry  # two arrays in one place
        elif change == 4:
            header["__metadata__"] = {"class_names": str(rng.choice(("{}", "[", '["a"]', "[1]")))}
        else:
            header[name] = None
        text = json.dumps(header).encode()
        data = len(text).to_bytes(8, "little") + text + data[8 + length :]
    path.write_bytes(data)
    return _spoilt(path, rng) if rng.random() < 0.2 else path


# Logs, and columns of arrays


def _rows(rng: np.random.Generator) -> pd.DataFrame:
    frame = pd.DataFrame(LOG_TEMPLATES[str(rng.choice(LOGS))]())
    for _ in range(rng.integers(1, 3)):
        frame = frame.loc[:, ~frame.columns.duplicated()]
        column = str(rng.choice(list(frame.columns)))
        change = rng.integers(8)
        if change == 0 and len(frame.columns) > 1:
            frame = frame.drop(columns=column)
        elif change == 1:
            frame = pd.concat([frame, frame.iloc[[int(rng.integers(len(frame)))]]])
        elif change == 2:
            frame = frame.rename(columns={column: str(rng.choice(("cost", "model", "quality", "label", "split", "x", "é\x07")))})
        elif change in (3, 4):
            value = rng.choice(("", "n/a", "nan", "1,5", "$3", "-1", "1e40", "inf", "train", "\x1b[31m", "x" * 300, "2"))
            cells = frame[column].astype(object).to_numpy().copy()
            cells[rng.integers(len(cells), size=rng.choice((1, len(cells))))] = value
            frame[column] = cells
        elif change == 5:
            frame = frame.iloc[: int(rng.choice((0, 1, 2, 3)))]
        elif change == 6:
            frame[column] = frame[column].sample(frac=1, random_state=int(rng.integers(100))).to_numpy()
        else:
            frame[f"{column}.cost"] = np.arange(len(frame)) - 1.0
        if not len(frame):
            break
    return frame.loc[:, ~frame.columns.duplicated()] if rng.random() < 0.9 else frame


def _csv(path: Path, rng: np.random.Generator) -> Path:
    path = path.with_suffix(".csv")
    _rows(rng).to_csv(path, index=False, sep=str(rng.choice((",", ";", "\t"))))
    return _spoilt(path, rng) if rng.random() < 0.4 else path


def _jsonl(path: Path, rng: np.random.Generator) -> Path:
    path = path.with_suffix(".jsonl")
    frame = _rows(rng)
    lines = frame.loc[:, ~frame.columns.duplicated()].to_json(orient="records", lines=True).splitlines()
    if lines and rng.random() < 0.5:
        at = int(rng.integers(len(lines)))
        lines[at] = str(
            rng.choice(('{"a": ' * 50, '{"id": [1, {"b": 2}]}', "[]", "null", '{"id": NaN}', lines[at][:-3], lines[at] + lines[at]))
        )
    path.write_text("\n".join(lines))
    return _spoilt(path, rng) if rng.random() < 0.3 else path


def _parquet_log(path: Path, rng: np.random.Generator) -> Path:
    path = path.with_suffix(".parquet")
    frame = _rows(rng)
    frame = frame.loc[:, ~frame.columns.duplicated()]
    frame = frame.astype({column: str for column in frame.columns if frame[column].dtype == object})
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=int(rng.choice((7, 1000))))
    return _spoilt(path, rng) if rng.random() < 0.4 else path


def _parquet_arrays(path: Path, rng: np.random.Generator) -> Path:
    path = path.with_suffix(".parquet")
    whole = pq.read_table(write_template("parquet", path))
    columns = {name: whole[name] for name in whole.column_names}
    for _ in range(rng.integers(1, 3)):
        name, change = str(rng.choice(list(columns))), rng.integers(7)
        values = columns[name].to_pylist()
        made: Any = values
        if change == 0 and len(columns) > 1:
            del columns[name]
            continue
        if change == 1:
            made = [None, *values[1:]]
        elif change == 2:
            made = [value[:-1] if isinstance(value, list) and at == 3 else value for at, value in enumerate(values)]
        elif change == 3:
            made = [str(value) for value in values]
        elif change == 4:
            name = str(rng.choice(("cost", "labels", "exit0.probs", "exit7.logits", "exit1.conf", "logits", "id", "text", "split")))
        elif change == 5:
            made = [{"a": 1}] * len(values)
        else:
            made = [[float("nan")] * len(value) if isinstance(value, list) and at == 2 else value for at, value in enumerate(values)]
        columns[name] = pa.array(made)
    pq.write_table(pa.table(columns), path, row_group_size=int(rng.choice((7, 1000))), use_dictionary=bool(rng.integers(2)))
    return _spoilt(path, rng) if rng.random() < 0.3 else path


def _spoilt(path: Path, rng: np.random.Generator) -> Path:
    """Some bytes of the file changed, cut off or repeated."""
    data = bytearray(path.read_bytes())
    change = rng.integers(4)
    if not data or change == 0:
        data = data[: int(rng.integers(len(data) + 1))]
    elif change == 1:
        at = int(rng.integers(len(data)))
        data[at:at] = data[at : at + 50]
    else:
        tail = change == 2  # where Parquet files and archives keep their sizes
        for at in rng.integers(max(0, len(data) - 300) if tail else 0, len(data), size=int(rng.integers(1, 6))):
            data[at] = rng.integers(256)
    path.write_bytes(bytes(data))
    return path


_FORMS = (_npz, _npz, _npz_container, _safetensors, _csv, _jsonl, _parquet_log, _parquet_arrays)


def invalid_files(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every file that the other tests of this folder refuse for a reason of its own, with the options that it is refused with."""
    from tests.engine.importing.test_log_refusals import REFUSED
    from tests.engine.importing.test_refusals import INVALID, INVALID_COLUMNS, columns, good

    for at, (changes, _) in enumerate(INVALID):
        path = folder / f"array{at}.npz"
        np.savez(path, **good(**changes))
        yield path, {}
    for at, (changes, _) in enumerate(INVALID_COLUMNS):
        path = folder / f"column{at}.parquet"
        pq.write_table(pa.table(columns(**changes)), path)
        yield path, {}
    for at, (frame, options, _) in enumerate(REFUSED):
        if "costs" in options:
            options = options | {"costs": _written(options["costs"], folder / f"costs{at}")}
        path = _written(frame, folder / f"log{at}")
        if path is not None and _are_valid(options):
            yield path, options


def _are_valid(options: dict[str, Any]) -> bool:
    try:
        Options(**{name: value for name, value in options.items() if name not in ("models", "kind")})
    except UserError:
        return False
    return isinstance(options.get("models", []), list)


def _written(frame: Any, path: Path) -> Path | None:
    """A frame as a file of the form that can hold it, or None."""
    if isinstance(frame, list) and all(isinstance(row, dict) for row in frame):
        try:
            path.with_suffix(".jsonl").write_text("".join(json.dumps(row) + "\n" for row in frame))
        except TypeError:  # something that JSON lacks
            frame = {name: [row.get(name) for row in frame] for row in frame for name in row}
        else:
            return path.with_suffix(".jsonl")
    if not isinstance(frame, dict):
        return None
    if any(np.ndim(value) >= 2 for value in frame.values()):
        np.savez(path.with_suffix(".npz"), **{name: np.asarray(value) for name, value in frame.items()})
        return path.with_suffix(".npz")
    try:
        pq.write_table(pa.table(frame), path.with_suffix(".parquet"))
    except (pa.ArrowException, ValueError, TypeError):
        return None
    return path.with_suffix(".parquet")
