"""The encoder-decoder: four exits that each give a full mask, spread over the cost."""

import numpy as np
import torch

from engine.cascades.macs import stage_macs
from engine.cascades.segmenter import SegmenterShape, segmenter


def test_every_exit_gives_logits_of_every_pixel() -> None:
    cascade = segmenter(SegmenterShape(3, half=4, quarter=6, eighth=8)).eval()
    with torch.inference_mode():
        for height, width in ((64, 64), (16, 40)):
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


def test_every_parameter_learns() -> None:
    cascade = segmenter(SegmenterShape(3, half=4, quarter=6, eighth=8))
    for parameter in cascade.parameters():
        torch.nn.init.normal_(parameter)  # new blocks are the identity, and let no gradient through
    cascade(torch.rand(2, 3, 16, 16)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in cascade.parameters())
