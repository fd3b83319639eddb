"""The executor stops for real, and where and with what the simulation says."""

import weakref
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from engine.cascades.base import Cascade, Kind, Stage
from engine.cascades.msdnet import MSDNetShape, msdnet
from engine.errors import UserError
from engine.execute import chunk_size, execute
from engine.macs import stage_macs
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.bolukbasi import Bolukbasi
from engine.policies.mixing import MixedRule
from engine.policies.static import StaticRule
from engine.policies.threshold import ThresholdRule
from engine.route import Route
from engine.scores import SCORES, all_scores, one_score
from engine.splits import Split
from tests.sentences import assert_one_sentence
from tests.synthetic import split_names

EXAMPLES, SIDE, CLASSES, EXITS = 180, 32, 7, 3
IDS = np.random.default_rng(3).permutation(10 * EXAMPLES)[:EXAMPLES].astype(np.int64)
STEPWISE = {"static", "random_mix", "maxprob", "entropy", "margin", "energy", "maxlogit", "single_threshold", "bolukbasi", "myopic"}


def pictures(ids):
    """Noise of a brightness and a contrast that hang on the id, so that networks answer differently."""
    made = []
    for id in ids.tolist():
        rng = np.random.default_rng(id)
        made.append(rng.integers(0, 1 + rng.integers(20, 255, 3), (SIDE, SIDE, 3), dtype=np.uint8))
    return np.stack(made)


class Flat(nn.Module):
    def __init__(self, *modules):
        super().__init__()
        self.inside = nn.Sequential(*modules)

    def forward(self, state):
        return (self.inside(state[0]),)


