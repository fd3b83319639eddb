"""Files that are small on disk and large in memory, or only claim to be large: one function each, which writes it to a path."""

import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

Bomb = Callable[[Path], None]
ROWS = 2**20


def constant_rows(path: Path) -> None:
    """A million rows of thirty columns, each one value."""
    ones = pa.array(np.ones(ROWS, np.int8))
    pq.write_table(pa.table({f"m{i}": ones for i in range(30)}), path, compression="zstd")


def repeated_text(path: Path) -> None:
    """A text of 2,000 characters, stored once and repeated in every row."""
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(ROWS // 4, np.int8)), ["x" * 2000])
    pq.write_table(pa.table({"text": text, "a": np.ones(ROWS // 4, np.int8)}), path, compression="zstd")


def repeated_label(path: Path) -> None:
    """The same in a file of arrays."""
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(ROWS // 4, np.int8)), ["x" * 2000])
    columns = {"text": text, "label": np.zeros(ROWS // 4, np.int8), "exit0.pred": np.zeros(ROWS // 4, np.int8)}
    pq.write_table(pa.table(columns | {"exit0.cost": np.ones(ROWS // 4, np.int8)}), path, compression="zstd")


def _long_list(path: Path) -> None:
    zeros = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2**24, np.float32)), 2**24)
    pq.write_table(pa.table({"label": [0], "exit0.logits": zeros, "exit0.cost": [1.0]}), path, compression="zstd")


def long_list(path: Path) -> None:
    """One row with sixteen million values."""
    _long_list(path)


def lying_footer(path: Path) -> None:
    """The same, but the footer states a single value."""
    _long_list(path)
    data = path.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    true, lie = bytes([0x80, 0x80, 0x80, 0x10]), bytes([0x82, 0x80, 0x80, 0x00])  # 2^24 and 1, zigzag in seven bits a byte
    assert data.count(true, footer)
    path.write_bytes(data[:footer] + data[footer:].replace(true, lie))


def nested_lists(path: Path) -> None:
    """Lists of lists of lists, where a list of floats belongs."""
    rows = pa.array([[[[0.0] * 64] * 64] * 64] * 20, pa.list_(pa.list_(pa.list_(pa.float32()))))
    pq.write_table(pa.table({"label": [0] * 20, "exit0.logits": rows, "exit0.cost": [1.0] * 20}), path, compression="zstd")


def many_columns(path: Path) -> None:
    pq.write_table(pa.table({f"m{i}": [1] for i in range(2001)}), path)


def many_rows(path: Path) -> None:
    """More rows than a log may have, of one value."""
    pq.write_table(pa.table({"m": pa.array(np.ones(50_000_001, np.int8))}), path, compression="zstd")


def tiny_integers(path: Path) -> None:
    """Numbers of one byte, which need more once they are imported."""
    np.savez_compressed(path, correct=np.ones((100, ROWS // 4), bool), stage_cost=np.arange(1, 101))


def zeros(path: Path) -> None:
    np.savez_compressed(path, logits=np.zeros((3, 5000, 1000), np.float16), labels=np.zeros(5000, np.int8), cost=[1, 2, 3])


def lying_header(path: Path) -> None:
    """A header that claims a quintillion values over a few bytes."""
    header = str({"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)}).encode() + b"\n"
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(800)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("logits.npy", member)


def lying_directory(path: Path) -> None:
    """A member that unpacks to far more than the directory of the archive states."""
    file = io.BytesIO()
    np.save(file, np.zeros(2**23))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.npy", file.getvalue())
    true = struct.pack("<I", 2**26 + 128)
    assert path.read_bytes().count(true) == 2
    path.write_bytes(path.read_bytes().replace(true, struct.pack("<I", 8 * 300 + 128)))


def same_names(path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.zeros(2**20))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("labels.npy")
        for _ in range(3):
            archive.NameToInfo.clear()  # so that it does not warn
            archive.writestr(info, file.getvalue())


def large_header(path: Path) -> None:
    """A safetensors header of sixteen million bytes, with an array for every few of them."""
    entry = '"a%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
    header = ("{" + ",".join(entry % i for i in range(2**18)) + "}").encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)


def claimed_header(path: Path) -> None:
    path.write_bytes((2**60).to_bytes(8, "little") + b"{}")


def overlapping(path: Path) -> None:
    """A thousand arrays in the same place."""
    entry = {"dtype": "F32", "shape": [2**16], "data_offsets": [0, 2**18]}
    header = json.dumps({f"factor_{i}": entry for i in range(1000)}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(2**18))


def hole(path: Path) -> None:
    """A file of half a gigabyte that takes no room on the disk."""
    with open(path, "wb") as file:
        file.truncate(2**29)


def short_lines(path: Path) -> None:
    path.write_bytes(b"a,b\n" + b"1,1\n" * 1_500_000)


def long_field(path: Path) -> None:
    path.write_bytes(b'a,b\n1,"' + b"x" * 2**25)


def long_line(path: Path) -> None:
    path.write_bytes(b"a," * 2**24)


def empty_objects(path: Path) -> None:
    """A line with many names, which every other line then has too."""
    path.write_bytes(json.dumps({f"m{i}": 1 for i in range(1500)}).encode() + b"\n" + b"{}\n" * 500_000)


def names_of_its_own(path: Path) -> None:
    """Every line has another name."""
    path.write_bytes(b"".join(b'{"m%d": 1}\n' % i for i in range(50_000)))


def deep_objects(path: Path) -> None:
    path.write_bytes((b'{"a": ' * 20_000 + b"1" + b"}" * 20_000 + b"\n") * 3)


def deep_lists(path: Path) -> None:
    path.write_bytes(b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}\n")


#: {name of the file: what writes it}
BOMBS: Mapping[str, Bomb] = MappingProxyType(
    {f"{bomb.__name__}.{ending}": bomb for ending, bombs in {
        "parquet": (constant_rows, repeated_text, repeated_label, long_list, lying_footer, nested_lists, many_columns, many_rows),
        "npz": (tiny_integers, zeros, lying_header, lying_directory, same_names, hole),
        "safetensors": (large_header, claimed_header, overlapping),
        "csv": (short_lines, long_field, long_line, hole),
        "jsonl": (empty_objects, names_of_its_own, deep_objects, deep_lists),
    }.items() for bomb in bombs}
)  # fmt: skip


def odd_files(folder: Path) -> list[Path]:
    """Files that other rules refuse: each reaches a sentence of its own."""
    from tests.engine.importing.test_log_refusals import MALFORMED
    from tests.engine.importing.test_refusals import good

    made = []
    for at, (name, content, _) in enumerate(MALFORMED):
        made.append(folder / f"odd{at}{Path(name).suffix}")
        made[-1].write_bytes(content)
    for name in ("a.pkl", "a.h5", "a.txt"):
        made.append(folder / name)
        made[-1].write_bytes(b"x")
    made.append(folder / "gone.npz")
    np.savez(folder / "twice.npz", **good(feature_x=np.ones((3, 300)), before_x=np.ones(300)))
    np.savez(folder / "overflow.npz", **good(factor_x=np.full(300, 1e300)))
    of_exits = {"exit0.logits": np.ones((300, 4)), "exit1.probs": np.full((300, 3), 1 / 3), "exit2.logits": np.ones((300, 4))}
    np.savez(folder / "classes.npz", **good(logits=None, **of_exits))
    made += [folder / "twice.npz", folder / "overflow.npz", folder / "classes.npz"]
    pq.write_table(
        pa.table({"label": pa.array([], pa.int8()), "exit0.logits": pa.array([], pa.list_(pa.float32()))}), folder / "none.parquet"
    )
    header = json.dumps({"logits": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}).encode()
    (folder / "eight.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    rows = pd.DataFrame(
        {"id": range(6), "a": [0, 1] * 3, "b": 1.0, "a.cost": 1, "b.cost": 2, "a.feature_x": [1, None] * 3, "b.feature_x": 1}
    )
    rows.to_csv(folder / "feature.csv", index=False)
    rows.drop(columns=["a.feature_x", "b.feature_x"]).assign(before_x=[None, *range(5)]).to_csv(folder / "before.csv", index=False)
    return [*made, folder / "none.parquet", folder / "eight.safetensors", folder / "feature.csv", folder / "before.csv"]
