"""Scores that tie or carry no information: quota policies keep their plan and are no worse than mixing static exits blindly.

The claim is statistical, so it is tested over 10 fixed seeds and 9 budgets. The mix is taken at the cost that the policy really spends on
test, as its expectation.
"""

from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from engine.cascades.base import Cascade, CascadeKind, Stage, State
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.methods.static import random_mix
from engine.runtime import execution
from engine.runtime.executor import execute
from engine.splits import Split
from engine.sweep import Sweep, run_sweep
from tests.engine.policies.tied import FORMS, KNOWING_NOTHING, tied_outputs
from tests.thorough import variants

#: All quota policies are planned alike: one that reads a score, one that learns one, and two that use earlier exits.
NAMES = ("maxprob", "eenet", "ztw", "committee")
#: Those that many seeds are tried of.
COMPARED = ("maxprob", "eenet")
#: examples, exits, classes
SIZES = ((2000, 5, 4), (872, 12, 2))
#: Learning a score of 12 exits for many seeds takes long.
COMPARED_ON = {SIZES[0]: COMPARED, SIZES[1]: variants(COMPARED, "maxprob")}
SEEDS, BUDGETS = 10, 9
TIED = variants(list(FORMS), "constant first exit", KNOWING_NOTHING)


@cache
def gains(form: str, size: tuple[int, int, int]) -> tuple[dict[str, NDArray[np.float64]], dict[str, list[Sweep]]]:
    """Test accuracy minus that of the mix of equal cost, and its standard error, {policy: (seeds, budgets, 2)}, and the sweeps."""
    gain_of = {name: np.empty((SEEDS, BUDGETS, 2)) for name in COMPARED_ON[size]}
    sweeps: dict[str, list[Sweep]] = {name: [] for name in COMPARED_ON[size]}
    for seed in range(SEEDS):
        made = tied_outputs(form, *size, seed)
        test, full = made.test(), made.full_cost("macs")
        mix = random_mix(made.tuning(Split.CALIBRATION), "macs")
        budgets = np.linspace(made.cascade_cost("macs")[0] / full, 1, BUDGETS + 2)[1:-1]
        for name in COMPARED_ON[size]:
            swept = run_sweep(POLICIES[name], made, budgets)
            sweeps[name].append(swept)
            for i, (correct, cost) in enumerate(zip(swept.is_correct, swept.cost, strict=True)):
                expected = sum(weight * part.route(test).known_quality for weight, part in mix.solve(cost * full).parts())
                difference = correct - expected
                gain_of[name][seed, i] = difference.mean(), difference.std() / np.sqrt(len(difference))
    return gain_of, sweeps


every_form = pytest.mark.parametrize("form", TIED)
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


@pytest.mark.timeout(300)
@every_form
@every_size
def test_no_policy_is_worse_than_the_random_mix_on_average(form, size):
    gain_of, _ = gains(form, size)
    for name, gain in gain_of.items():
        mean, error = gain[..., 0].mean(), gain[..., 0].mean(axis=1).std(ddof=1) / np.sqrt(SEEDS)
        # If no exit has any information, the true difference is 0, and measurements scatter around it.
        assert mean >= (-3 * error if form == KNOWING_NOTHING else 0), (name, mean, error)


@pytest.mark.timeout(600)
def test_few_cells_are_below_the_random_mix_by_more_than_the_paired_interval():
    cells = np.stack([gain for form in TIED for size in SIZES for gain in gains(form, size)[0].values()])
    below = cells[..., 0] < -1.96 * cells[..., 1] - 1e-12
    assert below.mean() <= 0.02
    # All seeds of a cell together:
    mean, error = cells[..., 0].mean(axis=1), cells[..., 0].std(axis=1, ddof=1) / np.sqrt(SEEDS)
    assert (mean < -1.96 * error - 1e-12).mean() <= 0.02


