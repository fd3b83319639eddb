"""Small stand-ins for the packages with the weights of EfficientNet-lite."""

import hashlib
import io
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.cascades import efficientnet_lite
from engine.cascades.efficientnet_lite import DIVISOR, GROUPS, HEAD, STEM, LiteShape

#: Networks with the same stem and head as the published ones, of different depths, and narrow in between.
SHAPES = (
    LiteShape("efficientnet-lite0", 0.25, 0.5, 36),
    LiteShape("efficientnet-lite1", 0.25, 1.0, 44),
    LiteShape("efficientnet-lite2", 0.25, 1.2, 48),
)


def lite_tensors(shape: LiteShape, seed: int = 0) -> dict[str, Tensor]:
    """Random weights of a network of this shape, under the published names. Every width is below 90 % of the scaled one or DIVISOR."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}

    def add(prefix: str, layer: str, norm: str, outputs: int, inputs: int, kernel: int) -> None:
        tensors[f"{prefix}{layer}.weight"] = torch.randn(outputs, inputs, kernel, kernel, generator=generator) / (inputs * kernel**2) ** 0.5
        for kind in ("weight", "running_var"):
            tensors[f"{prefix}{norm}.{kind}"] = 0.5 + torch.rand(outputs, generator=generator)
        for kind in ("bias", "running_mean"):
            tensors[f"{prefix}{norm}.{kind}"] = torch.randn(outputs, generator=generator) / 4
        tensors[f"{prefix}{norm}.num_batches_tracked"] = torch.tensor(0)

    add("", "_conv_stem", "_bn0", STEM, 3, 3)
    inputs, number = STEM, 0
    for place, group in enumerate(GROUPS):
        outputs = {16: 8, 24: 8, 40: 16, 80: 24, 112: 32, 192: 48, 320: 80}[group.channels]
        assert outputs % DIVISOR == 0 and shape.width == 0.25
        repeats = group.blocks if place in (0, len(GROUPS) - 1) else int(group.blocks * shape.depth + 0.99)
        for _ in range(repeats):
            prefix, wide = f"_blocks.{number}.", inputs * group.expansion
            if group.expansion > 1:
                add(prefix, "_expand_conv", "_bn0", wide, inputs, 1)
            add(prefix, "_depthwise_conv", "_bn1", wide, 1, group.kernel)
            add(prefix, "_project_conv", "_bn2", outputs, wide, 1)
            inputs, number = outputs, number + 1
    add("", "_conv_head", "_bn1", HEAD, inputs, 1)
    tensors["_fc.weight"] = torch.randn(shape.classes, HEAD, generator=generator) / HEAD**0.5
    tensors["_fc.bias"] = torch.randn(shape.classes, generator=generator)
    return tensors


def install_lite(root: Path, patch: pytest.MonkeyPatch, shapes: tuple[LiteShape, ...] = SHAPES) -> list[Path]:
    """Make the family one of stand-ins and put their packages where Python looks for packages; returns the files of weights."""
    files = []
    for shape in shapes:
        models = root / shape.package / "models"
        models.mkdir(parents=True)
        held = io.BytesIO()
        torch.save(lite_tensors(shape), held)
        files.append(models / f"{shape.name}-{hashlib.sha256(held.getvalue()).hexdigest()[:8]}.pth")
        files[-1].write_bytes(held.getvalue())
    patch.syspath_prepend(root)
    patch.setattr(efficientnet_lite, "LITE_FAMILY", shapes)
    return files
