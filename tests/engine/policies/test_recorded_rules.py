"""Rules learned from recorded scores and features, without logits: the slow way from the saved file decides as the fast way."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.special import logit

from engine.errors import UserError
from engine.outputs import Outputs
from engine.policies import POLICIES, Policy, Rule
from engine.policies.core.recorded_features import UNUSUAL, RecordedFeatures
from engine.policies.methods.bolukbasi import Bolukbasi
from engine.policies.methods.router import RouterRule
from engine.policies.saved import document_bytes, load_policy, policy_document
from engine.splits import BUNDLE_SPLITS, Split
from engine.sweep import run_sweep
from tests import synthetic
from tests.engine.policies import reference
from tests.sentences import assert_one_sentence
from tests.thorough import variants

BUDGETS = [0.4, 0.6, 0.85]
LEARNED: Mapping[str, Policy] = {
    **{name: POLICIES[name] for name in ("bolukbasi", "myopic", "jei", "eenet", "router")},
    "bolukbasi, with history": Bolukbasi(history=True),
}


def cases() -> dict[str, Outputs]:
    chain = synthetic.outputs(360, 4, 5, seed=12, recorded="confidence")
    family = synthetic.outputs(360, 3, 5, seed=13, kind="family", recorded="confidence", features=True)
    bare = {"prediction": None, "labels": None, "classes": 0}
    difficulty = family.factors["difficulty"]
    graded = np.clip(0.8 * family.correct + 0.3 * (1 - difficulty), 0, 1).astype(np.float32)
    rng = np.random.default_rng(5)
    failed = rng.uniform(size=chain.quality.shape) < 0.1
    scores = {
        "maxprob": np.where(failed, -np.inf, np.where(chain.scores["maxprob"] > 2, np.inf, chain.scores["maxprob"])).astype(np.float32),
        "votes": (100 * rng.uniform(size=chain.quality.shape) + 300 * chain.correct).astype(np.float32),
    }
    by_difficulty = family.stage_cost["macs"][:, None] * (1 + 2 * difficulty.astype(np.float64))
    return {
        "one confidence": replace(chain, **bare, judged=chain.correct),
        "graded family, features": replace(family, **bare, judged=graded, stage_cost={"macs": by_difficulty}),
        "features only": replace(synthetic.with_features(chain, 3), **bare, judged=chain.correct, scores={}),
        "infinite scores and failures": replace(chain, **bare, judged=chain.correct & ~failed, scores=scores),
    }


CASES = cases()
EVERY_PAIR = [(name, case) for case, made in CASES.items() for name in LEARNED if LEARNED[name].unavailable_reason(made) is None]
#: Myopic gates are fitted as those that look ahead.
PAIRS = variants(EVERY_PAIR, *(pair for pair in EVERY_PAIR if pair[0] != "myopic"))


@cache
def solved(name: str, case: str) -> list[Rule]:
    made = CASES[case]
    fitted = LEARNED[name].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    return [fitted.solve(max(budget * made.tuning(Split.CALIBRATION).full_cost("macs"), fitted.cheapest)) for budget in BUDGETS]


# The slow way


class Slow:
    """Decides about one example after another, from the rule in a saved document, in numbers of Python."""

    def __init__(self, document: Mapping[str, Any], made: Outputs) -> None:
        self.made, self.kind = made, document["kind"]
        self.last = made.exits - 1
        self.rule = document["rule"]

    def stages(self, i: int, rule: Mapping[str, Any] | None = None) -> list[int]:
        """The stages that run for an example; it leaves at the last of them."""
        rule = self.rule if rule is None else rule
        match rule["type"]:
            case "mix":
                costly = reference.hash_uniform(int(self.made.ids[i])) < rule["share"]
                return self.stages(i, rule["costly" if costly else "cheap"])
            case "random_mix":
                costly = reference.hash_uniform(int(self.made.ids[i])) < rule["share"]
                return self.stages(i, rule["costly" if costly else "cheap"])
            case "static":
                return self.straight(rule["exit"])
            case "choices":
                return self.choices(i, rule)
            case "gates":
                return list(range(1 + next(k for k in range(self.last + 1) if k == self.last or self.gate_opens(i, k, rule))))
            case "thresholds":
                return list(range(1 + next(k for k in range(self.last + 1) if k == self.last or self.passes(i, k, rule))))
            case "router":
                return self.straight(self.routed(i, rule))
        raise AssertionError(rule["type"])

    def straight(self, exit: int) -> list[int]:
        return [exit] if self.kind == "family" else list(range(exit + 1))

    def read(self, i: int, k: int, recorded: Mapping[str, Any]) -> tuple[list[float], list[float]]:
        """The columns of an exit, and those of what is known before any stage."""
        given = [float(self.made.scores[name][k, i]) for name in recorded["scores"]]
        values = [min(max(value, low), high) for value, low, high in zip(given, recorded["least"], recorded["most"], strict=True)]
        values += [float(self.made.features[name][k, i]) for name in recorded["features"]]
        of_exit = len(values)
        values += [float(self.made.before[name][i]) for name in recorded["before"]]
        scaled = [(value - mean) / scale for value, mean, scale in zip(values, recorded["mean"][k], recorded["scale"][k], strict=True)]
        squares = [min(max(value, -UNUSUAL), UNUSUAL) ** 2 for value in scaled]
        own = scaled[:of_exit] + squares[:of_exit]
        return [0.0] * len(own) if self.failed(i, k, recorded) else own, scaled[of_exit:] + squares[of_exit:]

    def failed(self, i: int, k: int, recorded: Mapping[str, Any]) -> bool:
        return any(float(self.made.scores[name][k, i]) == -math.inf for name in recorded["scores"])

    def choices(self, i: int, rule: Mapping[str, Any]) -> list[int]:
        recorded, ran = rule["features"]["recorded"], [0]
        while (k := ran[-1]) < self.last:
            earlier = ([*range(k)] if self.kind == "chain" else [0] if k else []) if rule["features"]["history"] else []
            own, before = self.read(i, k, recorded)
            features = [value for j in earlier for value in self.read(i, j, recorded)[0]] + own + before
            later = [k + 1] if self.kind == "chain" else [*range(k + 1, self.last + 1)]
            votes = [0] * (1 + len(later))
            for (a, b), gate in rule["choices"][k]["gates"]:
                votes[b if weighted(gate["weights"], features) + gate["bias"] > 0 else a] += 1
            if self.failed(i, k, recorded):
                votes[0] = -1
            action = votes.index(max(votes))
            if action == 0:
                break
            ran.append(later[action - 1])
        return ran

    def gate_opens(self, i: int, k: int, rule: Mapping[str, Any]) -> bool:
        recorded = rule["inputs"]["recorded"]
        own, before = self.read(i, k, recorded)
        weights = [weight[k] for weight in rule["weight"]]
        return not self.failed(i, k, recorded) and weighted(weights, own + before) + rule["bias"][k] >= 0

    def passes(self, i: int, k: int, rule: Mapping[str, Any]) -> bool:
        scorer, threshold = rule["scorer"], float(rule["thresholds"][k])
        log_odds: list[float] = []
        for j in range(k + 1):
            own, before = self.read(i, j, scorer["recorded"])
            total = weighted(scorer["weight"][j], own + before) + scorer["bias"][j]
            log_odds.append(total + sum(scorer["history"][j][e] * min(max(log_odds[e], -30.0), 30.0) for e in range(j)))
        score = -math.inf if self.failed(i, k, scorer["recorded"]) else float(np.float32(log_odds[k]))
        tied = rule["ties"] is not None and score == threshold
        if tied:
            return reference.hash_uniform(int(self.made.ids[i]), k + 1) < rule["ties"][k]
        return score >= threshold and score > -math.inf

    def routed(self, i: int, rule: Mapping[str, Any]) -> int:
        _, before = self.read(i, 0, rule["known"])
        worth = [
            1 / (1 + math.exp(-weighted(weights, before) - bias)) - rule["price"] * cost
            for weights, bias, cost in zip(rule["weight"], rule["bias"], rule["relative_cost"], strict=True)
        ]
        return worth.index(max(worth))


def weighted(weights: list[float], values: list[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_the_saved_weights_decide_example_by_example(name: str, case: str) -> None:
    made = CASES[case]
    test = made.test()
    exits = set()
    for budget, rule in zip(BUDGETS, solved(name, case), strict=True):
        document = json.loads(document_bytes(policy_document(LEARNED[name], rule, made, "macs", budget)))
        route, slow = rule.route(test), Slow(document, test)
        for i in range(test.examples):
            stages = slow.stages(i)
            assert np.flatnonzero(route.visited[:, i]).tolist() == stages and route.exit[i] == stages[-1]
        loaded = load_policy(document).route(test)
        assert np.array_equal(loaded.exit, route.exit) and np.array_equal(loaded.visited, route.visited)
        assert route.prediction is None and loaded.prediction is None
        exits |= set(route.exit.tolist())
    assert len(exits) > 1


@pytest.mark.parametrize(("name", "case"), PAIRS)
def test_more_budget_buys_more_on_calibration(name: str, case: str) -> None:
    swept = run_sweep(LEARNED[name], CASES[case], 9)
    if name != "eenet":  # whose rules are plans, not points of a front; the draws of a mix may be uneven
        assert all(later >= earlier - 0.02 for earlier, later in pairwise(swept.calibration_accuracy))
    assert (swept.calibration_cost <= swept.budgets + 0.03).all()


# What a rule reads


def test_names_and_order_are_those_of_the_fit_examples() -> None:
    made = CASES["graded family, features"]
    recorded = RecordedFeatures.learned_on(made.tuning(Split.FIT))
    assert (recorded.scores, recorded.features, recorded.before) == (("maxprob",), ("unsure", "noise"), ("guess", "length"))
    other = replace(
        made.test(),
        features=dict(reversed(made.test().features.items())),
        before={"new": made.test().before["length"], **made.test().before},
    )
    np.testing.assert_array_equal(recorded.at(1, other), recorded.at(1, made.test()))


@pytest.mark.parametrize("case", CASES)
def test_columns_are_standardised_and_finite(case: str) -> None:
    fit = CASES[case].tuning(Split.FIT)
    recorded = RecordedFeatures.learned_on(fit)
    for k in range(fit.exits):
        columns, failed = recorded.at(k, fit), recorded.failed(k, fit)
        assert columns.shape == (fit.examples, recorded.columns) and np.isfinite(columns).all()
        values = columns[~failed][:, : recorded.exit_columns // 2]
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-9)
        assert failed.any() == (case == "infinite scores and failures") and not columns[failed].any()


def test_constant_values_are_not_scaled() -> None:
    made = CASES["one confidence"]
    same = replace(
        made, scores={"maxprob": np.full_like(made.scores["maxprob"], np.inf), "votes": np.full_like(made.scores["maxprob"], np.inf)}
    )
    recorded = RecordedFeatures.learned_on(same.tuning(Split.FIT))
    assert (recorded.scale == 1).all() and recorded.mean.tolist() == [[30.0, 0.0]] * 4
    for name in ("bolukbasi", "myopic", "jei", "eenet"):
        assert np.isfinite(run_sweep(POLICIES[name], same, 3).accuracy).all()


@pytest.mark.parametrize(("lost", "sentence"), [("scores", "score 'maxprob'"), ("features", "feature 'unsure'"), ("before", "'guess'")])
@pytest.mark.parametrize("name", ["bolukbasi", "jei", "eenet"])
def test_outputs_that_lack_what_a_rule_reads_are_refused_in_a_sentence(name: str, lost: str, sentence: str) -> None:
    made = CASES["graded family, features"]
    rule, poorer = solved(name, "graded family, features")[1], replace(made.test(), **{lost: {}})
    saved = load_policy(policy_document(POLICIES[name], rule, made, "macs", 0.6))
    for route in (rule.route, saved.route):
        with pytest.raises(UserError) as refused:
            route(poorer)
        assert_one_sentence(str(refused.value), sentence)


@pytest.mark.parametrize(("name", "needs"), [("bolukbasi", ["probabilities"]), ("jei", ["probabilities"]), ("eenet", ["probabilities"])])
def test_what_was_learned_from_logits_needs_them_again(name: str, needs: list[str]) -> None:
    """As it was before rules could read anything else, types and keys of the file included."""
    made = synthetic.outputs(240, 3, seed=6, features=True)
    rule = run_sweep(POLICIES[name], made, [0.6]).rules[0]
    document = policy_document(POLICIES[name], rule, made, "macs", 0.6)
    assert document["needs"] == needs and "recorded" not in json.dumps(document["rule"])
    with pytest.raises(UserError) as refused:
        load_policy(document).route(replace(made.test(), logits=None))
    assert_one_sentence(str(refused.value), "probabilities of every class")
    log = replace(made, logits=None)
    recorded = policy_document(POLICIES[name], run_sweep(POLICIES[name], log, [0.6]).rules[0], log, "macs", 0.6)
    assert recorded["needs"] == ["features"] and load_policy(recorded).route(made.test()).exit.max() < 3  # logits do no harm


@pytest.mark.parametrize("name", ["bolukbasi", "myopic", "jei", "eenet"])
def test_without_scores_and_features_there_is_nothing_to_learn_from(name: str) -> None:
    made = replace(CASES["one confidence"], scores={}, before={"length": np.ones(360, np.float32)})
    assert_one_sentence(POLICIES[name].unavailable_reason(made) or "", POLICIES[name].title, "a score or a feature of every exit")


# Confidence is not gain


def scenes(examples: int, seed: int) -> Outputs:
    """Graded pictures of three exits. The least confident are hopeless, and gain nothing by going on; unsure pixels tell who gains."""
    rng = np.random.default_rng(seed)
    clutter, detail = rng.uniform(size=(2, examples))
    shallow = np.array([[1.0], [0.5], [0.0]])
    quality = 0.85 * (1 - clutter) * (1 - 0.7 * detail * shallow) + rng.normal(0, 0.04, (3, examples))
    confidence = 0.97 - 0.5 * clutter - 0.03 * detail * shallow + rng.normal(0, 0.03, (3, examples))
    unsure = 0.1 + 0.6 * detail * shallow + rng.normal(0, 0.05, (3, examples))
    return Outputs(
        prediction=None,
        labels=None,
        scores={"maxprob": logit(confidence.clip(0.02, 0.995)).astype(np.float32)},
        features={"unsure": unsure.astype(np.float32)},
        judged=quality.clip(0, 1).astype(np.float32),
        ids=synthetic.ids_for(examples),
        split=np.resize([str(split) for split in BUNDLE_SPLITS], examples),
        stage_cost={"macs": np.array([1.0, 2.0, 3.0])},
        classes=0,
        recorded="confidence",
    )


def test_confidence_is_not_gain() -> None:
    made, budgets = scenes(1500, 0), [0.35, 0.5, 0.65]
    swept = {name: run_sweep(POLICIES[name], made, budgets) for name in ("random_mix", "single_threshold", "maxprob", "bolukbasi")}
    mix = swept["random_mix"].accuracy
    assert (swept["single_threshold"].accuracy < mix - 0.02).all()
    assert (swept["maxprob"].accuracy < mix + 0.005).all()
    assert all("random mix" in note for name in ("single_threshold", "maxprob") for note in swept[name].notes), "and says so"
    assert (swept["bolukbasi"].accuracy > mix + 0.03).all() and (swept["bolukbasi"].cost < np.array(budgets) + 0.05).all()


def test_a_gate_that_reads_one_confidence_opens_in_the_middle() -> None:
    """Only examples of middling confidence gain: of the others, the one half is good already, and the other hopeless."""
    rng = np.random.default_rng(1)
    difficulty = rng.uniform(size=1500)
    quality = 1 / (1 + np.exp(12 * (difficulty - np.array([[0.35], [0.65]]))))
    confidence = (1 - 0.8 * difficulty + rng.normal(0, 0.05, (2, 1500))).clip(0.02, 0.99)
    made = replace(
        scenes(1500, 2).take(np.arange(1500)),
        judged=quality.astype(np.float32),
        scores={"maxprob": logit(confidence).astype(np.float32)},
        features={},
        stage_cost={"macs": np.array([1.0, 4.0])},
    )
    for name in ("bolukbasi", "jei"):
        swept = run_sweep(POLICIES[name], made, [0.5])
        assert swept.accuracy[0] > run_sweep(POLICIES["random_mix"], made, [0.5]).accuracy[0] + 0.05
        gate, test = swept.rules[0], made.test()
        goes_on = (gate.route(test).exit == 1) & (np.abs(confidence[0, made.split == Split.TEST] - 0.6) < 0.1)
        assert goes_on.sum() > 0.5 * (np.abs(confidence[0, made.split == Split.TEST] - 0.6) < 0.1).sum()


# The router


def test_the_router_beats_the_random_mix_where_something_is_known_and_equals_it_where_nothing_is() -> None:
    made = synthetic.outputs(1500, 3, seed=7, kind="family", features=True)
    reach = np.array([[0.4], [0.7], [1.0]])  # a model is correct on what is not more difficult than this, nearly always
    luck = np.random.default_rng(3).uniform(size=(3, 1500)) < 0.05
    made = replace(made, prediction=None, judged=(made.factors["difficulty"] <= reach) ^ luck)
    blind = replace(made, before={"length": made.before["length"]})
    known, unknown, mix = (
        run_sweep(POLICIES[name], some, [0.4, 0.6]) for name, some in (("router", made), ("router", blind), ("random_mix", made))
    )
    assert (known.accuracy > mix.accuracy + 0.01).all()
    assert (np.abs(unknown.accuracy - mix.accuracy) < 0.04).all()
    assert (known.routes.table("path") < len(known.paths)).all() and (known.paths.sum(axis=1) == 1).all(), "one model runs"


def test_router_prices_reach_from_any_cost_to_the_cheapest_model() -> None:
    made = CASES["graded family, features"]
    fitted = POLICIES["router"].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    prices = [rule.price for rule in fitted.rules if isinstance(rule, RouterRule)]
    assert len(prices) > 5 and prices == sorted(prices, reverse=True)
    planned = [rule.planned_cost for rule in fitted.rules]
    assert planned == sorted(set(planned))
    calibration = made.tuning(Split.CALIBRATION)
    assert fitted.cheapest == pytest.approx(calibration.mean_static_cost("macs").min())
    accuracy = [rule.route(calibration).accuracy for rule in fitted.rules]
    assert accuracy == sorted(set(accuracy))


def test_the_router_says_what_it_lacks() -> None:
    family = synthetic.outputs(90, 3, kind="family")
    router = POLICIES["router"]
    assert_one_sentence(router.unavailable_reason(family) or "", router.title, "before any model runs")
    chain = synthetic.outputs(90, 3, features=True)
    assert_one_sentence(router.unavailable_reason(chain) or "", router.title, "separate networks")


def test_a_router_that_costs_something_is_the_first_stage() -> None:
    """It has quality 0, so no example leaves there once the budget pays for a model, and its score tells the gates which model to run."""
    made = synthetic.outputs(900, 3, seed=8, kind="family", recorded="confidence", features=True)
    guess = (4 * (0.5 - made.before["guess"]))[None].astype(np.float32)
    with_router = replace(
        made,
        prediction=None,
        labels=None,
        classes=0,
        judged=np.concatenate([np.zeros((1, 900), bool), made.correct]),
        scores={"maxprob": np.concatenate([guess, made.scores["maxprob"]])},
        features={},
        before={},
        stage_cost={"macs": np.array([1e5, *made.stage_cost["macs"]])},
    )
    swept = run_sweep(POLICIES["bolukbasi"], with_router, [0.5, 0.7])
    assert (swept.shares[:, 0] < 0.02).all() and swept.paths[:, 0].all(), "all examples pay for it"
    first = {int(np.flatnonzero(path)[1]) for path in swept.paths if path.sum() > 1}
    assert len(first) > 1, "it chooses which model runs first"
