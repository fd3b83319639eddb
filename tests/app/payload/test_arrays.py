"""Arrays arrive as they were."""

import numpy as np

from app.payload.arrays import pack, pack_share
from tests.app.payload.unpacking import unpack


def test_numbers_that_are_not_finite_arrive_too() -> None:
    values = np.array([0.0, 1.5, np.inf, -np.inf, np.nan])
    assert np.array_equal(unpack(pack(values, "f4")), values.astype(np.float32), equal_nan=True)


def test_shares_are_as_fine_as_their_type() -> None:
    shares = np.array([0.0, 0.3337, 1.0])
    assert np.abs(unpack(pack_share(shares, "u1")) - shares).max() <= 0.5 / 255
    assert np.abs(unpack(pack_share(shares, "u2")) - shares).max() <= 0.5 / 65535