class Head(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.out = nn.Linear(channels, CLASSES)

    def forward(self, state):
        return self.out(state[0].mean(dim=(2, 3)))


def chain() -> Cascade:
    shape = MSDNetShape(CLASSES, stem=4, base=(4, 6, 8), growth=(4, 6, 8), layers=(1, 2, 1), scales=(3, 2, 1), hidden=16)
    return prepared(msdnet(shape))


def family() -> Cascade:
    return prepared(Cascade([Stage(Flat(nn.Conv2d(3, c, 3, stride=2), nn.ReLU()), Head(c)) for c in (4, 8, 16)], Kind.FAMILY))


def prepared(cascade: Cascade) -> Cascade:
    """Surer than untrained networks are: their scores would all but tie."""
    with torch.no_grad():
        for stage in cascade.stages:
            for parameter in stage.head.parameters():
                parameter.mul_(6)
    return cascade.eval().to(memory_format=torch.channels_last)


@pytest.fixture(scope="module", params=[chain, family], ids=["chain", "family"])
def world(request):
    """A cascade, and what it says about every example."""
    torch.manual_seed(1)
    cascade = request.param()
    with torch.inference_mode():
        logits = cascade(torch.from_numpy(pictures(IDS)).permute(0, 3, 1, 2).float() / 255).numpy()
    labels = np.where(np.arange(EXAMPLES) % 3 == 0, logits[0].argmax(axis=1), logits[-1].argmax(axis=1))
    macs = np.array(stage_macs(cascade, (SIDE, SIDE)).stage, float)
    return cascade, Outputs.from_logits(logits, labels, split_names(EXAMPLES // 3), {"macs": macs}, ids=IDS, topology=str(cascade.kind))


def spread(outputs) -> ThresholdRule:
    """About half of those who reach an exit leave there. Halfway between two scores, so that rounding decides nothing."""
    thresholds, there = [], np.arange(outputs.examples)
    for scores in outputs.scores["maxprob"][:-1]:
        ordered = np.sort(scores[there])
        thresholds.append(float(ordered[len(ordered) // 2 - 1 : len(ordered) // 2 + 1].astype(float).mean()))
        there = there[scores[there] < thresholds[-1]]
    return ThresholdRule("maxprob", np.array(thresholds), {}, 0.0)


def assert_same(found: Route, expected: Route) -> None:
    assert found.exit.tolist() == expected.exit.tolist()
    assert found.prediction.tolist() == expected.prediction.tolist()
    assert found.visited.tolist() == expected.visited.tolist()


def watched(cascade, monkeypatch) -> Counter:
    """How many examples went through every trunk and head: {("trunk", stage): examples}."""
    seen: Counter = Counter()
    for k, stage in enumerate(cascade.stages):
        for name in ("trunk", "head"):
            part = getattr(stage, name)

            def forward(state, part=part, key=(name, k), run=part.forward):
                seen[key] += len(state[0])
                return run(state)

            monkeypatch.setattr(part, "forward", forward)
    return seen


@pytest.mark.parametrize("name", sorted(name for name, policy in POLICIES.items() if policy.deployable))
def test_every_policy_ends_where_the_simulation_does_or_is_refused(world, name):
    cascade, outputs = world
    fitted = POLICIES[name].fit(outputs.tuning(Split.FIT), outputs.tuning(Split.CALIBRATION), "macs")
    test = outputs.test()
    full = outputs.full_cost("macs")
    for budget in (fitted.cheapest, *(max(fitted.cheapest, share * full) for share in (0.4, 0.7, 1.0))):
        rule = fitted.solve(budget)
        if rule.stepper(outputs.topology) is not None:
            assert_same(execute(cascade, rule, test.ids, pictures, batch_size=16), rule.route(test))
            continue
        assert name not in STEPWISE
        with pytest.raises(UserError) as refused:
            execute(cascade, rule, test.ids, pictures)
        assert_one_sentence(str(refused.value))


@pytest.mark.parametrize(
    ("batch_size", "chunk"), [(1, None), (7, None), (16, 16), (16, 50), (16, 5), (32, 1), (60, 60), (500, None), (8, 1000)]
)
def test_batches_and_chunks_change_nothing(world, batch_size, chunk):
    cascade, outputs = world
    rule = spread(outputs)
    expected = rule.route(outputs)
    assert (np.bincount(expected.exit, minlength=EXITS) > 10).all()
    assert_same(execute(cascade, rule, outputs.ids, pictures, batch_size=batch_size, chunk=chunk), expected)


def test_one_example_and_none(world):
    cascade, outputs = world
    rule = spread(outputs)
    for position in range(5):
        one = outputs.take(slice(position, position + 1))
        assert_same(execute(cascade, rule, one.ids, pictures), rule.route(one))
    none = execute(cascade, rule, outputs.ids[:0], pictures)
    assert (len(none.exit), len(none.visited), len(none.prediction)) == (0, 0, 0)


@pytest.mark.parametrize("thresholds", [(-np.inf, 0.0), (np.inf, -np.inf), (np.inf, np.inf)])
def test_stages_that_nobody_reaches_or_leaves(world, thresholds, monkeypatch):
    cascade, outputs = world
    rule = ThresholdRule("maxprob", np.array(thresholds), {}, 0.0)
    seen = watched(cascade, monkeypatch)
    found = execute(cascade, rule, outputs.ids, pictures, batch_size=16, chunk=40)
    assert_same(found, rule.route(outputs))
    last = int(found.exit.max())
    assert seen == {(part, k): EXAMPLES for part in ("trunk", "head") for k in range(last + 1)}


def test_who_leaves_takes_the_rest_of_the_work_along(world, monkeypatch):
    cascade, outputs = world
    rule = spread(outputs)
    seen = watched(cascade, monkeypatch)
    route = execute(cascade, rule, outputs.ids, pictures, batch_size=16, chunk=50)
    ran = [int((route.visited >> k & 1).sum()) for k in range(EXITS)]
    assert ran[0] > ran[1] > ran[2] > 0
    assert seen == {(part, k): ran[k] for part in ("trunk", "head") for k in range(EXITS)}


def test_what_a_static_exit_does_not_need_never_runs(world, monkeypatch):
    """A family runs one network; a chain runs the trunks up to the exit and one head."""
    cascade, outputs = world
    seen = watched(cascade, monkeypatch)
    rule = StaticRule(1, 0.0)
    assert_same(execute(cascade, rule, outputs.ids, pictures, batch_size=16, chunk=50), rule.route(outputs))
    trunks = [1] if cascade.kind is Kind.FAMILY else [0, 1]
    assert seen == {("head", 1): EXAMPLES, **{("trunk", k): EXAMPLES for k in trunks}}


def test_a_gate_that_skips_a_network_really_skips_it(monkeypatch):
    torch.manual_seed(1)
    cascade = family()
    with torch.inference_mode():
        logits = cascade(torch.from_numpy(pictures(IDS)).permute(0, 3, 1, 2).float() / 255).numpy()
    # The middle network is never right, so no gate has a reason to send anyone there.
    best, worst = logits[-1].argmax(axis=1), logits[1].argmin(axis=1)
    labels = np.where(worst == best, best, np.where(np.arange(EXAMPLES) % 2, best, logits[0].argmax(axis=1)))
    made = Outputs.from_logits(logits, labels, split_names(EXAMPLES // 3), {"macs": np.array([1.0, 5.0, 6.0])}, ids=IDS, topology="family")
    fitted = Bolukbasi().fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    rules = [rule for rule in fitted.rules if {0b101} <= set(rule.route(made).visited.tolist())]
    assert rules, "no rule goes from the first network straight to the last"
    for rule in rules:
        with monkeypatch.context() as patched:
            seen = watched(cascade, patched)
            route = execute(cascade, rule, made.ids, pictures, batch_size=16, chunk=70)
        assert_same(route, rule.route(made))
        assert seen == {
            (part, k): ran for part in ("trunk", "head") for k in range(EXITS) if (ran := int((route.visited >> k & 1).sum()))
        }


def test_mixed_rules_draw_by_id(world):
    cascade, outputs = world
    rule = MixedRule(StaticRule(0, 1.0), spread(outputs), 0.5)
    order = np.random.default_rng(0).permutation(EXAMPLES)
    whole, shuffled = (execute(cascade, rule, ids, pictures, batch_size=16, chunk=30) for ids in (IDS, IDS[order]))
    assert_same(whole, rule.route(outputs))
    assert whole.exit[order].tolist() == shuffled.exit.tolist()


def test_gates_that_remember_are_refused_and_so_are_mixes_with_them(world):
    cascade, outputs = world
    fitted = Bolukbasi(history=True).fit(outputs.tuning(Split.FIT), outputs.tuning(Split.CALIBRATION), "macs")
    for rule in (fitted.rules[0], MixedRule(StaticRule(0, 1.0), fitted.rules[0], 0.5)):
        with pytest.raises(UserError) as refused:
            execute(cascade, rule, outputs.ids, pictures)
        assert_one_sentence(str(refused.value))


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"chunk": 0}])
def test_impossible_sizes_are_refused(world, wrong):
    cascade, outputs = world
    with pytest.raises(UserError) as refused:
        execute(cascade, StaticRule(0, 1.0), outputs.ids, pictures, **wrong)
    assert_one_sentence(str(refused.value))


def test_memory_hangs_on_the_chunk_and_not_on_the_data(monkeypatch):
    torch.manual_seed(1)
    cascade = chain()
    live = peak = asked = 0

    def gone(many):
        nonlocal live
        live -= many

    for stage in cascade.stages:

        def forward(state, run=stage.trunk.forward):
            nonlocal live, peak
            after = run(state)
            live += len(after[-1])
            peak = max(peak, live)
            weakref.finalize(after[-1], gone, len(after[-1]))
            return after

        monkeypatch.setattr(stage.trunk, "forward", forward)

    def take(ids):
        nonlocal asked
        asked = max(asked, len(ids))
        return pictures(ids)

    peaks = []
    for examples in (48, 480):
        peak = 0
        execute(cascade, ThresholdRule("maxprob", np.array([np.inf, np.inf]), {}, 0.0), np.arange(examples), take, batch_size=8, chunk=24)
        peaks.append(peak)
        assert live == 0
    # What a stage reads is freed batch by batch while what it writes fills up.
    assert peaks[0] == peaks[1] <= 24 + 2 * 8
    assert asked == 24


def test_a_chunk_is_full_batches_within_the_memory(world):
    cascade, _ = world
    image = 3 * SIDE * SIDE * 4  # in float32
    assert chunk_size(cascade, (SIDE, SIDE), 16, most_bytes=1) == 16
    for most in (10**6, 10**7, 10**8):
        chunk = chunk_size(cascade, (SIDE, SIDE), 16, most)
        assert chunk % 16 == 0 and chunk * image <= most
    assert chunk_size(cascade, (SIDE, SIDE), 16, 10**7) > chunk_size(cascade, (SIDE, SIDE), 16, 10**6)


@pytest.mark.parametrize("name", SCORES)
def test_one_score_is_what_all_scores_keep_to_the_last_bit(name):
    logits = (40 * np.random.default_rng(2).standard_normal((2, 300, 5))).astype(np.float32)
    logits[0, 0] = [3e38, -3e38, 0, 0, 0]
    kept = all_scores(logits)[name]
    assert one_score(name, logits[1, 3:10]).tobytes() == kept[1, 3:10].tobytes()
    assert one_score(name, logits[0]).tobytes() == kept[0].tobytes()
