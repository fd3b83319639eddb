"""The masks of a picked example, for a page and for a file, and what happens if they are damaged."""

import zlib
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from app.payload.container import decode
from app.payload.predictions import predictions, predictions_resource
from app.shown import Shown
from engine.bundle.bundle import write_bundle
from engine.bundle.library import Entry
from engine.errors import UserError
from tests.masked import masked_draft, masks

EXAMPLES, EXITS, SIDE = 12, 3, 24


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    write_bundle(masked_draft("masked", EXAMPLES, EXITS, SIDE), tmp_path / "masked")
    return Shown.of(Entry("masked", tmp_path / "masked"), "maxprob", "macs")


def test_both_hold_the_masks_of_the_bundle(shown: Shown) -> None:
    truth, by_exit = masks(3 * EXAMPLES, EXITS, SIDE)
    values, arrays = decode(predictions_resource(shown, np.array([0, 5])))
    starts = [0, *np.cumsum(arrays["mask bytes"]).astype(int).tolist()]
    for place, row in enumerate((0, 5)):
        example = 2 * EXAMPLES + row
        packed = b64decode(predictions(shown, row)["masks"]["packed"])
        assert zlib.decompress(packed) == truth[example].tobytes() + by_exit[:, example].tobytes()
        assert arrays["masks"][starts[place] : starts[place + 1]].tobytes() == packed
    assert predictions(shown, 0)["masks"]["size"] == values["size"] == [SIDE, SIDE]


def test_damaged_masks_are_refused_in_a_sentence(shown: Shown) -> None:
    assert shown.bundle.masks is not None
    with open(shown.bundle.masks.path, "r+b") as file:
        file.write(bytes(40))
    with pytest.raises(UserError, match="masks of example .* do not unpack"):
        predictions(shown, 0)
