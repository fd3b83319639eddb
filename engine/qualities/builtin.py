"""The qualities of masks."""

from engine.masks.overlap import MEAN_IOU, PIXEL_ACCURACY
from engine.qualities.registry import QualityMeasure, register_quality

register_quality(
    QualityMeasure(
        MEAN_IOU,
        "mean IoU",
        "Of an image, intersection over union of the true and the predicted mask, averaged over the classes in either; then the mean over "
        "the images, not the figure of the whole set.",
    )
)
register_quality(
    QualityMeasure(
        PIXEL_ACCURACY, "pixel accuracy", "The share of an image's pixels whose class is correct; then the mean over the images."
    )
)
