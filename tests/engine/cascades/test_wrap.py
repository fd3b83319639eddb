"""Exits for existing networks: cut without changing their outputs, frozen, and runnable stage by stage."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from engine.cascades.base import Cascade, CascadeKind, Stage
from engine.cascades.macs import stage_macs
from engine.cascades.wrap import Frozen, Probe, wrap
from engine.datasets.base import Images
from engine.errors import UserError
from engine.recipes import Recipe, RecipeConfig, Training
from engine.runtime.weights import load_weights, save_weights
from engine.training.loop import train_recipe
from tests.sentences import assert_one_sentence


def vit():
    network = models.VisionTransformer(image_size=32, patch_size=8, num_layers=3, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=7)
    nn.init.normal_(network.heads.head.weight)  # torchvision's are zero and give the same logits for every image
    return network


WRAPPED = {
    "resnet18": (lambda: models.resnet18(num_classes=7), ("layer1", "layer2", "layer3")),
    "resnet18, cut inside its blocks": (lambda: models.resnet18(num_classes=7), ("bn1", "layer1.0.bn2", "layer2.0.conv1")),
    "mobilenet_v3_small": (lambda: models.mobilenet_v3_small(num_classes=7), ("features.3", "features.8")),
    "vision transformer": (vit, ("encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_1")),
}


@pytest.fixture(scope="module", params=list(WRAPPED))
def both(request):
    """A network, the same network with exits, and the names of its exits."""
    torch.manual_seed(0)
    make, exits = WRAPPED[request.param]
    network = make().eval()
    for module in network.modules():  # running averages as after some training
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
    return network, wrap(network, exits, (32, 32)).eval(), exits


def test_the_last_exit_keeps_the_networks_logits_and_every_exit_classifies(both):
    network, cascade, exits = both
    images = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        logits, expected = cascade(images), network(images)
    assert cascade.kind is CascadeKind.CHAIN and logits.shape == (len(exits) + 1, 3, 7)
    assert torch.allclose(logits[-1], expected, atol=1e-5) and expected.std() > 0


def test_exits_read_what_the_named_layers_return(both):
    network, cascade, exits = both
    images, seen = torch.rand(3, 3, 32, 32), {}

    def keep(name):
        def hook(module, inputs, output):
            seen[name] = output.clone()  # the next layer may write into it

        return hook

    hooks = [network.get_submodule(name).register_forward_hook(keep(name)) for name in exits]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    state = (images,)
    for name, stage in zip(exits, cascade.stages, strict=False):
        state, _ = stage(state)
        assert torch.allclose(state[0], seen[name], atol=1e-5)


def test_stage_by_stage_with_some_leaving_equals_all_at_once(both):
    """The examples that remain after an exit can continue alone, and no stage writes into the state it receives."""
    _, cascade, _ = both
    images = torch.rand(4, 3, 32, 32)
    with torch.no_grad():
        whole = cascade(images)
        state, rows = (images,), torch.arange(4)
        for k, stage in enumerate(cascade.stages):
            before = [tensor.clone() for tensor in state]
            after, logits = stage(state)
            assert all(torch.equal(a, b) for a, b in zip(before, state, strict=True))
            assert torch.allclose(logits, whole[k, rows], atol=1e-5)
            state, rows = tuple(tensor[1:] for tensor in after), rows[1:]
            if not len(rows):
                break


def test_costs_add_up_to_the_network_and_its_heads(both):
    network, cascade, _ = both
    macs = stage_macs(cascade, (32, 32))

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, state):
            return (self.network(state[0]),)

    alone = stage_macs(Cascade([Stage(Whole(), nn.Identity())]), (32, 32)).trunk[0]
    assert sum(macs.trunk) == alone and min(macs.trunk) > 0
    assert macs.head[-1] == 0 and min(macs.head[:-1]) > 0


def test_only_the_heads_learn(both):
    network, cascade, exits = both
    cascade.train()
    assert not any(module.training for stage in cascade.stages for module in stage.trunk.modules())
    cascade(torch.rand(3, 3, 32, 32)).square().sum().backward()
    learning = {name for name, weight in cascade.named_parameters() if weight.grad is not None}
    heads = {f"stages.{k}.head.{name}" for k in range(len(exits)) for name in ("norm.weight", "norm.bias", "out.weight", "out.bias")}
    assert learning == heads
    assert all(weight.requires_grad for weight in network.parameters())  # the original is left alone
    cascade.zero_grad()
    cascade.eval()


def test_weights_are_saved_and_load_again(both, tmp_path):
    network, cascade, exits = both
    path = tmp_path / "wrapped.safetensors"
    save_weights(cascade, path, "wrapped", {})
    other = wrap(network, exits, (32, 32)).eval()
    load_weights(other, path)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(other(images), cascade(images))


def test_images_are_scaled_to_the_range_the_network_expects():
    torch.manual_seed(0)
    network, images = models.resnet18(num_classes=7).eval(), torch.rand(2, 3, 32, 32)
    mean, deviation = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    cascade = wrap(network, ["layer1"], (32, 32), mean, deviation).eval()
    with torch.no_grad():
        expected = network((images - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(deviation).view(3, 1, 1))
        assert torch.allclose(cascade(images)[-1], expected, atol=1e-5)


class Bright:
    """Two classes: dark images and bright images."""

    name, class_names, image_size = "bright", ("dark", "bright"), (16, 16)

    def ids(self, split):
        return np.arange(120)

    def take(self, ids):
        labels = (ids % 2).astype(np.int64)
        noise = np.random.default_rng(0).integers(0, 100, (len(ids), 16, 16, 3))
        return Images((noise + 100 * labels[:, None, None, None]).astype(np.uint8), labels)

    def digest(self):
        return "bright-1"


def test_heads_learn_and_the_trunk_stays_bit_identical(tmp_path):
    def make():
        trunk = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
        return wrap(nn.Sequential(trunk, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)), ["0.2", "0.4"], (16, 16))

    settings = Training(epochs=12, batch_size=20, validation=40, shift=1, average=0.5, jitter=0.0, learning_rate=0.05)
    recipe = Recipe(RecipeConfig("bright", "Bright", "Bright.", settings), Bright, make)
    weights = train_recipe(recipe, None, "cpu", tmp_path)
    torch.manual_seed(settings.seed)
    fresh, learned = make(), make()
    about = load_weights(learned, weights)
    for name, tensor in learned.state_dict().items():
        if not tensor.is_floating_point():
            continue  # batch norm's count of batches
        same = torch.equal(tensor, fresh.state_dict()[name].half().float() if tensor.ndim > 1 else fresh.state_dict()[name])
        assert same == ("head" not in name), name
    assert min(about["validation_accuracy"][:2]) > 0.9


class Awkward(nn.Module):
    """A network that cannot be cut, for one of several reasons."""

    def __init__(self, obstacle):
        super().__init__()
        self.obstacle = obstacle
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)
        self.out = nn.Linear(4, 2)

    def forward(self, images):
        if self.obstacle == "control flow" and images.mean() > 0.5:
            return self.out(self.first(images).mean(dim=(2, 3)))
        features, size = self.first(images), images.shape[2]
        features = self.second(features)
        if self.obstacle == "a number crosses the cut":
            features = features * size
        if self.obstacle == "two outputs":
            return self.out(features.mean(dim=(2, 3))), features
        return features if self.obstacle == "a map, not logits" else self.out(features.mean(dim=(2, 3)))


@pytest.mark.parametrize(
    "obstacle, exits, words",
    [
        ("none", ["third"], ["'third'", "first"]),
        ("none", [""], ["no layer ''"]),
        ("none", ["second", "first"], ["do not run in this order", "second, first"]),
        ("none", ["first", "first"], ["do not run in this order"]),
        ("control flow", ["first"], ["torch.fx cannot record this network"]),
        ("a number crosses the cut", ["second"], ["cannot be cut at second"]),
        ("a map, not logits", ["first"], ["must return logits"]),
        ("two outputs", ["first"], ["more than one tensor"]),
        ("none", ["out"], ["do not run in this order"]),
    ],
)
def test_networks_that_cannot_be_cut_are_refused_in_one_sentence(obstacle, exits, words):
    with pytest.raises(UserError) as caught:
        wrap(Awkward(obstacle), exits, (8, 8))
    assert_one_sentence(str(caught.value), *words)


def test_images_of_another_size_are_refused():
    with pytest.raises(UserError) as caught:
        wrap(vit(), ["encoder.layers.encoder_layer_0"], (48, 48))
    assert_one_sentence(str(caught.value), "does not take images of 48 x 48")


def test_weights_on_both_sides_of_a_cut_are_refused():
    layer = nn.Linear(4, 4)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), layer, nn.ReLU(), layer)
    with pytest.raises(UserError, match="used on both sides of an exit"):
        wrap(network, ["4"], (8, 8))


def test_a_layer_that_computes_nothing_cannot_be_an_exit():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(UserError, match="computes nothing"):
        wrap(network, ["1"], (8, 8))


@pytest.mark.parametrize("shape", [(2, 5, 4, 4), (2, 9, 5), (2, 5)])
def test_heads_read_maps_tokens_and_vectors(shape):
    head, features = Probe(5, 3).eval(), torch.randn(shape)
    positions = {4: (2, 3), 3: (1,), 2: ()}[len(shape)]
    pooled = features.mean(dim=positions) if positions else features
    assert torch.allclose(head((features,)), head.out(head.norm(pooled)), atol=1e-6)


def test_a_frozen_part_never_trains(both):
    _, cascade, _ = both
    assert all(isinstance(stage.trunk, Frozen) and not stage.trunk.train(True).training for stage in cascade.stages)
