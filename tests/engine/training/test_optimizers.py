"""Both optimizers together: every parameter changes as under its own optimizer alone, and training continues from a restored state."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from engine.training.optimizers import Optimizers


def network():
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Conv2d(6, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    )
    return layers.to(memory_format=torch.channels_last)


def learn(model, optimizers, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        images = torch.rand(8, 3, 9, 9, generator=generator)
        nn.functional.cross_entropy(model(images), torch.randint(5, (8,), generator=generator)).backward()
        optimizers.step(0.01 * (step + 1))


def test_adamw_alone_equals_torchs():
    ours, theirs = network(), network()
    learn(ours, Optimizers(ours, "adamw", 0.1), 4, seed=1)
    matrices = [p for p in theirs.parameters() if p.ndim > 1]
    vectors = [p for p in theirs.parameters() if p.ndim <= 1]
    reference = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}])

    class Reference:
        def step(self, rate):
            for group in reference.param_groups:
                group["lr"] = rate
            reference.step()
            reference.zero_grad()

    learn(theirs, Reference(), 4, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_kernels_use_muon_and_all_other_parameters_adamw():
    model = network()
    learn(model, Optimizers(model, "muon", 0.1), 1, seed=1)
    moved, initial = dict(model.named_parameters()), network()
    images = torch.rand(8, 3, 9, 9, generator=(generator := torch.Generator().manual_seed(1)))
    nn.functional.cross_entropy(initial(images), torch.randint(5, (8,), generator=generator)).backward()
    for name, parameter in initial.named_parameters():
        alone = nn.Parameter((parameter.permute(0, 2, 3, 1).flatten(1) if parameter.ndim == 4 else parameter).detach().clone())
        alone.grad = parameter.grad.permute(0, 2, 3, 1).flatten(1) if parameter.ndim == 4 else parameter.grad
        decay = 0.1 if parameter.ndim > 1 else 0.0
        if parameter.ndim == 4:
            reference = torch.optim.Muon([alone], lr=0.01, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        else:
            reference = torch.optim.AdamW([alone], lr=0.01, weight_decay=decay)
        reference.step()
        together = moved[name].permute(0, 2, 3, 1).flatten(1) if parameter.ndim == 4 else moved[name]
        assert not torch.equal(together, parameter.detach().permute(0, 2, 3, 1).flatten(1) if parameter.ndim == 4 else parameter)
        assert torch.allclose(together, alone, atol=1e-6), name


@pytest.mark.parametrize("kernels", ["adamw", "muon"])
def test_training_continues_from_a_restored_state(kernels):
    model = network()
    optimizers = Optimizers(model, kernels, 0.1)
    learn(model, optimizers, 3, seed=1)
    other = deepcopy(model)
    resumed = Optimizers(other, kernels, 0.1)
    resumed.load_state({name: tensor.clone() for name, tensor in optimizers.state().items()})
    for trained, its_optimizers in ((model, optimizers), (other, resumed)):
        learn(trained, its_optimizers, 3, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("kernels", ["adamw", "muon"])
def test_frozen_weights_do_not_change(kernels):
    model = network()
    model[0].requires_grad_(False)
    before = deepcopy(model)
    learn(model, Optimizers(model, kernels, 0.1), 2, seed=1)
    assert torch.equal(model[0].weight, before[0].weight) and not torch.equal(model[2].weight, before[2].weight)


def test_a_network_in_another_memory_format_is_refused():
    with pytest.raises(RuntimeError):
        Optimizers(nn.Sequential(nn.Conv2d(3, 6, 3)), "muon", 0.1)


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match="sgd"):
        Optimizers(network(), "sgd", 0.1)


@pytest.mark.parametrize("kernels", ["adamw", "muon"])
def test_heads_learn_at_their_own_rate(kernels):
    """The trunk moves as at the learning rate, the head as at three times the learning rate."""
    model, initial = network(), network()
    head = list(model[-1].parameters())
    learn(model, Optimizers(model, kernels, 0.1, head, head_rate=3.0), 1, seed=1)
    slow, fast = network(), network()
    learn(slow, Optimizers(slow, kernels, 0.1), 1, seed=1)
    images = torch.rand(8, 3, 9, 9, generator=(generator := torch.Generator().manual_seed(1)))
    nn.functional.cross_entropy(fast(images), torch.randint(5, (8,), generator=generator)).backward()
    Optimizers(fast, kernels, 0.1).step(0.03)
    for before, *moved in zip(initial[:-1].parameters(), model[:-1].parameters(), slow[:-1].parameters(), strict=True):
        assert torch.equal(*moved) and not torch.equal(before, moved[0])
    for moved, expected in zip(model[-1].parameters(), fast[-1].parameters(), strict=True):
        torch.testing.assert_close(moved, expected)


def test_the_rate_of_heads_survives_a_checkpoint():
    made = []
    for stops in (False, True):
        model = network()
        optimizers = Optimizers(model, "adamw", 0.1, model[-1].parameters(), head_rate=3.0)
        learn(model, optimizers, 2, seed=1)
        if stops:
            state = {name: tensor.clone() for name, tensor in optimizers.state().items()}
            optimizers = Optimizers(model, "adamw", 0.1, model[-1].parameters(), head_rate=3.0)
            optimizers.load_state(state)
        learn(model, optimizers, 2, seed=2)
        made.append(list(model.parameters()))
    assert all(torch.equal(one, other) for one, other in zip(*made, strict=True))
