"""What a report holds: a sample of the examples that is always the same, and the numbers of all."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.report import contents
from app.report.contents import report
from app.report.single_file import Embedded
from app.worker.pictures import Album
from engine.bundle.bundle import Bundle, read_bundle, write_bundle
from tests import synthetic
from tests.app.samples import sample, show


def decoded(resource: bytes) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Values and arrays of a resource, read as its format says; see app/payload/container.py."""
    size = int.from_bytes(resource[8:12], "little")
    header = json.loads(resource[12 : 12 + size])
    start = -(-(12 + size) // 8) * 8
    arrays = {}
    for name, packed in header["arrays"].items():
        count = int(np.prod(packed["shape"]))
        flat = np.frombuffer(resource, np.dtype(packed["type"]).newbyteorder("<"), count, start + packed["start"])
        arrays[name] = flat.reshape(packed["shape"])
    return header["values"], arrays


def images(content: Embedded) -> list[bytes]:
    _, arrays = decoded(content.resources["images"])
    ends = np.cumsum(arrays["size"])
    return [arrays["images"][end - size : end].tobytes() for size, end in zip(arrays["size"], ends, strict=True)]


def ids(content: Embedded) -> list[int]:
    return [int(id) for id in decoded(content.resources["bundle"])[0]["ids"]]


def all_ids(bundle: Bundle) -> list[int]:
    return bundle.outputs.test().ids.tolist()


def test_all_examples_are_carried_if_they_fit(tmp_path: Path) -> None:
    shown = sample(tmp_path)
    content = report(shown, Album(shown.bundle.images))
    assert ids(content) == all_ids(shown.bundle) and content.data["scope"] == ""
    assert images(content) == [shown.bundle.images[id] for id in all_ids(shown.bundle)]


def test_a_sample_is_always_the_same_and_part_of_every_larger_one(tmp_path: Path) -> None:
    shown = sample(tmp_path)
    album = Album(shown.bundle.images)
    small, again, large = (report(shown, album, number) for number in (30, 30, 80))
    assert small.resources == again.resources and small.data == again.data
    assert len(ids(small)) == 30 and set(ids(small)) < set(ids(large)) < set(all_ids(shown.bundle))
    assert images(small) == [shown.bundle.images[id] for id in ids(small)]
    assert small.data["scope"].startswith("This file holds a random sample of 30 of the 200 test examples")


def test_a_sample_does_not_depend_on_the_order_of_the_examples(tmp_path: Path) -> None:
    made = synthetic.outputs(examples=300, exits=3)
    shuffled = made.take(np.random.default_rng(0).permutation(made.examples))
    samples = []
    for name, outputs in (("one", made), ("other", shuffled)):
        bundle = read_bundle(write_bundle(synthetic.draft(outputs, name), tmp_path / name))
        samples.append(set(ids(report(show(bundle), Album(bundle.images), 25))))
    assert samples[0] == samples[1]


def test_numbers_are_those_of_all_examples(tmp_path: Path) -> None:
    shown = sample(tmp_path)
    album = Album(shown.bundle.images)
    part, whole = report(shown, album, 30), report(shown, album)
    assert {**part.data, "scope": ""} == whole.data
    (values, arrays), (_, all_arrays) = (decoded(content.resources["sweep"]) for content in (part, whole))
    assert values["examples"] == 30 and values["tested"] == 200
    assert np.array_equal(values["accuracy"], np.round(shown.sweep.accuracy, 5)) and np.allclose(
        values["cost"], shown.sweep.cost, atol=1e-5
    )
    assert np.allclose(arrays["share"], shown.sweep.shares, atol=1e-6)
    for name in ("share", "correct", "incorrect", "threshold"):
        assert np.array_equal(arrays[name], all_arrays[name]), name


def test_what_does_not_fit_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = sample(tmp_path)
    held = [shown.bundle.images[id] for id in all_ids(shown.bundle)]
    monkeypatch.setattr(contents, "IMAGE_BYTES", sum(map(len, held)) // 3)
    content = report(shown, Album(shown.bundle.images))
    carried = sum(map(len, images(content)))
    assert carried <= contents.IMAGE_BYTES < carried + max(map(len, held))
    assert 0 < len(ids(content)) < len(held)
    monkeypatch.setattr(contents, "IMAGE_BYTES", sum(map(len, held)))
    assert len(ids(report(shown, Album(shown.bundle.images)))) == len(held), "a limit that is just met is no limit"


def test_without_images_it_says_why(tmp_path: Path) -> None:
    content = report(sample(tmp_path), Album(None, "No image: gone."))
    assert content.data["missing"] == "No image: gone." and "images" not in content.resources
    json.dumps(content.data, allow_nan=False)


def test_a_sample_takes_both_ways_of_a_random_mix(tmp_path: Path) -> None:
    """Were it drawn by the hash that the mix draws with, all of its examples would take the costly way."""
    shown = sample(tmp_path, "random_mix", examples=3000)
    step = int(np.abs(shown.sweep.shares[:, 0] - 0.5).argmin())
    kept = np.isin(shown.bundle.outputs.test().ids, ids(report(shown, Album(shown.bundle.images), 200)))
    cheap = shown.sweep.exit[step] == 0
    assert abs(cheap[kept].mean() - cheap.mean()) < 0.15
