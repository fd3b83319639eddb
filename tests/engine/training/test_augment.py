"""Random changes to images, each checked alone."""

import dataclasses

import pytest
import torch

from engine.recipes import Training
from engine.runtime.inputs import to_tensor
from engine.training.augment import augmented, augmented_with_masks

STILL = Training(epochs=1, flip=False, shift=0, jitter=0.0)


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (6, 10, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def change(pixels, indices, seed=0, epoch=0, **settings):
    return augmented(pixels, torch.tensor(indices), epoch, dataclasses.replace(STILL, **settings), torch.Generator().manual_seed(seed))


def test_without_settings_images_are_only_selected(pixels):
    assert torch.equal(change(pixels, [4, 0, 4]), to_tensor(pixels[[4, 0, 4]]))
    assert to_tensor(pixels).shape == (6, 3, 10, 12)
    assert 0 <= to_tensor(pixels).min() and to_tensor(pixels).max() <= 1


def test_an_image_is_mirrored_in_every_second_epoch():
    pixels = torch.randint(0, 256, (40, 4, 4, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    every, originals = list(range(40)), to_tensor(pixels)
    mirrored = []
    for epoch in range(4):
        images = change(pixels, every, seed=epoch, epoch=epoch, flip=True)
        mirrored.append([torch.equal(image, original.flip(2)) for image, original in zip(images, originals, strict=True)])
        assert all(torch.equal(images[k], originals[k]) for k in every if not mirrored[-1][k])
    assert 8 < sum(mirrored[0]) < 32
    assert mirrored[1] == [not once for once in mirrored[0]] and mirrored[2:] == mirrored[:2]
    # whether an image is mirrored depends on the image, not on its position in the batch
    assert torch.equal(change(pixels, [7, 3], flip=True), change(pixels, every, flip=True)[[7, 3]])


def test_shifts_stay_within_bounds_and_repeat_the_border(pixels):
    padded = torch.nn.functional.pad(to_tensor(pixels[:1]), (2, 2, 2, 2), mode="replicate")[0]
    possible = [padded[:, y : y + 10, x : x + 12] for y in range(5) for x in range(5)]
    seen = set()
    for image in change(pixels, [0] * 200, shift=2):
        (index,) = [k for k, other in enumerate(possible) if torch.equal(image, other)]
        seen.add(index)
    assert len(seen) > 20


def test_colours_change_a_little_and_stay_within_0_and_1(pixels):
    images = change(pixels, [1, 1, 2], jitter=0.1)
    assert (images - to_tensor(pixels[[1, 1, 2]])).abs().max() <= 0.2 + 1e-6
    assert images.min() >= 0 and images.max() <= 1
    assert not torch.equal(images[0], images[1])


def test_the_same_seed_gives_the_same_batch(pixels):
    settings = {"flip": True, "shift": 3, "jitter": 0.2}
    assert torch.equal(change(pixels, [3, 1], 5, **settings), change(pixels, [3, 1], 5, **settings))
    assert not torch.equal(change(pixels, [3, 1], 5, **settings), change(pixels, [3, 1], 6, **settings))


def test_cutout_covers_one_square_with_the_mean_colour(pixels):
    originals = to_tensor(pixels[:1]).expand(60, -1, -1, -1)
    images = change(pixels, [0] * 60, cutout=4)
    mean = originals.mean(dim=(0, 2, 3))
    sizes = set()
    for image, before in zip(images, originals, strict=True):
        changed = (image != before).any(dim=0)
        rows, columns = changed.any(dim=1).nonzero().flatten(), changed.any(dim=0).nonzero().flatten()
        top, left, height, width = rows[0], columns[0], len(rows), len(columns)
        assert changed[top : top + height, left : left + width].all() and changed.sum() == height * width
        assert torch.allclose(image[:, changed], mean[:, None].expand(3, height * width))
        sizes.add((height, width))
    assert (4, 4) in sizes and len(sizes) > 1  # some squares are partly outside the image
    assert max(max(size) for size in sizes) == 4


def test_cutout_draws_its_random_numbers_last():
    """So the effect of the other settings for a given seed does not change."""
    grey = torch.full((1, 10, 12, 3), 100, dtype=torch.uint8)
    moved = change(grey, [0], flip=True, shift=3, jitter=0.2)
    cut = change(grey, [0], flip=True, shift=3, jitter=0.2, cutout=2)
    assert torch.allclose(moved, cut)  # the mean of one colour is that colour


def test_masks_move_with_their_images():
    """The mask is a part of the image, so it is the same part of the image that training sees."""
    pixels = torch.randint(0, 256, (6, 10, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    settings = dataclasses.replace(STILL, flip=True, shift=3)
    indices = torch.tensor([5, 0, 2, 2])
    images, masks = augmented_with_masks(pixels, pixels[..., 1], indices, 0, settings, torch.Generator().manual_seed(1))
    assert torch.equal(images, augmented(pixels, indices, 0, settings, torch.Generator().manual_seed(1)))
    assert masks.dtype == torch.uint8 and torch.equal(masks.float() / 255, images[:, 1])
