"""The executor really stops, at the same exits and with the same predictions as the simulation."""

import weakref
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
import torch
from torch import nn

from engine.cascades.base import Cascade, CascadeKind, Stage
from engine.cascades.macs import stage_macs
from engine.cascades.msdnet import MSDNetShape, msdnet
from engine.datasets import MaskDataset, TextDataset
from engine.datasets.base import PADDING
from engine.errors import UserError
from engine.outputs import Outputs
from engine.policies import POLICIES
from engine.policies.core.base import Need, Policy, Rule
from engine.policies.core.mixing import MixedRule
from engine.policies.core.online_rules import OnlineRule, SequentialOnlineRule
from engine.policies.core.scorer import RecordedScore
from engine.policies.core.thresholds import ThresholdRule
from engine.policies.methods.bolukbasi import Bolukbasi
from engine.policies.methods.router import RouterRule
from engine.policies.methods.static import StaticRule
from engine.policies.methods.temperature import Calibrated
from engine.recipes import RECIPES
from engine.route import Route
from engine.runtime import execution
from engine.runtime import executor as module
from engine.runtime.executor import execute, group_size
from engine.runtime.inputs import to_tensor
from engine.scores import SCORES, all_scores, one_score
from engine.splits import Split
from tests.engine.policies.reference import Everything
from tests.sentences import assert_one_sentence
from tests.synthetic import outputs as made_up
from tests.synthetic import split_names
from tests.thorough import variants

EXAMPLES, SIDE, CLASSES, EXITS = 180, 32, 7, 3
IDS = np.random.default_rng(3).permutation(10 * EXAMPLES)[:EXAMPLES].astype(np.int64)
#: Every deployable policy, registered or a variant of a registered one.
DEPLOYABLE: dict[str, Policy] = {
    **{name: policy for name, policy in POLICIES.items() if policy.deployable},
    **{f"{name}, calibrated": Calibrated(policy) for name, policy in POLICIES.items() if hasattr(policy, "score")},
    "bolukbasi, with history": Bolukbasi(history=True),
}


def pixels(ids, side=SIDE):
    """Noise whose brightness and contrast depend on the id, so that predictions differ."""
    return np.stack([image(id, side) for id in ids.tolist()])


@cache
def image(id, side):
    rng = np.random.default_rng(id)
    return rng.integers(0, 1 + rng.integers(20, 255, 3), (side, side, 3), dtype=np.uint8)


def images(ids, side=SIDE):
    return torch.from_numpy(pixels(ids, side)).permute(0, 3, 1, 2).float() / 255


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
    return prepared(Cascade([Stage(Flat(nn.Conv2d(3, c, 3, stride=2), nn.ReLU()), Head(c)) for c in (4, 8, 16)], CascadeKind.FAMILY))


def prepared(cascade: Cascade) -> Cascade:
    """The cascade with scaled heads: the scores of an untrained network are almost tied."""
    with torch.no_grad():
        for stage in cascade.stages:
            for parameter in stage.head.parameters():
                parameter.mul_(6)
    return cascade.eval().to(memory_format=torch.channels_last)


