"""Families: members are independent of each other, and the published networks are torchvision's own."""

import pytest
import torch
from torchvision import models

from engine.cascades.base import CascadeKind
from engine.cascades.family import imagenet_family, resnet_family
from engine.cascades.macs import stage_macs
from engine.cascades.resnet import ResNetShape, resnet
from engine.errors import UserError
from engine.recipes import Training
from engine.training.loop import exits_loss
from tests.sentences import assert_one_sentence

SHAPES = [ResNetShape(classes=5, widths=(w, 2 * w), blocks=(0, 1)) for w in (2, 4, 8)]


def test_every_member_starts_from_the_image():
    family = resnet_family(SHAPES).eval()
    images = torch.rand(3, 3, 32, 32)
    logits = family(images)
    assert family.kind is CascadeKind.FAMILY and logits.shape == (3, 3, 5)
    for k, stage in enumerate(family.stages):
        assert torch.equal(stage((images,))[1], logits[k])


def test_a_member_costs_the_same_in_a_family_as_alone():
    together = stage_macs(resnet_family(SHAPES), (32, 32)).stage
    assert together == tuple(stage_macs(resnet(shape), (32, 32)).stage[0] for shape in SHAPES)
    assert together[0] < together[1] < together[2]


def gradients(network, exits, settings, k):
    """The gradients of member k when the loss includes `exits`."""
    images, labels = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 5
    network.zero_grad()
    logits = network(images)
    exits_loss(logits[exits], labels, settings).backward()
    return [weight.grad.clone() for weight in network.stages[k].parameters()]


@pytest.mark.parametrize("k", range(3))
def test_trained_together_each_member_learns_what_it_would_learn_alone(k):
    """Up to a constant factor, which the optimizer cancels."""
    torch.manual_seed(0)
    network, settings = resnet_family(SHAPES), Training(epochs=1)
    together, alone = gradients(network, [0, 1, 2], settings, k), gradients(network, [k], settings, k)
    assert all(torch.allclose(3 * a, b, rtol=1e-4, atol=1e-5) for a, b in zip(together, alone, strict=True))


def test_a_member_with_early_exits_is_refused():
    with pytest.raises(ValueError):
        resnet_family([ResNetShape(classes=5, widths=(2, 4), blocks=(1, 1), exits=(1,))])


def test_the_imagenet_family_costs_what_torchvision_says():
    with torch.device("meta"):
        macs = stage_macs(imagenet_family(), (224, 224)).stage
    weights = (models.AlexNet_Weights.IMAGENET1K_V1, models.GoogLeNet_Weights.IMAGENET1K_V1, models.ResNet50_Weights.IMAGENET1K_V1)
    assert [round(count / 1e9, 3) for count in macs] == [one.meta["_ops"] for one in weights]


def test_published_weights_give_torchvisions_own_logits(monkeypatch):
    """The download is replaced by weights made here; everything else is torchvision's own."""
    torch.manual_seed(0)
    whole = {
        models.AlexNet_Weights: models.alexnet(),
        models.GoogLeNet_Weights: models.googlenet(init_weights=False, aux_logits=True, transform_input=True),
        models.ResNet50_Weights: models.resnet50(),
    }
    for kind in whole:
        monkeypatch.setattr(kind, "get_state_dict", lambda self, *_, **__: whole[type(self)].state_dict())
    family = imagenet_family(published=True).eval()
    images = torch.rand(1, 3, 224, 224)
    normalised = models.AlexNet_Weights.IMAGENET1K_V1.transforms(crop_size=224, resize_size=224)(images)
    with torch.inference_mode():
        family_logits = family(images)
        for logits, network in zip(family_logits, whole.values(), strict=True):
            assert torch.allclose(logits, network.eval()(normalised), rtol=1e-4, atol=1e-4)
    assert family_logits.shape == (3, 1, 1000)


def test_a_failed_download_is_reported_in_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # no server listens there
    with pytest.raises(UserError) as caught:
        imagenet_family(published=True)
    assert_one_sentence(str(caught.value), "ImageNet weights could not be downloaded", "connect to the internet")
