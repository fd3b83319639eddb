"""Training batches from images stored as bytes. One gather picks, shifts and mirrors them, then colours change a little.

Alternating flip, after Keller Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024: an image is mirrored in every second epoch
instead of at random, so any two consecutive epochs show both versions. Cutout, after DeVries and Taylor, "Improved Regularization of
Convolutional Neural Networks with Cutout", 2017: a square is covered with the mean colour, here that of the batch.

All random numbers are drawn on the CPU, so the same seed gives the same batches on any device.
"""

import torch
from torch import Tensor

from engine.recipes import Training
from engine.runtime.inputs import to_tensor


def augmented(pixels: Tensor, indices: Tensor, epoch: int, settings: Training, generator: torch.Generator) -> Tensor:
    """The images at `indices`, each with its own random changes.

    pixels: (examples, height, width, 3) uint8;  indices: (batch,) int64 -> (batch, 3, height, width) float32 in [0, 1]
    """
    places = moved_places(pixels, indices, epoch, settings, generator)
    return recoloured(pixels.reshape(-1, 3)[places], settings, generator)


def augmented_with_masks(
    pixels: Tensor, masks: Tensor, indices: Tensor, epoch: int, settings: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The images at `indices` as in `augmented`, and their masks, shifted and mirrored with them.

    masks: (examples, height, width) uint8 -> (batch, height, width) uint8
    """
    places = moved_places(pixels, indices, epoch, settings, generator)
    return recoloured(pixels.reshape(-1, 3)[places], settings, generator), masks.reshape(-1)[places]


def moved_places(pixels: Tensor, indices: Tensor, epoch: int, settings: Training, generator: torch.Generator) -> Tensor:
    """Where each pixel of the shifted and mirrored images comes from, in a flat list of all pixels, so that one gather does all of it.

    pixels: (examples, height, width, 3) uint8;  indices: (batch,) int64 -> (batch, height, width) int64, on the device of the pixels
    """
    batch, (height, width) = len(indices), pixels.shape[1:3]
    rows = _moved(height, batch, settings.shift, generator)  # (batch, height)
    columns = _moved(width, batch, settings.shift, generator)  # (batch, width)
    if settings.flip:
        mirrored = _mirrored(len(pixels), epoch, settings.seed)[indices.cpu()]
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    places = ((indices.cpu()[:, None] * height + rows) * width)[:, :, None] + columns[:, None, :]
    return places.to(pixels.device)


def recoloured(pixels: Tensor, settings: Training, generator: torch.Generator) -> Tensor:
    """Images whose colours change a little, partly covered: (batch, height, width, 3) uint8 -> (batch, 3, height, width) in [0, 1]"""
    batch, (height, width) = len(pixels), pixels.shape[1:3]
    images = to_tensor(pixels)
    if settings.jitter:
        spread = torch.rand(2, batch, 3, 1, 1, generator=generator).sub_(0.5).mul_(2 * settings.jitter).to(pixels.device)
        images = (images * (1 + spread[0]) + spread[1]).clamp_(0, 1)  # contrast, brightness
    if settings.cutout:
        down, across = (_within(length, batch, settings.cutout, generator) for length in (height, width))
        covered = (down[:, None, :, None] & across[:, None, None, :]).to(images.device)  # (batch, 1, height, width)
        images = torch.where(covered, images.mean(dim=(0, 2, 3), keepdim=True), images)
    return images


def _mirrored(examples: int, epoch: int, seed: int) -> Tensor:
    """Whether each image is mirrored in this epoch: about half of them, and in the next epoch all others. (examples,) bool"""
    first = torch.rand(examples, generator=torch.Generator().manual_seed(seed)) < 0.5
    return first ^ (epoch % 2 == 1)


def _within(length: int, batch: int, side: int, generator: torch.Generator) -> Tensor:
    """Rows (or columns) covered by a square with a random centre; part of it may be outside the image. (batch, length) bool"""
    start = torch.randint(length, (batch, 1), generator=generator) - side // 2
    places = torch.arange(length)
    return (places >= start) & (places < start + side)


def _moved(length: int, batch: int, most: int, generator: torch.Generator) -> Tensor:
    """The source of each row (or column) when an image shifts by up to `most` pixels; its border is repeated. (batch, length)"""
    offset = torch.randint(-most, most + 1, (batch, 1), generator=generator)
    return (torch.arange(length) + offset).clamp_(0, length - 1)