@pytest.fixture(scope="module", params=[chain, family], ids=["chain", "family"])
def world(request):
    """A cascade, and its outputs for every example."""
    torch.manual_seed(1)
    cascade = request.param()
    with torch.inference_mode():
        logits = cascade(images(IDS)).numpy()
    labels = np.where(np.arange(EXAMPLES) % 3 == 0, logits[0].argmax(axis=1), logits[-1].argmax(axis=1))
    macs = np.array(stage_macs(cascade, (SIDE, SIDE)).stage, float)
    made = Outputs.from_logits(logits, labels, split_names(EXAMPLES // 3), {"macs": macs}, ids=IDS, kind=str(cascade.kind))
    guess = made.correct[0] + np.random.default_rng(4).normal(0, 0.5, EXAMPLES)
    return cascade, replace(made, before={"guess": guess.astype(np.float32)})


def spread(outputs) -> ThresholdRule:
    """About half of the examples that reach an exit leave there. Thresholds are midway between two scores, so rounding cannot matter."""
    thresholds, remaining = [], np.arange(outputs.examples)
    for scores in outputs.scores["maxprob"][:-1]:
        ordered = np.sort(scores[remaining])
        thresholds.append(float(ordered[len(ordered) // 2 - 1 : len(ordered) // 2 + 1].astype(float).mean()))
        remaining = remaining[scores[remaining] < thresholds[-1]]
    return ThresholdRule(RecordedScore("maxprob"), np.array(thresholds), {}, 0.0)


def assert_same(route: Route, expected: Route) -> None:
    assert route.exit.tolist() == expected.exit.tolist()
    assert route.prediction.tolist() == expected.prediction.tolist()
    assert route.visited.tolist() == expected.visited.tolist()


def watched(cascade, monkeypatch) -> Counter:
    """Counts the examples that go through every trunk and head: {("trunk", stage): examples}."""
    seen: Counter = Counter()
    for k, stage in enumerate(cascade.stages):
        for name in ("trunk", "head"):
            part = getattr(stage, name)

            def forward(state, part=part, key=(name, k), run=part.forward):
                seen[key] += len(state[0])
                return run(state)

            monkeypatch.setattr(part, "forward", forward)
    return seen


class Recorder(OnlineRule):
    """An online rule that records the logits it is given: {(exit, id): logits (classes,)}."""

    def __init__(self, online_rule: OnlineRule) -> None:
        self.online_rule = online_rule
        self.recorded: dict[tuple[int, int], np.ndarray] = {}

    def first(self, ids):
        return self.online_rule.first(ids)

    def after(self, exit, ids, exit_outputs):
        self.record(exit, ids, exit_outputs)
        return self.online_rule.after(exit, ids, exit_outputs)

    def answer(self, exit, ids, exit_outputs):
        self.record(exit, ids, exit_outputs)
        return self.online_rule.answer(exit, ids, exit_outputs)

    def record(self, exit, ids, exit_outputs):
        self.recorded.update({(exit, id): logits for id, logits in zip(ids.tolist(), exit_outputs.read(exit, Everything()), strict=True)})


class Through(Rule):
    """A rule that only has an online rule."""

    def __init__(self, online_rule: OnlineRule) -> None:
        self.given = online_rule

    def route(self, outputs):
        raise AssertionError("the executor used the simulation")

    def online_rule(self, kind):
        return self.given


@pytest.mark.parametrize("name", DEPLOYABLE)
def test_every_policy_takes_the_simulated_route(world, name, monkeypatch):
    cascade, outputs = world
    if DEPLOYABLE[name].unavailable_reason(outputs):
        assert Need.FAMILY in DEPLOYABLE[name].needs and cascade.kind is CascadeKind.CHAIN
        return
    assert_runs_as_simulated(cascade, outputs, DEPLOYABLE[name], monkeypatch)


@pytest.mark.parametrize("policy", [*map(POLICIES.get, ("bolukbasi", "myopic", "jei", "eenet")), Bolukbasi(history=True)])
def test_what_was_learned_from_recorded_scores_runs_on_the_network(world, policy, monkeypatch):
    """The network gives the same scores, and what is known before any stage is given to the run."""
    cascade, outputs = world
    scores = {name: outputs.scores[name] for name in ("maxprob", "margin")}
    assert_runs_as_simulated(cascade, replace(outputs, logits=None, scores=scores), policy, monkeypatch)


def assert_runs_as_simulated(cascade, outputs, policy, monkeypatch):
    fitted = policy.fit(outputs.tuning(Split.FIT), outputs.tuning(Split.CALIBRATION), "macs")
    test = outputs.test()
    full = outputs.full_cost("macs")
    for share, kept in variants(((0.0, False), (0.4, False), (0.4, True), (0.8, True)), (0.0, False), (0.4, True)):
        rule = fitted.solve(max(fitted.cheapest, share * full))
        monkeypatch.setattr(execution, "keeps_logits", lambda device, kept=kept: kept)
        assert_same(execute(cascade, rule, test.ids, pixels, batch_size=16, group=3, before=test.before), rule.route(test))


def test_a_rule_that_reads_what_the_run_lacks_is_refused_in_a_sentence(world):
    cascade, outputs = world
    log = replace(outputs, logits=None, features={"unsure": outputs.scores["margin"]})
    fit, calibration, budget = log.tuning(Split.FIT), log.tuning(Split.CALIBRATION), 0.7 * log.full_cost("macs")
    for name in ("bolukbasi", "jei", "eenet"):
        with pytest.raises(UserError) as refused:
            execute(cascade, POLICIES[name].fit(fit, calibration, "macs").solve(budget), log.ids, pixels)
        assert_one_sentence(str(refused.value), "recorded features")
    if cascade.kind is CascadeKind.FAMILY:
        router = next(rule for rule in POLICIES["router"].fit(fit, calibration, "macs").rules if isinstance(rule, RouterRule))
        with pytest.raises(UserError) as refused:
            execute(cascade, router, log.ids, pixels)
        assert_one_sentence(str(refused.value), "'guess'")


@pytest.mark.parametrize("name", [name for name, policy in POLICIES.items() if not policy.deployable])
def test_oracles_are_refused(world, name):
    cascade, outputs = world
    fitted = POLICIES[name].fit(outputs.tuning(Split.FIT), outputs.tuning(Split.CALIBRATION), "macs")
    for share in (0.0, 0.3):
        rule = fitted.solve(fitted.cheapest + share * outputs.full_cost("macs"))
        for refused_rule in (rule, MixedRule(StaticRule(0, 1.0), rule, 0.5)):
            with pytest.raises(UserError) as refused:
                execute(cascade, refused_rule, outputs.ids, pixels)
            assert_one_sentence(str(refused.value), "labels")


class Scaled(nn.Module):
    """A head whose logits vary over images as those of a trained one do. Those of an untrained one hardly vary."""

    def __init__(self, head, logits):
        super().__init__()
        self.head, self.mean, self.scale = head, logits.mean(dim=0), 2 / logits.std(dim=0).mean()

    def forward(self, state):
        return (self.head(state) - self.mean) * self.scale


@cache
def recipe_rules(exits, classes, kind) -> list[Rule]:
    """Rules of every policy for networks of one shape, whatever their weights."""
    made = made_up(examples=60, exits=exits, classes=classes, kind=kind)
    rules = []
    alike = SCORES.keys() - {"maxprob"}  # policies on other scores decide as it does
    for name in (DEPLOYABLE.keys() & POLICIES.keys()) - alike:
        if POLICIES[name].unavailable_reason(made):
            continue
        fitted = POLICIES[name].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
        rules += [fitted.solve(fitted.cheapest + share * made.full_cost("macs")) for share in (0.2, 0.5)]
    return rules


def networks_of_recipes() -> list[str]:
    """One recipe for every network that is trained here: data sets differ only in their number of classes."""
    names: dict[str, str] = {}
    for name, recipe in RECIPES.items():
        with torch.device("meta"), suppress(UserError):  # the recipe `folder` has no network without a folder
            if recipe.training and not isinstance(recipe.dataset(), MaskDataset):  # see test_masks.py
                names.setdefault(" ".join(type(module).__name__ for module in recipe.cascade().modules()), name)
    return list(names.values())


def words(ids, vocabulary):
    """Texts of different lengths, (texts, 12) int32. A text depends only on its id."""
    tokens = np.full((len(ids), 12), PADDING, np.int32)
    for row, id in zip(tokens, ids, strict=True):
        rng = np.random.default_rng(int(id))
        length = rng.integers(1, 13)
        row[:length] = rng.integers(1, vocabulary, length)
    return tokens


@pytest.mark.parametrize("name", networks_of_recipes())
def test_every_policy_on_the_network_of_every_recipe(name):
    """Untrained, on small images or on texts.

    Batches of another size may round differently, so routes are compared for the logits of the run.
    """
    torch.manual_seed(1)
    dataset = RECIPES[name].dataset()
    side = 32 if name in ("doodles-resnet", "doodles-bof") else 16  # these halve it once more often
    read = partial(words, vocabulary=dataset.vocabulary) if isinstance(dataset, TextDataset) else partial(pixels, side=side)
    cascade, ids = RECIPES[name].cascade().eval(), IDS[:9]
    with torch.inference_mode():
        for stage, output in zip(cascade.stages, cascade(to_tensor(read(ids))), strict=True):
            stage.head = Scaled(stage.head, output)
        logits = cascade(to_tensor(read(ids))).numpy()
    exits, examples, classes = logits.shape
    labels, cost = np.zeros(examples, np.int32), {"macs": np.ones(exits)}
    at = {id: position for position, id in enumerate(ids.tolist())}
    left = np.zeros(exits, np.int64)
    for rule in recipe_rules(exits, classes, str(cascade.kind)):
        recorder = Recorder(rule.online_rule(str(cascade.kind)))
        route = execute(cascade, Through(recorder), ids, read, batch_size=5, group=2)
        actual = logits.copy()
        for (exit, id), output in recorder.recorded.items():
            actual[exit, at[id]] = output
        np.testing.assert_allclose(actual, logits, rtol=1e-3, atol=1e-3)
        recorded = Outputs.from_logits(actual, labels, split_names(3), cost, ids=ids, kind=str(cascade.kind))
        assert_same(route, rule.route(recorded))
        left += np.bincount(route.exit, minlength=exits)
    assert (left > 0).all(), "no example leaves at some exit, so it is not tested"


@pytest.mark.parametrize(
    ("batch_size", "group"), [(1, None), (7, None), (16, 1), (16, 3), (7, 5), (32, 1), (60, 1), (500, None), (8, 1000)]
)
def test_batches_and_groups_change_nothing(world, batch_size, group):
    cascade, outputs = world
    rule = spread(outputs)
    expected = rule.route(outputs)
    assert (np.bincount(expected.exit, minlength=EXITS) > 10).all()
    assert_same(execute(cascade, rule, outputs.ids, pixels, batch_size=batch_size, group=group), expected)


def test_one_example_and_no_example(world):
    cascade, outputs = world
    rule = spread(outputs)
    for position in range(5):
        one = outputs.take(slice(position, position + 1))
        assert_same(execute(cascade, rule, one.ids, pixels), rule.route(one))
    none = execute(cascade, rule, outputs.ids[:0], pixels)
    assert (len(none.exit), none.visited.shape[1], len(none.prediction)) == (0, 0, 0)


@pytest.mark.parametrize("thresholds", [(-np.inf, 0.0), (np.inf, -np.inf), (np.inf, np.inf)])
def test_stages_that_no_example_reaches_or_leaves(world, thresholds, monkeypatch):
    cascade, outputs = world
    rule = ThresholdRule(RecordedScore("maxprob"), np.array(thresholds), {}, 0.0)
    seen = watched(cascade, monkeypatch)
    route = execute(cascade, rule, outputs.ids, pixels, batch_size=16, group=2)
    assert_same(route, rule.route(outputs))
    last = int(route.exit.max())
    assert seen == {(part, k): EXAMPLES for part in ("trunk", "head") for k in range(last + 1)}


def test_examples_that_left_cost_no_further_work(world, monkeypatch):
    cascade, outputs = world
    rule = spread(outputs)
    seen = watched(cascade, monkeypatch)
    route = execute(cascade, rule, outputs.ids, pixels, batch_size=16, group=3)
    ran = route.visited.sum(axis=1).tolist()
    assert ran[0] > ran[1] > ran[2] > 0
    assert seen == {(part, k): ran[k] for part in ("trunk", "head") for k in range(EXITS)}


def test_a_static_exit_runs_only_what_it_needs(world, monkeypatch):
    """A family runs one network; a chain runs the trunks up to the exit and one head."""
    cascade, outputs = world
    seen = watched(cascade, monkeypatch)
    rule = StaticRule(1, 0.0)
    assert_same(execute(cascade, rule, outputs.ids, pixels, batch_size=16, group=3), rule.route(outputs))
    trunks = [1] if cascade.kind is CascadeKind.FAMILY else [0, 1]
    assert seen == {("head", 1): EXAMPLES, **{("trunk", k): EXAMPLES for k in trunks}}


@pytest.mark.parametrize("history", [False, True])
def test_a_gate_that_skips_a_network_really_skips_it(history, monkeypatch):
    torch.manual_seed(1)
    cascade = family()
    with torch.inference_mode():
        logits = cascade(images(IDS)).numpy()
    # The middle network is never correct, so no gate has a reason to choose it.
    best, worst = logits[-1].argmax(axis=1), logits[1].argmin(axis=1)
    labels = np.where(worst == best, best, np.where(np.arange(EXAMPLES) % 2, best, logits[0].argmax(axis=1)))
    made = Outputs.from_logits(logits, labels, split_names(EXAMPLES // 3), {"macs": np.array([1.0, 5.0, 6.0])}, ids=IDS, kind="family")
    fitted = Bolukbasi(history=history).fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    rules = [rule for rule in fitted.rules if (rule.route(made).visited == [[True], [False], [True]]).all(axis=0).any()]
    assert rules, "no rule goes from the first network straight to the last"
    for rule in rules:
        with monkeypatch.context() as patched:
            seen = watched(cascade, patched)
            route = execute(cascade, rule, made.ids, pixels, batch_size=16, group=4)
        assert_same(route, rule.route(made))
        assert seen == {(part, k): ran for part in ("trunk", "head") for k in range(EXITS) if (ran := int(route.visited[k].sum()))}


def test_routes_do_not_depend_on_order_or_batches(world):
    """Not even those of a mix, which draws by id, or of rules that use earlier exits."""
    cascade, outputs = world
    fit, calibration, full = outputs.tuning(Split.FIT), outputs.tuning(Split.CALIBRATION), outputs.full_cost("macs")
    committee, patience = (POLICIES[name].fit(fit, calibration, "macs").solve(0.8 * full) for name in ("committee", "patience"))
    order = np.random.default_rng(0).permutation(EXAMPLES)
    for rule in (MixedRule(StaticRule(0, 1.0), spread(outputs), 0.5), MixedRule(committee, StaticRule(1, 1.0), 0.3), patience):
        expected = rule.route(outputs)
        assert len(np.unique(expected.exit)) > 1
        assert_same(execute(cascade, rule, IDS, pixels, batch_size=16, group=2), expected)
        shuffled = execute(cascade, rule, IDS[order], pixels, batch_size=7, group=1)
        assert_same(shuffled, Route(expected.exit[order], expected.visited[:, order], expected.prediction[order]))


def test_batches_are_full_until_the_images_are_used_up(world, monkeypatch):
    """At most one smaller batch per stage, whatever the group: no empty rows, and no series of small batches."""
    cascade, outputs = world
    for group in (1, 4):
        sizes = [[] for _ in cascade.stages]
        with monkeypatch.context() as patched:
            for stage, its in zip(cascade.stages, sizes, strict=True):

                def forward(state, its=its, run=stage.trunk.forward):
                    its.append(len(state[0]))
                    return run(state)

                patched.setattr(stage.trunk, "forward", forward)
            execute(cascade, spread(outputs), outputs.ids, pixels, batch_size=8, group=group)
        for its in sizes:
            assert len(its) > 2 and sum(size < 8 for size in its) <= 1


def test_the_stores_do_not_grow_with_the_data(world):
    cascade, _ = world
    shapes, given = set(), []

    def onward(exit, ids, exit_outputs):
        shapes.add(exit_outputs.stores[exit].logits.shape)
        given.append(exit_outputs)
        return np.arange(len(exit_outputs.rows)) % 2 == 0

    for examples in (120, 480):
        execute(cascade, Through(SequentialOnlineRule(onward)), np.arange(examples), pixels, batch_size=8, group=3)
    assert shapes == {(3 * 8 * (EXITS + 1), CLASSES)}
    for store in given[-1].stores.values():
        assert np.isnan(store.logits).all(), "logits of examples that left are still kept"


def test_skipped_exits_have_no_logits(world):
    """Not even those of an earlier example in the same row of the store."""
    cascade, _ = world
    skipping = np.arange(400) % 3 == 0

    class Skips(OnlineRule):
        def first(self, ids):
            return skipping[ids].astype(np.int64)

        def after(self, exit, ids, exit_outputs):
            if exit == 1:
                assert (np.isnan(exit_outputs.score(0, "maxprob")) == skipping[ids]).all()
            return np.where(ids % 5 == 0, exit, exit + 1)

    execute(cascade, Through(Skips()), np.arange(400), pixels, batch_size=8, group=2)


@pytest.mark.parametrize("group", [None, 2])
def test_every_example_is_read_once(world, group):
    cascade, outputs = world
    rule, read = spread(outputs), []

    def noted(ids):
        read.extend(ids.tolist())
        return pixels(ids)

    expected = execute(cascade, rule, outputs.ids, pixels, batch_size=16, group=1)
    assert_same(execute(cascade, rule, outputs.ids, noted, batch_size=16, group=group), expected)
    assert sorted(read) == sorted(outputs.ids.tolist())


@pytest.mark.parametrize("size", [{"batch_size": 0}, {"group": 0}])
def test_sizes_below_1_are_refused(world, size):
    cascade, outputs = world
    with pytest.raises(UserError) as refused:
        execute(cascade, StaticRule(0, 1.0), outputs.ids, pixels, **size)
    assert_one_sentence(str(refused.value))


def test_memory_depends_on_the_group_and_not_on_the_data(monkeypatch):
    torch.manual_seed(1)
    cascade = chain()
    live = peak = most_read = 0

    def freed(examples):
        nonlocal live
        live -= examples

    for stage in cascade.stages:

        def forward(state, run=stage.trunk.forward):
            nonlocal live, peak
            after = run(state)
            live += len(after[-1])
            peak = max(peak, live)
            weakref.finalize(after[-1], freed, len(after[-1]))
            return after

        monkeypatch.setattr(stage.trunk, "forward", forward)

    def take(ids):
        nonlocal most_read
        most_read = max(most_read, len(ids))
        return pixels(ids)

    peaks = []
    for examples in (48, 480):
        peak = 0
        execute(
            cascade,
            ThresholdRule(RecordedScore("maxprob"), np.array([np.inf, np.inf]), {}, 0.0),
            np.arange(examples),
            take,
            batch_size=8,
            group=3,
        )
        peaks.append(peak)
        assert live == 0
    # The input of a stage is freed batch by batch while its output grows.
    assert peaks[0] == peaks[1] <= 24 + 2 * 8
    assert most_read == 24


def test_the_group_size_depends_on_memory(world, monkeypatch):
    cascade, _ = world
    host, gpu = torch.device("cpu"), torch.device("cuda")
    sizes = []
    for most in (1, 10**7, 10**8, 10**12):
        monkeypatch.setattr(module, "HOST_BYTES", most)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, most=most: (4 * most, 8 * most))
        sizes.append(group_size(cascade, (SIDE, SIDE), 64, host))
        assert group_size(cascade, (SIDE, SIDE), 64, gpu) == sizes[-1]
    batch_bytes = 64 * 3 * SIDE * SIDE * 4  # of images in float32
    assert sizes[0] == 1 < sizes[1] < sizes[2] == sizes[3] == module.MOST_BATCHES
    assert sizes[1] * batch_bytes < 10**7
    assert group_size(cascade, (SIDE, SIDE), 32, host) >= sizes[1]


@pytest.mark.parametrize("name", SCORES)
def test_one_score_equals_that_of_all_scores_bit_for_bit(name):
    logits = (40 * np.random.default_rng(2).standard_normal((2, 300, 5))).astype(np.float32)
    logits[0, 0] = [3e38, -3e38, 0, 0, 0]
    kept = all_scores(logits)[name]
    assert one_score(name, logits[1, 3:10]).tobytes() == kept[1, 3:10].tobytes()
    assert one_score(name, logits[0]).tobytes() == kept[0].tobytes()
