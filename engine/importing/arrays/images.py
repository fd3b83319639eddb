"""Checks of arrays of images, which are encoded when they are written."""

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError

#: Largest side of an image, in pixels. They are only shown as thumbnails.
MOST_PIXELS = 512


def check_images(images: NDArray, examples: int) -> None:
    """(examples, height, width, 3) uint8."""
    shape = images.shape
    if len(shape) == 4 and shape[1] == 3 and shape[3] != 3:
        remedy = "use images.transpose(0, 2, 3, 1)"
    elif len(shape) == 3 or (len(shape) == 4 and shape[3] == 1):
        remedy = "for greyscale images use images.reshape(*images.shape[:3], 1).repeat(3, axis=3)"
    elif len(shape) == 4 and shape[3] == 4:
        remedy = "use images[..., :3]"
    else:
        remedy = "put the red, green and blue channels last"
    if len(shape) != 4 or shape[3] != 3:
        raise UserError(f"images has shape {shape} but must be (examples, height, width, 3); {remedy}.")
    if shape[0] != examples:
        raise UserError(f"images has {shape[0]:,} examples but labels has {examples:,}; give one image per example.")
    if images.dtype != np.uint8:
        remedy = "for values between 0 and 1 use (images * 255).round().astype('uint8')"
        raise UserError(f"images has dtype {images.dtype} but must be uint8; {remedy}.")
    if not 1 <= min(shape[1:3]) <= max(shape[1:3]) <= MOST_PIXELS:
        raise UserError(f"images are {shape[1]} by {shape[2]} pixels; resize them to between 1 and {MOST_PIXELS} pixels per side.")
