"""Arrays and values of a resource arrive as they were, in the smallest type that holds them."""

import numpy as np
import pytest

from app.payload.container import Packed, decode, encode, packed_share


def test_values_and_arrays_come_back() -> None:
    arrays = {
        "counts": Packed(np.arange(5), "u1"),
        "ids": Packed(np.array([[1, 2**32 - 1], [3, 4]]), "u4"),
        "thresholds": Packed(np.array([np.nan, np.inf, -np.inf, 0.5]), "f4"),
        "none": Packed(np.empty((0, 3)), "u2"),
    }
    values = {"title": "ü <b>", "steps": 3, "nothing": None}
    got_values, got = decode(encode(values, arrays))
    assert got_values == values and got.keys() == arrays.keys()
    for name, packed in arrays.items():
        assert got[name].shape == packed.array.shape
        np.testing.assert_array_equal(got[name], packed.array.astype(packed.type))


def test_shares_are_as_fine_as_their_type() -> None:
    shares = np.linspace(0, 1, 1000)
    _, got = decode(encode({}, {"fine": packed_share(shares, "u2"), "coarse": packed_share(shares, "u1")}))
    assert np.abs(got["fine"] - shares).max() < 1e-5 and np.abs(got["coarse"] - shares).max() < 2e-3


def test_arrays_are_aligned_for_the_browser() -> None:
    content = encode({"x": "y"}, {name: Packed(np.arange(n), "f4") for n, name in enumerate("abcde")})
    end = 12 + int.from_bytes(content[8:12], "little")
    assert end % 8 == 0 and len(content) % 8 == 0


@pytest.mark.parametrize("content", [b"", b"OFRP\x02\0\0\0\0\0\0\0", b"PK\x03\x04" + bytes(20)])
def test_another_version_or_format_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a resource of version 1"):
        decode(content)


def test_nan_among_the_values_is_refused() -> None:
    with pytest.raises(ValueError):
        encode({"accuracy": float("nan")}, {})
