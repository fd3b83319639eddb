"""How well predicted masks agree with the true ones: pixels counted by class and image, and the qualities that follow from the counts.

The mean intersection over union of an image is taken over the classes that are in either of its masks. It is usually reported over a
whole data set (Everingham et al., "The Pascal Visual Object Classes Challenge: A Retrospective", IJCV 2015, section 4.2); per image it is
a quality of that image, which an exit decides about. Counts are kept, so the figure of a data set can be computed too.

Counting follows the array API standard: it accepts numpy arrays and PyTorch tensors, and results stay on the same device.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

#: The qualities that follow from an overlap, the usual one first.
MEAN_IOU, PIXEL_ACCURACY = "mean_iou", "pixel_accuracy"


def pixel_counts(masks: Any, truth: Any, classes: int, ignored: int) -> tuple[Any, Any]:
    """Intersection and union of two masks by class, over the pixels that count.

    masks, truth: (examples, height, width), classes;  ignored: the class in `truth` of pixels that do not count
    returns (examples, classes), (examples, classes), both int32
    """
    xp = array_namespace(masks, truth)
    counts = truth != ignored
    intersection, union = [], []
    for number in range(classes):
        one, other = (masks == number) & counts, truth == number
        intersection.append(xp.sum(xp.astype(one & other, xp.int32), axis=(1, 2), dtype=xp.int32))
        union.append(xp.sum(xp.astype(one | other, xp.int32), axis=(1, 2), dtype=xp.int32))
    return xp.stack(intersection, axis=1), xp.stack(union, axis=1)


@dataclass(frozen=True, eq=False)
class Overlap:
    """Pixels of the true and the predicted masks by class.

    intersection: (exits, examples, classes) int32, pixels of the class in both masks
    union:        (exits, examples, classes) int32, pixels of the class in either mask
    """

    intersection: NDArray[np.int32]
    union: NDArray[np.int32]

    def __post_init__(self) -> None:
        if self.intersection.ndim != 3 or self.intersection.shape != self.union.shape:
            raise ValueError(
                f"intersection has shape {self.intersection.shape} and union {self.union.shape}, expected the same of three axes"
            )
        if ((self.intersection < 0) | (self.intersection > self.union)).any():
            raise ValueError("an intersection is negative or larger than its union")

    @property
    def nbytes(self) -> int:
        return self.intersection.nbytes + self.union.nbytes

    def mean_iou(self) -> NDArray[np.float32]:
        """The mean over the classes that are in either mask of an image, (exits, examples), and 1 if no pixel of it counts."""
        present = self.union > 0
        ratio = self.intersection / np.maximum(self.union, 1)
        classes = present.sum(axis=2)
        return np.where(classes > 0, ratio.sum(axis=2) / np.maximum(classes, 1), 1.0).astype(np.float32)

    def pixel_accuracy(self) -> NDArray[np.float32]:
        """The share of pixels whose class is correct, (exits, examples), and 1 if no pixel of an image counts."""
        correct, either = self.intersection.sum(axis=2, dtype=np.int64), self.union.sum(axis=2, dtype=np.int64)
        # An incorrect pixel is in the union of two classes: the true one and the predicted one.
        counted = correct + (either - correct) // 2
        return np.where(counted > 0, correct / np.maximum(counted, 1), 1.0).astype(np.float32)

    def qualities(self) -> Mapping[str, NDArray[np.float32]]:
        """All qualities by name, (exits, examples) each."""
        return {MEAN_IOU: self.mean_iou(), PIXEL_ACCURACY: self.pixel_accuracy()}

    def iou_of_the_set(self) -> NDArray[np.float64]:
        """Intersection over union of each class over all images together, (exits, classes); NaN for a class that is in no mask."""
        with np.errstate(invalid="ignore"):
            return self.intersection.sum(axis=1, dtype=np.float64) / self.union.sum(axis=1, dtype=np.float64)

    def take(self, rows: NDArray[np.integer] | slice) -> "Overlap":
        """Some examples, by position, in the given order."""
        return Overlap(self.intersection[:, rows], self.union[:, rows])
