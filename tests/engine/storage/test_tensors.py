"""Tensor files: a round trip loses nothing, and a hostile header cannot read outside the data."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.storage.tensors import map_tensor, save_tensors, tensor_names


def file_with(path, header, data=b"\0" * 64):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8, np.int32, np.int64])
def test_round_trip(tmp_path, dtype):
    path = tmp_path / "some.safetensors"
    arrays = {"a": np.arange(24).reshape(2, 3, 4).astype(dtype), "b": np.array([7], dtype)}
    save_tensors(path, arrays)
    assert tensor_names(path) == ["a", "b"]
    for name, array in arrays.items():
        mapped = map_tensor(path, name)
        assert mapped.dtype == dtype and np.array_equal(mapped, array)
        assert np.array_equal(load_file(path)[name], array)  # the library agrees


def test_a_mapped_array_is_read_only_and_its_file_readable_by_all(tmp_path):
    path = tmp_path / "some.safetensors"
    save_tensors(path, {"a": np.ones(3, np.float32)})
    with pytest.raises(ValueError, match="read-only"):
        map_tensor(path, "a")[0] = 2
    assert path.stat().st_mode & 0o444 == 0o444


def test_tensor_names_leave_out_the_metadata(tmp_path):
    entry = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}
    path = file_with(tmp_path / "x.safetensors", {"__metadata__": {"by": "us"}, "z": entry, "a": entry})
    assert tensor_names(path) == ["a", "z"]


def entry(**changes):
    return {"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]} | changes}


HOSTILE = {
    "no such array": ({"b": {}}, KeyError),
    "a list": ([1, 2], TypeError),
    "not JSON": (b"{{{{", ValueError),
    "not text": (b"\xff\xfe\xff\xfe", ValueError),
    "unknown dtype": (entry(dtype="BF16"), KeyError),
    "no shape": ({"a": {"dtype": "F32", "data_offsets": [0, 16]}}, KeyError),
    "shape and offsets disagree": (entry(shape=[2, 3]), ValueError),
    "negative sides": (entry(shape=[-2, -2]), ValueError),
    "sides that overflow": (entry(shape=[2**32, 2**32], data_offsets=[0, 0]), ValueError),
    "starts in the header": (entry(data_offsets=[-16, 0]), ValueError),
    "ends beyond the file": (entry(shape=[4, 8], data_offsets=[0, 128]), ValueError),
    "starts beyond the file": (entry(data_offsets=[1000, 1016]), ValueError),
    "ends before it starts": (entry(data_offsets=[16, 0]), ValueError),
    "three offsets": (entry(data_offsets=[0, 8, 16]), ValueError),
    "offsets of text": (entry(data_offsets=["0", "16"]), TypeError),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_refused(tmp_path, name):
    header, problem = HOSTILE[name]
    with pytest.raises(problem):
        map_tensor(file_with(tmp_path / "x.safetensors", header), "a")


@pytest.mark.parametrize("length", [10**6, 2**63, 2**64 - 1])
def test_a_header_longer_than_the_file_is_not_read(tmp_path, length):
    path = tmp_path / "x.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{}")
    with pytest.raises(ValueError, match=r"x\.safetensors is not a safetensors file"):
        map_tensor(path, "a")


@pytest.mark.parametrize("size", [0, 3, 8, 40])
def test_a_truncated_file_is_refused(tmp_path, size):
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"a": np.ones(100, np.float32)})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError):
        map_tensor(path, "a")


def test_an_array_in_another_memory_order_is_the_same(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    save_tensors(tmp_path / "file.safetensors", {"columns first": np.asfortranarray(array), "reversed": array[::-1, ::-1]})
    np.testing.assert_array_equal(map_tensor(tmp_path / "file.safetensors", "columns first"), array)
    np.testing.assert_array_equal(map_tensor(tmp_path / "file.safetensors", "reversed"), array[::-1, ::-1])