@every_form
@every_size
def test_calibration_costs_the_planned_cost(form, size):
    _, sweeps = gains(form, size)
    for name, swept in sweeps.items():
        for one in swept:
            planned = np.array([not note.startswith("At this budget the random mix") for note in one.notes])
            # Half an example going to the last exit instead of the first: with 290 examples and two exits in a plan, no rounding is closer.
            half = 0.5 * (one.exit_cost[-1] - one.exit_cost[0]) / (size[0] // 3)
            off = np.abs(one.calibration_cost - one.planned_cost)[planned]
            assert (off <= np.maximum(0.01 * one.planned_cost[planned], half)).all(), name
            assert one.planned_cost == pytest.approx(one.budgets, rel=1e-3) or not planned.all(), name


@pytest.mark.parametrize("name", ["single_threshold", "bof_alpha"])
def test_a_knob_that_cannot_split_ties_says_so(name):
    made = tied_outputs("ladder of four", 5000, 5, 4, 0)
    swept = run_sweep(POLICIES[name], made, BUDGETS)
    short = swept.planned_cost < 0.9 * swept.budgets
    assert short.any()
    for note in np.array(swept.notes)[short]:
        assert "one knob for all exits cannot split them" in note
    assert not run_sweep(POLICIES[name], tied_outputs("4 digits", 5000, 5, 4, 0), [0.9]).notes[0].startswith("Many examples")


def test_free_thresholds_mix_two_settings_where_scores_tie():
    made = tied_outputs("ladder of four", 5000, 5, 4, 0)
    swept = run_sweep(POLICIES["free_thresholds"], made, BUDGETS)
    np.testing.assert_allclose(swept.planned_cost[:6], swept.budgets[:6], rtol=1e-9)


class Replayed(nn.Module):
    """A head that returns the recorded logits of the example whose row number its image holds, as two bytes in two colours."""

    def __init__(self, logits: NDArray[np.float32]) -> None:
        super().__init__()
        self.logits = torch.from_numpy(np.array(logits))

    def forward(self, state: State) -> torch.Tensor:
        low, high = (state[0][:, channel, 0, 0].mul(255).round().long() for channel in (0, 1))
        return self.logits[low + 256 * high]


class AsItIs(nn.Module):
    def forward(self, state: State) -> State:
        return state


@pytest.mark.parametrize("judged", ["on the host", "on the device"])
@every_form
@pytest.mark.parametrize("name", variants(NAMES, "maxprob", "committee"))
def test_the_executor_routes_them_as_the_sweep_does(name, form, judged, monkeypatch):
    monkeypatch.setattr(execution, "keeps_logits", lambda device: judged == "on the device")
    made = tied_outputs(form, 900, 5, 4, seed=3)
    test = made.test()
    rows = np.arange(test.examples)
    at = dict(zip(test.ids.tolist(), rows.tolist(), strict=True))
    images = np.stack([rows % 256, rows // 256, 0 * rows], axis=1).astype(np.uint8)[:, None, None]
    cascade = Cascade([Stage(AsItIs(), Replayed(logits)) for logits in test.logits], CascadeKind.CHAIN).eval()
    swept = run_sweep(POLICIES[name], made, 5)
    splits = [rule for rule in swept.rules if rule.threshold_spec() is not None and rule.threshold_spec().ties is not None]
    assert splits or name != "maxprob" or form in ("4 digits", "random first exit", KNOWING_NOTHING)
    for step, rule in enumerate(swept.rules):
        route = execute(cascade, rule, test.ids, lambda ids: images[[at[id] for id in ids.tolist()]], batch_size=16)
        assert np.array_equal(route.exit, swept.exit[step]) and np.array_equal(route.prediction, swept.answer[step])


def confident_nonsense() -> Outputs:
    """A calibration set on which using confidence is worse than chance."""
    return tied_outputs(KNOWING_NOTHING, 90, 4, 3, 1)


@pytest.mark.parametrize("name", [name for name, policy in POLICIES.items() if policy.deployable])
def test_a_policy_below_the_random_mix_says_so(name):
    """On calibration, at the given budget, for every policy and all data."""
    for made in (confident_nonsense(), tied_outputs("ladder of four", 300, 5, 4, 0), tied_outputs("constant first exit", 300, 4, 3, 2)):
        if POLICIES[name].unavailable_reason(made):
            continue
        swept = run_sweep(POLICIES[name], made, 15)
        mix = random_mix(made.tuning(Split.CALIBRATION), "macs")
        for budget, accuracy, note in zip(swept.budgets, swept.calibration_accuracy, swept.notes, strict=True):
            if accuracy < mix.accuracy_at(budget * swept.full.cost) - 1e-9:
                assert note, (name, budget)
