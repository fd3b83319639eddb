"""Images packed in one file."""

import io

import numpy as np
import pytest
from PIL import Image

from engine.bundle.images import MEDIA_TYPE, ImagePack, encode


def columns(places, ids):
    return (np.array(column, np.int64) for column in zip(*(places.get(id, (0, 0)) for id in ids), strict=True))


def test_images_are_looked_up_by_id(tmp_path):
    images = [(30, b"thirty"), (10, b"ten"), (20, b"twenty!")]
    places = ImagePack.write(tmp_path / "images.bin", iter(images))
    ids = np.array([10, 11, 20, 30])
    pack = ImagePack(tmp_path / "images.bin", ids, *columns(places, ids))
    assert len(pack) == 3
    for id, data in images:
        assert id in pack and pack[id] == data
    assert 11 not in pack
    with pytest.raises(KeyError):
        pack[11]


def test_without_images_there_is_no_file(tmp_path):
    assert ImagePack.write(tmp_path / "images.bin", []) == {}
    assert not (tmp_path / "images.bin").exists()


@pytest.mark.parametrize(("offset", "size"), [(-1, 2), (0, -1), (0, 11), (10, 1), (2**63 - 1, 1), (1, 2**63 - 1)])
def test_a_place_outside_the_file_is_refused(tmp_path, offset, size):
    (tmp_path / "images.bin").write_bytes(b"0123456789")
    with pytest.raises(ValueError, match=r"outside images\.bin"):
        ImagePack(tmp_path / "images.bin", np.array([1, 2]), np.array([0, offset]), np.array([3, size]))


def test_the_whole_file_may_be_one_image(tmp_path):
    (tmp_path / "images.bin").write_bytes(b"0123456789")
    assert ImagePack(tmp_path / "images.bin", np.array([5]), np.array([0]), np.array([10]))[5] == b"0123456789"


def test_encoded_images_are_webp_and_look_the_same():
    height, width = np.mgrid[0:48, 0:64]
    pixels = np.stack([height * 4, width * 3, height + width], axis=-1).astype(np.uint8)
    data = encode(pixels)
    image = Image.open(io.BytesIO(data))
    assert image.get_format_mimetype() == MEDIA_TYPE and image.size == (64, 48)
    assert np.abs(np.asarray(image.convert("RGB"), float) - pixels).mean() < 8
    assert len(data) < pixels.nbytes / 10
    assert encode(pixels) == data
