"""How EENet was fitted before: the baseline with which `eenet.py` in this folder compares the present fit.

Scores: L_q = mean over exits of sum_i w_ik BCE(q_ik, 1[exit k is correct on i]), with w_ik = r_ik / sum_i r_ik. Assignment:
L_r = KL(pi || r) with pi_ik = q_ik / sum_j q_ij. AdamW runs on all examples at once, with part of the fit examples held out. In each
of two rounds, first the scores and then the assignment learn until the held-out loss stops falling.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, kl_div, logsigmoid

from engine.hashing import hash_uniform
from engine.outputs import Outputs
from engine.policies.core.scorer import chunks

HELD_OUT = 0.2
BUDGETS = (0.1, 0.3, 0.5, 0.7, 0.9)  # from the first exit (0) to the last (1)
HIDDEN_RATIO, MOST_HIDDEN = 0.5, 16
LEARNING_RATE, WEIGHT_DECAY = 1e-2, 1e-2
ROUNDS, STEPS = 2, 400
#: The held-out loss is evaluated every LOOK_EVERY steps. Learning stops when PATIENCE evaluations in a row have not lowered it by
#: WORTH_GOING_ON nats.
LOOK_EVERY, PATIENCE, WORTH_GOING_ON = 5, 10, 1e-4


def exit_features(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """The features from which scores are computed: logits (..., classes) -> (..., classes + 2).

    Probabilities, the top one again, and 1 - entropy / log C, which is 1 for a one-hot distribution and 0 for a uniform one.
    """
    log_p = log_softmax(logits, axis=-1)
    p = np.exp(log_p)
    # log_p is finite however small p is, so that 0 * log 0 never occurs.
    certainty = 1 + (p * log_p).sum(axis=-1, keepdims=True) / np.log(logits.shape[-1])
    return np.concatenate([p, p.max(axis=-1, keepdims=True), certainty], axis=-1)


@dataclass(frozen=True, eq=False)
class Scheduler:
    """Everything learned, for K exits, F = classes + 2 features and H hidden units.

    center, scale: (K, F), standardise the features
    score:         (K, F), score_history (K, K) strictly lower, score_bias (K,): log-odds that exit k is correct
    hidden:        (K, F, H), hidden_history (K, K, H): [exit, earlier exit, unit], zero unless earlier; hidden_bias (K, H)
    assign:        (K, H), assign_bias (K,): assignment logits
    """

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    score: NDArray[np.float64]
    score_history: NDArray[np.float64]
    score_bias: NDArray[np.float64]
    hidden: NDArray[np.float64]
    hidden_history: NDArray[np.float64]
    hidden_bias: NDArray[np.float64]
    assign: NDArray[np.float64]
    assign_bias: NDArray[np.float64]


def keep_to_budget(assignment: NDArray[np.floating], exit_cost: NDArray[np.float64], budget: float) -> tuple[NDArray[np.floating], float]:
    """r_k = softmax_k(s_k - mu c_k / c_K), (K, n), and the mu at which its mean cost is the budget.

    assignment: s, (K, n); exit_cost: (K,) increasing; budget: in the unit of the costs
    The cost falls from c_K to c_1 as mu rises, so there is only one such mu. At the two ends, where it would be infinite, it is just large.
    """
    price = exit_cost / exit_cost[-1]

    def shares(mu: float) -> NDArray[np.floating]:
        return softmax(assignment - mu * price[:, None], axis=0)

    def overspent(mu: float) -> float:
        return float(price @ shares(mu).mean(axis=1)) - budget / exit_cost[-1]

    # A mu this large sends all examples to one end: neighbouring exits then differ by a factor of e^50 or more, whatever the assignment.
    limit = (50 + float(np.ptp(assignment))) / np.diff(price).min(initial=1.0)
    if overspent(limit) >= 0:
        mu = limit
    elif overspent(-limit) <= 0:
        mu = -limit
    else:
        mu = float(brentq(overspent, -limit, limit, xtol=1e-9))
    return shares(mu), mu


@dataclass(frozen=True, eq=False)
class Sample:
    """features: (exits, examples, classes + 2) standardised; correct: (exits, examples) of 0 and 1."""

    features: Tensor
    correct: Tensor


class ScoreHeads(nn.Module):
    """One logistic regression per exit, which also reads the scores of earlier exits.

    They start where they should stay if there are too few examples to learn from: at the accuracy of the exit, rising with the summaries.
    """

    def __init__(self, features: int, correct: Tensor) -> None:
        super().__init__()
        exits, examples = correct.shape
        weight = torch.zeros(exits, features)
        weight[:, -2:] = 0.5
        self.weight = nn.Parameter(weight)
        self.history = nn.Parameter(torch.zeros(exits, exits))
        self.bias = nn.Parameter(((correct.sum(dim=1) + 1) / (examples + 2)).logit())

    def forward(self, features: Tensor) -> Tensor:
        """(exits, examples, features) -> log-odds (exits, examples). Earlier scores are inputs; no gradient flows through them."""
        log_odds: list[Tensor] = []
        for k in range(len(features)):
            own = features[k] @ self.weight[k] + self.bias[k]
            for j in range(k):
                own = own + self.history[k, j] * log_odds[j].detach().sigmoid()
            log_odds.append(own)
        return torch.stack(log_odds)


class Assignment(nn.Module):
    """A network with one hidden layer per exit. The outputs of all exits share one softmax."""

    def __init__(self, exits: int, features: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()

        def random(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator) / hidden**0.5

        summaries = random(exits, 2, hidden)
        self.weight = nn.Parameter(torch.cat([torch.zeros(exits, features - 2, hidden), summaries], dim=1))
        self.history = nn.Parameter(random(exits, exits, hidden))
        self.bias = nn.Parameter(torch.zeros(exits, hidden))
        self.out = nn.Parameter(random(exits, hidden))
        self.out_bias = nn.Parameter(torch.zeros(exits))

    def earlier(self) -> Tensor:
        """The weights of the scores of earlier exits, (exits, exits, hidden). The rest of `history` has no effect."""
        exits = len(self.history)
        return self.history * torch.ones(exits, exits).tril(-1)[..., None]

    def forward(self, features: Tensor, score: Tensor) -> Tensor:
        """Features (exits, examples, features) and scores (exits, examples) in (0, 1) -> assignment logits (exits, examples)."""
        drive = torch.bmm(features, self.weight) + torch.einsum("kjh,jn->knh", self.earlier(), score) + self.bias[:, None]
        return torch.einsum("knh,kh->kn", drive.sigmoid(), self.out) + self.out_bias[:, None]


def learn(fit: Outputs, exit_cost: NDArray[np.float64], seed: int = 0) -> Scheduler:
    """Learn a scheduler on the fit examples. exit_cost: (exits,) cumulative, in any unit.

    Which examples are held out depends on their ids and the seed, so their order does not matter (except in the last digits of sums).
    """
    features, center, scale = standardised(fit)
    correct = torch.from_numpy(fit.correct).float()
    apart = torch.from_numpy(hash_uniform(fit.ids, seed) < HELD_OUT)
    if apart.all() or not apart.any():  # too few to hold any out
        train = held_out = Sample(features, correct)
    else:
        train, held_out = (Sample(features[:, part], correct[:, part]) for part in (~apart, apart))
    exits, _, width = features.shape
    # The ratio is to the number of inputs of the last exit, which has the most.
    hidden = min(max(int(HIDDEN_RATIO * (width + exits - 1)), 1), MOST_HIDDEN)
    heads = ScoreHeads(width, train.correct)
    assignment = Assignment(exits, width, hidden, torch.Generator().manual_seed(seed))
    for _ in range(ROUNDS):
        learn_scores(heads, assignment, train, held_out, exit_cost)
        learn_assignment(heads, assignment, train, held_out)
    return as_arrays(heads, assignment, center, scale)


def as_arrays(heads: ScoreHeads, assignment: Assignment, center: NDArray[np.float64], scale: NDArray[np.float64]) -> Scheduler:
    def to_numpy(tensor: Tensor) -> NDArray[np.float64]:
        return tensor.detach().double().numpy()

    return Scheduler(
        center=center,
        scale=scale,
        score=to_numpy(heads.weight),
        score_history=to_numpy(heads.history.tril(-1)),
        score_bias=to_numpy(heads.bias),
        hidden=to_numpy(assignment.weight),
        hidden_history=to_numpy(assignment.earlier()),
        hidden_bias=to_numpy(assignment.bias),
        assign=to_numpy(assignment.out),
        assign_bias=to_numpy(assignment.out_bias),
    )


def standardised(outputs: Outputs) -> tuple[Tensor, NDArray[np.float64], NDArray[np.float64]]:
    """Standardised features (exits, examples, features) float32, and their centers and scales, (exits, features) each.

    The classes of an exit share one scale, chosen so that together they vary as much as one other feature. Scaling each class on its own
    would amplify the noise of classes that are hardly ever likely, and a step of the optimiser would grow with the number of classes.
    """
    features = np.empty((outputs.exits, outputs.examples, outputs.classes + 2), np.float32)
    for some, logits in chunks(outputs):
        features[:, some] = exit_features(logits)
    center = features.mean(axis=1, dtype=np.float64)
    features -= center[:, None].astype(np.float32)
    variance = np.stack([(of_exit**2).mean(axis=0, dtype=np.float64) for of_exit in features])
    variance[:, :-2] = variance[:, :-2].sum(axis=1, keepdims=True)
    scale = np.where(variance > 1e-12, np.sqrt(variance), 1.0)
    features /= scale[:, None].astype(np.float32)
    return torch.from_numpy(features), center, scale


def learn_scores(heads: ScoreHeads, assignment: Assignment, train: Sample, held_out: Sample, exit_cost: NDArray[np.float64]) -> None:
    """Minimise L_q. The weight of an example at an exit is its assignment there, averaged over budgets and normalised."""
    budgets = exit_cost[0] + np.array(BUDGETS) * (exit_cost[-1] - exit_cost[0])

    def loss_on(sample: Sample) -> Callable[[], Tensor]:
        with torch.no_grad():
            free = assignment(sample.features, heads(sample.features).sigmoid()).numpy()
        kept = np.stack([keep_to_budget(free, exit_cost, budget)[0] for budget in budgets])
        weight = torch.from_numpy((kept / kept.sum(axis=2, keepdims=True)).mean(axis=0)).float()

        def loss() -> Tensor:
            each = binary_cross_entropy_with_logits(heads(sample.features), sample.correct, reduction="none")
            return (weight * each).sum(dim=1).mean()

        return loss

    descend(heads, loss_on(train), loss_on(held_out))


def learn_assignment(heads: ScoreHeads, assignment: Assignment, train: Sample, held_out: Sample) -> None:
    """Minimise L_r: before any budget, the assignment follows the probability that an exit is correct, relative to the other exits."""

    def loss_on(sample: Sample) -> Callable[[], Tensor]:
        with torch.no_grad():
            log_odds = heads(sample.features)
            score, target = log_odds.sigmoid(), logsigmoid(log_odds).log_softmax(dim=0)

        def loss() -> Tensor:
            log_r = assignment(sample.features, score).log_softmax(dim=0)
            return kl_div(log_r, target, log_target=True, reduction="sum") / log_r.shape[1]

        return loss

    descend(assignment, loss_on(train), loss_on(held_out))


def descend(module: nn.Module, loss: Callable[[], Tensor], held_out: Callable[[], Tensor]) -> None:
    """Run AdamW until the held-out loss stops falling. The module is left in its best state."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    best, best_state = float("inf"), copy.deepcopy(module.state_dict())
    mark, waited = float("inf"), 0
    for step in range(STEPS + 1):
        if step % LOOK_EVERY == 0:
            with torch.no_grad():
                now = float(held_out())
            if now < best:
                best, best_state = now, copy.deepcopy(module.state_dict())
            if now < mark - WORTH_GOING_ON:
                mark, waited = now, 0
            else:
                waited += 1
            if waited >= PATIENCE:
                break
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    module.load_state_dict(best_state)
