"""Weights: round trips, and what is refused."""

import json

import pytest
import torch
from safetensors.torch import save_file

from engine.cascades.msdnet import MSDNetShape, msdnet
from engine.errors import UserError
from engine.runtime.weights import load_weights, save_weights
from engine.storage.files import sha256_of
from engine.storage.sealed import write_sealed

SMALL = MSDNetShape(classes=3, stem=4, base=(4, 4), growth=(4, 4), layers=(1, 1), scales=(2, 1), hidden=8)


def network(seed, shape=SMALL):
    torch.manual_seed(seed)
    return msdnet(shape)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "tiny.safetensors"
    save_weights(network(1), path, "tiny", {"seed": 1})
    return path


def test_round_trip(path):
    other = network(2)
    assert load_weights(other, path) == {"seed": 1}
    wanted = network(1).state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in other.state_dict().items())


def test_half_precision_is_close_and_keeps_vectors(path, tmp_path):
    half = tmp_path / "half.safetensors"
    save_weights(network(1), half, "tiny", {}, half=True)
    other = network(2)
    load_weights(other, half)
    for name, tensor in network(1).state_dict().items():
        loaded = other.state_dict()[name]
        assert loaded.dtype == tensor.dtype
        assert torch.allclose(loaded, tensor, rtol=1e-3, atol=1e-6) if tensor.ndim > 1 else torch.equal(loaded, tensor)
    assert half.stat().st_size < path.stat().st_size


def test_equal_weights_give_equal_bytes_and_digests(path, tmp_path):
    again, different = tmp_path / "again.safetensors", tmp_path / "different.safetensors"
    save_weights(network(1), again, "tiny", {"seed": 1})
    save_weights(network(2), different, "tiny", {"seed": 1})
    assert sha256_of(again) == sha256_of(path) != sha256_of(different)
    assert list(tmp_path.glob("*.tmp")) == []


def refusal(path, shape=SMALL):
    """The error, which names the file and what to do."""
    with pytest.raises(UserError) as caught:
        load_weights(network(2, shape), path)
    sentence = str(caught.value)
    assert str(path) in sentence and "restore the original file or create it again" in sentence and "\n" not in sentence
    return sentence


def test_missing_weights_are_named(tmp_path):
    assert "There are no weights" in refusal(tmp_path / "tiny.safetensors")


def test_a_flipped_bit_is_detected(path):
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    assert "checksum" in refusal(path)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    assert "cannot be read" in refusal(path)


@pytest.mark.parametrize("about", [None, {"offramp": "{}"}, {"offramp": json.dumps({"schema": 99})}, {"other": "words"}])
def test_a_foreign_file_is_refused(path, about):
    save_file({"stages": torch.zeros(2)}, path, about)
    assert "not written by this version" in refusal(path)


def test_metadata_that_is_not_json_is_refused(path):
    save_file({"stages": torch.zeros(2)}, path, {"offramp": "{"})
    assert "cannot be read" in refusal(path)


@pytest.mark.parametrize("change", [{"classes": 4}, {"layers": (1, 2)}, {"hidden": 9}])
def test_weights_of_another_network_are_refused(path, change):
    shape = MSDNetShape(**{**vars(SMALL), **change})
    assert "another network" in refusal(path, shape)


def test_a_checkpoint_is_refused(path):
    write_sealed(path, {"network/a": torch.zeros(1)}, {"kind": "checkpoint"})
    assert "checkpoint" in refusal(path)
