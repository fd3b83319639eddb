"""How an EENet scheduler is learned: the losses, the stopping, and that numpy and torch agree on what was learned."""

import math

import numpy as np
import pytest
import torch

from engine.policies import eenet_training as training
from engine.policies.eenet_training import Assignment, Sample, ScoreHeads, as_arrays, descend, learn, standardised
from engine.splits import Split
from tests.synthetic import outputs

MADE = outputs(examples=900, exits=3, classes=4, seed=1)
FIT = MADE.tuning(Split.FIT)
COST = MADE.cascade_cost("macs")


def modules(seed: int = 0) -> tuple[ScoreHeads, Assignment]:
    """Both modules with random weights, also where learning starts at zero."""
    generator = torch.Generator().manual_seed(seed)
    heads, assignment = ScoreHeads(6, torch.ones(3, 8)), Assignment(3, 6, 5, generator)
    for parameter in [*heads.parameters(), *assignment.parameters()]:
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return heads, assignment


def test_what_was_learned_is_evaluated_the_same_without_torch():
    features, center, scale = standardised(FIT)
    heads, assignment = modules()
    scheduler = as_arrays(heads, assignment, center, scale)
    again = scheduler.features(FIT.logits.astype(float))
    np.testing.assert_allclose(again, features.numpy(), atol=1e-4)
    with torch.no_grad():
        log_odds = heads(features)
        free = assignment(features, log_odds.sigmoid())
    scores = scheduler.scores(again)
    np.testing.assert_allclose(scores, log_odds.numpy(), atol=1e-3)
    np.testing.assert_allclose(scheduler.assignment(again, scores), free.numpy(), atol=1e-3)


def test_exits_read_only_exits_before_them():
    features, _, _ = standardised(FIT)
    heads, assignment = modules()
    changed = features.clone()
    changed[2] += 1
    with torch.no_grad():
        score = heads(features).sigmoid()
        assert torch.equal(heads(features)[:2], heads(changed)[:2])
        later = score.clone()
        later[1:] = 0.5
        assert torch.equal(assignment(features, score)[:2], assignment(features, later)[:2])
        assert not torch.equal(assignment(features, score)[2], assignment(features, later)[2])


def test_earlier_scores_are_inputs_and_not_taught_by_later_exits():
    features, _, _ = standardised(FIT)
    heads, _ = modules()
    heads(features)[2].sum().backward()
    assert not heads.weight.grad[:2].any() and heads.weight.grad[2].any() and heads.history.grad[2, :2].all()


def test_scores_start_at_the_share_of_right_answers_and_rise_with_sureness():
    """What is kept where learning brings nothing is still a rule that tells sure from unsure."""
    features, _, _ = standardised(FIT)
    right = torch.from_numpy(FIT.right).float()
    with torch.no_grad():
        start = ScoreHeads(6, right)(features)
        at_mean = ScoreHeads(6, right)(torch.zeros(3, 1, 6)).sigmoid()[:, 0]
    assert at_mean.tolist() == pytest.approx([(of_exit.sum() + 1) / 302 for of_exit in FIT.right])
    for k in range(3):
        assert np.corrcoef(start[k].numpy(), FIT.scores["maxprob"][k])[0, 1] > 0.8


def test_features_are_centred_and_classes_share_a_scale():
    features, _, scale = standardised(FIT)
    np.testing.assert_allclose(features.mean(dim=1).numpy(), 0, atol=1e-5)
    np.testing.assert_allclose((features**2).mean(dim=1)[:, -2:].numpy(), 1, rtol=1e-4)
    np.testing.assert_allclose((features**2).mean(dim=1)[:, :-2].sum(dim=1).numpy(), 1, rtol=1e-4)
    assert (scale[:, :-2] == scale[:, :1]).all()


def test_descent_ends_in_the_best_state_it_looked_at():
    """The loss pulls the weight past where the held-out loss is least: what is kept is the state nearest to that."""
    module = torch.nn.Linear(1, 1, bias=False)
    module.weight.data.zero_()
    seen = []

    def held_out() -> torch.Tensor:
        seen.append((module.weight.item() - 0.5) ** 2)
        return torch.tensor(seen[-1])

    descend(module, lambda: (module.weight - 3).square().sum(), held_out)
    assert (module.weight.item() - 0.5) ** 2 == pytest.approx(min(seen)) and seen[-1] > min(seen)
    assert module.weight.item() == pytest.approx(0.5, abs=0.05)
    assert len(seen) < training.STEPS / training.LOOK_EVERY, "it stopped as soon as waiting was vain"


