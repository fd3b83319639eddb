"""Outputs of masks: several qualities, of which one judges, and the pixels behind them."""

from dataclasses import replace

import numpy as np
import pytest

from engine.masks.overlap import MEAN_IOU, PIXEL_ACCURACY, Overlap
from engine.outputs import Outputs
from tests.synthetic import split_names

UNION = np.random.default_rng(0).integers(1, 9, (3, 12, 2)).astype(np.int32)
OVERLAP = Overlap(UNION // 2, UNION)


def made() -> Outputs:
    none = np.zeros((3, 12), np.float32)
    costs = {"macs": np.array([1.0, 2.0, 4.0])}
    return Outputs.from_overlap(OVERLAP, {"maxprob": none}, {"unsure_pixels": none}, np.arange(12), split_names(4), costs)


def test_the_mean_intersection_over_union_judges_unless_another_does() -> None:
    outputs = made()
    assert outputs.is_graded and not outputs.has_classes and outputs.classes == 2 and outputs.quality_name == MEAN_IOU
    np.testing.assert_array_equal(outputs.quality, OVERLAP.mean_iou())
    other = outputs.with_quality(PIXEL_ACCURACY)
    np.testing.assert_array_equal(other.quality, OVERLAP.pixel_accuracy())
    np.testing.assert_array_equal(other.with_quality(MEAN_IOU).quality, outputs.quality)


def test_a_part_keeps_its_pixels_and_its_qualities() -> None:
    test = made().with_quality(PIXEL_ACCURACY).test()
    assert test.overlap is not None and test.quality_name == PIXEL_ACCURACY
    np.testing.assert_array_equal(test.overlap.union, UNION[:, 8:])
    np.testing.assert_array_equal(test.qualities[MEAN_IOU], OVERLAP.mean_iou()[:, 8:])
    assert test.nbytes < made().nbytes
    with pytest.raises(ValueError, match="read-only"):
        test.qualities[MEAN_IOU][0] = 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quality_name": "dice"}, "quality 'dice' is not one of"),
        ({"judged": np.zeros((3, 12), np.float32)}, "judged is not the quality of its name"),
        ({"classes": 3}, "the overlap has shape"),
        ({"qualities": {MEAN_IOU: np.zeros((3, 11), np.float32)}}, "quality mean_iou has shape"),
        ({"qualities": {MEAN_IOU: np.full((3, 12), 1.5, np.float32)}}, "outside"),
        ({"qualities": {MEAN_IOU: np.full((3, 12), np.nan, np.float32)}}, "outside"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(made(), **changes)
