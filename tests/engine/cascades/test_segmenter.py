"""The encoder-decoder: four exits that each give a full mask, spread over the cost."""

import numpy as np
import pytest
import torch

from engine.cascades.macs import stage_macs
from engine.cascades.segmenter import SegmenterShape, segmenter
from engine.datasets import DATASETS
from engine.recipes import recipe


@pytest.mark.parametrize("is_deep", [False, True])
def test_every_exit_gives_logits_of_every_pixel(is_deep: bool) -> None:
    deep = {"sixteenth": 8} if is_deep else {}
    cascade = segmenter(SegmenterShape(3, half=4, quarter=6, eighth=8, **deep)).eval()
    with torch.inference_mode():
        for height, width in ((64, 64), (32, 48) if is_deep else (16, 40)):
            images = torch.rand(2, 3, height, width)
            logits = cascade(images)
            assert logits.shape == (4, 2, 3, height, width)
            for k in range(4):
                torch.testing.assert_close(cascade.forward_exit(images, k), logits[k])


def test_its_exits_are_spread_over_the_cost() -> None:
    cascade = segmenter(SegmenterShape(5))
    macs = stage_macs(cascade, (64, 64))
    shares = np.cumsum(macs.stage) / sum(macs.stage)
    assert 15e6 < sum(macs.stage) < 25e6 and 0.15 < shares[0] < 0.25 and np.diff(shares).min() > 0.15
    assert sum(macs.head) < 0.05 * sum(macs.stage)
    assert sum(parameter.numel() for parameter in cascade.parameters()) < 200_000


@pytest.mark.parametrize("name", ["camvid", "cityscapes"])
def test_the_one_for_streets_is_larger(name: str) -> None:
    cascade, size = recipe(name).cascade(), DATASETS[name].build().image_size
    macs = stage_macs(cascade, size)
    np.testing.assert_allclose(np.cumsum(macs.stage) / sum(macs.stage), [0.2, 0.4, 0.7, 1], atol=0.06)
    assert 600_000 < sum(parameter.numel() for parameter in cascade.parameters()) < 700_000


def test_every_parameter_learns() -> None:
    cascade = segmenter(SegmenterShape(3, half=4, quarter=6, eighth=8, sixteenth=8))
    for parameter in cascade.parameters():
        torch.nn.init.normal_(parameter)  # new blocks are the identity, and let no gradient through
    cascade(torch.rand(2, 3, 32, 32)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in cascade.parameters())