def test_gradients_do_not_pile_up():
    """Each step sees the gradient of its own loss alone: with sums of all so far it would overshoot and swing."""
    module = torch.nn.Linear(1, 1, bias=False)
    module.weight.data.zero_()
    path = []

    def loss() -> torch.Tensor:
        value = (module.weight - 1).square().sum()
        path.append((module.weight.item(), module.weight.grad))
        return value

    descend(module, loss, lambda: (module.weight.detach() - 1).square().sum())
    assert all(grad is None or not grad.any() for _, grad in path)
    assert max(weight for weight, _ in path) < 1.1 and module.weight.item() == pytest.approx(1, abs=0.02)


def caught_losses(monkeypatch: pytest.MonkeyPatch, step, *arguments) -> list[float]:
    """The losses that a step of learning would descend, as numbers."""
    losses: list[float] = []
    monkeypatch.setattr(training, "descend", lambda module, loss, held_out: losses.extend([loss().item(), held_out().item()]))
    step(*arguments)
    return losses


def samples() -> tuple[Sample, Sample]:
    features, _, _ = standardised(FIT)
    right = torch.from_numpy(FIT.right).float()
    return Sample(features[:, :20], right[:, :20]), Sample(features[:, 20:50], right[:, 20:50])


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def softmax(row: list[float]) -> list[float]:
    weights = [math.exp(z - max(row)) for z in row]
    return [weight / sum(weights) for weight in weights]


def test_the_assignment_is_drawn_to_where_exits_are_right(monkeypatch):
    heads, assignment = modules()
    losses = caught_losses(monkeypatch, training.learn_assignment, heads, assignment, *samples())
    for sample, found in zip(samples(), losses, strict=True):
        with torch.no_grad():
            log_odds = heads(sample.features)
            free = assignment(sample.features, log_odds.sigmoid()).T.tolist()
        total = 0.0
        for row, s in zip(log_odds.T.tolist(), free, strict=True):
            q = [sigmoid(z) for z in row]
            total += sum(v / sum(q) * math.log(v / sum(q) / r) for v, r in zip(q, softmax(s), strict=True))
        assert found == pytest.approx(total / len(free), rel=1e-4)


def test_scores_learn_mostly_on_those_expected_to_leave_there(monkeypatch):
    heads, assignment = modules()
    losses = caught_losses(monkeypatch, training.learn_scores, heads, assignment, *samples(), COST)
    for sample, found in zip(samples(), losses, strict=True):
        with torch.no_grad():
            log_odds = heads(sample.features)
            free = assignment(sample.features, log_odds.sigmoid()).T.tolist()
        n, weight = len(free), np.zeros((3, len(free)))
        for part in training.BUDGETS:
            budget, low, high = COST[0] + part * (COST[-1] - COST[0]), -1e3, 1e3
            for _ in range(100):  # bisection for mu
                mu = (low + high) / 2
                r = np.array([softmax([s - mu * c / COST[-1] for s, c in zip(row, COST, strict=True)]) for row in free]).T
                low, high = (mu, high) if r.mean(axis=1) @ COST > budget else (low, mu)
            weight += r / r.sum(axis=1, keepdims=True) / len(training.BUDGETS)
        total = 0.0
        for k in range(3):
            for i in range(n):
                q = sigmoid(float(log_odds[k, i]))
                total -= weight[k, i] * math.log(q if sample.right[k, i] else 1 - q) / 3
        assert found == pytest.approx(total, rel=1e-3)


def test_who_is_held_out_hangs_on_ids_and_seed_alone():
    order = np.random.default_rng(0).permutation(FIT.examples)
    one, same, other = learn(FIT, COST), learn(FIT.take(order), COST), learn(FIT, COST, seed=1)
    np.testing.assert_allclose(one.score, same.score, atol=1e-2)
    assert not np.allclose(one.score, other.score, atol=1e-2)


def test_learning_says_more_than_the_share_of_right_answers():
    scheduler = learn(FIT, COST)
    test = MADE.test()
    log_odds = scheduler.scores(scheduler.features(test.logits.astype(float)))
    for k in range(3):
        q, right, share = 1 / (1 + np.exp(-log_odds[k])), test.right[k], FIT.right[k].mean()
        stated = -np.log(np.where(right, q, 1 - q)).mean()
        assert stated < -np.log(np.where(right, share, 1 - share)).mean() - 0.05
