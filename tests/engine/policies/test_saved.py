"""A saved policy routes new examples as the original rule does, to the last bit, and a file that is not one is refused in a sentence."""

import copy
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import engine.policies.methods
from engine.__main__ import main
from engine.bundle.bundle import read_bundle, write_bundle
from engine.errors import UserError
from engine.outputs import Outputs
from engine.policies import POLICIES, Rule, policy
from engine.policies.core import saved_types
from engine.policies.core.saved_types import Cascade, name_of, register_saved
from engine.policies.core.saved_values import InvalidValue, decode, encode, parts_of
from engine.policies.methods.bolukbasi import Bolukbasi
from engine.policies.methods.static import StaticRule
from engine.policies.methods.temperature import Calibrated
from engine.policies.saved import SavedPolicy, document_bytes, load_policy, policy_document, save_policy
from engine.route import Route
from engine.splits import Split
from engine.sweep import run_sweep
from tests.sentences import assert_one_sentence
from tests.synthetic import draft, outputs, pictures
from tests.thorough import THOROUGH

ROOT = Path(__file__).resolve().parents[3]
SIZES: dict[str, dict[str, Any]] = {
    "chain": {"exits": 4},
    "family": {"exits": 3, "kind": "family"},
    "probabilities": {"exits": 3, "recorded": "probabilities"},
    "confidence": {"exits": 3, "recorded": "confidence"},
    "features": {"exits": 3, "kind": "family", "recorded": "confidence", "features": True},
    "one exit": {"exits": 1},
}
CASES = {name: outputs(examples=240, seed=30 + i, **size) for i, (name, size) in enumerate(SIZES.items())}
#: New examples of the same cascade, on which nothing was set.
NEW = {name: outputs(examples=240, seed=90 + i, **size) for i, (name, size) in enumerate(SIZES.items())}
GOLDEN = ROOT / "tests" / "golden"
SAVED_EARLIER = json.loads((GOLDEN / "policies-schema-1.json").read_text(encoding="utf-8"))
SHARES = (0.0, 0.3, 0.6, 1.0)  # of the range of budgets

DEPLOYABLE = [name for name in POLICIES if POLICIES[name].deployable]
PAIRS = [(name, case) for case in CASES for name in DEPLOYABLE if POLICIES[name].unavailable_reason(CASES[case]) is None]
every_policy = pytest.mark.parametrize(("name", "case"), PAIRS)


@cache
def solved(name: str, case: str) -> list[tuple[float, Rule]]:
    """Budgets as shares of the full network's cost, and their rules."""
    made = CASES[case]
    fitted = POLICIES[name].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    budgets = [fitted.cheapest + share * (made.full_cost("macs") - fitted.cheapest) for share in SHARES]
    return [(budget / made.full_cost("macs"), fitted.solve(max(budget, fitted.cheapest))) for budget in budgets]


def documents(name: str, case: str) -> list[dict[str, Any]]:
    return [policy_document(POLICIES[name], rule, CASES[case], "macs", budget) for budget, rule in solved(name, case)]


def document(name: str = "maxprob", case: str = "chain") -> dict[str, Any]:
    return json.loads(document_bytes(documents(name, case)[1]))


def same_route(a: Route, b: Route) -> bool:
    return all(np.array_equal(getattr(a, part), getattr(b, part)) for part in ("exit", "visited", "prediction"))


# The same routes


@every_policy
def test_a_loaded_policy_routes_exactly_as_the_original(name, case):
    for (budget, rule), saved in zip(solved(name, case), documents(name, case), strict=True):
        loaded = load_policy(json.loads(document_bytes(saved)))
        for examples in (CASES[case].test(), NEW[case]):
            assert same_route(loaded.route(examples), rule.route(examples))
        assert loaded.budget == budget and loaded.rule.planned_cost == rule.planned_cost and loaded.rule.note == rule.note
        assert [share for share, _ in loaded.rule.parts()] == [share for share, _ in rule.parts()]
        assert policy_document(POLICIES[name], loaded.rule, CASES[case], "macs", budget) == saved


ROUTE_ALL = """
import sys
from pathlib import Path
import numpy as np
import engine
parts = ("exit", "visited", "prediction")
for case in Path(sys.argv[1]).iterdir():
    outputs = engine.read_bundle(case / "bundle").outputs
    routes = {path.stem: engine.load_policy(path).route(outputs) for path in (case / "policies").glob("*.json")}
    np.savez(case / "routes.npz", **{f"{name} {part}": getattr(route, part) for name, route in routes.items() for part in parts})
"""


def test_a_fresh_process_routes_exactly_as_the_original(tmp_path):
    rules = {case: write_policies(case, tmp_path / case) for case in CASES}
    subprocess.run([sys.executable, "-c", ROUTE_ALL, tmp_path], cwd=ROOT, check=True)
    for case, of_case in rules.items():
        routes, new = np.load(tmp_path / case / "routes.npz"), read_bundle(tmp_path / case / "bundle").outputs
        assert len(of_case) >= 4 * len(SHARES) and len(routes.files) == 3 * len(of_case)
        for name, rule in of_case.items():
            assert same_route(Route(*(routes[f"{name} {part}"] for part in ("exit", "visited", "prediction"))), rule.route(new)), name


def write_policies(case, folder):
    """Write a bundle of a case and its saved policies. Their rules by the name of their file."""
    write_bundle(draft(NEW[case], **({} if case == "chain" else {"images": []})), folder / "bundle")
    (folder / "policies").mkdir()
    rules = {}
    for name in (name for name, of in PAIRS if of == case):
        for i, ((_, rule), saved) in enumerate(zip(solved(name, case), documents(name, case), strict=True)):
            save_policy(saved, folder / "policies" / f"{name}-{i}.json")
            rules[f"{name}-{i}"] = rule
    return rules


@pytest.mark.parametrize("name", ["maxprob", "free_thresholds", "single_threshold", "bof_alpha"])
def test_tied_scores_are_split_the_same_way(name):
    scores = {score: np.round(values) for score, values in CASES["chain"].scores.items()}
    made = replace(CASES["chain"], scores=scores)
    fitted = POLICIES[name].fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "macs")
    rule = fitted.solve(fitted.cheapest + 0.3 * (made.full_cost("macs") - fitted.cheapest))
    loaded = load_policy(json.loads(document_bytes(policy_document(POLICIES[name], rule, made, "macs", 0.5))))
    assert same_route(loaded.route(made.test()), rule.route(made.test()))


@pytest.mark.parametrize(
    "made",
    [Calibrated(policy("entropy")), Calibrated(policy("free_thresholds")), Bolukbasi(history=True)],
    ids=lambda made: made.name,
)
def test_policies_with_settings_of_their_own_are_saved_too(made):
    for case in ("chain", "family"):
        of = CASES[case]
        rule = made.fit(of.tuning(Split.FIT), of.tuning(Split.CALIBRATION), "macs").solve(0.7 * of.full_cost("macs"))
        loaded = load_policy(json.loads(document_bytes(policy_document(made, rule, of, "macs", 0.7))))
        assert loaded.policy == made.name and same_route(loaded.route(NEW[case]), rule.route(NEW[case]))


def test_what_was_set_on_a_log_without_classes_is_saved_too():
    """A quality and a confidence of each model, and a free first stage."""
    made = CASES["features"]
    bare = {"prediction": None, "labels": None, "judged": made.correct, "classes": 0, "stage_cost": {"macs": np.array([0.0, 6.0, 13.0])}}
    log = replace(made, **bare)
    for name in (name for name in DEPLOYABLE if POLICIES[name].unavailable_reason(log) is None):
        fitted = POLICIES[name].fit(log.tuning(Split.FIT), log.tuning(Split.CALIBRATION), "macs")
        for budget in (fitted.cheapest, 8.0):
            rule = fitted.solve(budget)
            saved = policy_document(POLICIES[name], rule, log, "macs", budget / 13)
            loaded = load_policy(json.loads(document_bytes(saved)))
            assert saved["class_names"] == [] and same_route(loaded.route(log.test()), rule.route(log.test()))


@pytest.mark.parametrize("name", ["bolukbasi", "myopic", "jei", "eenet"])
def test_what_is_learned_from_logits_is_saved_as_it_was(name):
    """The same types with the same keys as in the file of an earlier version, with the same needs."""

    def types(value: Any) -> set[tuple[str, ...]]:
        parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        own = {(value["type"], *sorted(value))} if isinstance(value, dict) and "type" in value else set()
        return own.union(*map(types, parts))

    made = read_bundle(GOLDEN / "bundle-schema-1").outputs
    (earlier,) = (entry["document"] for entry in SAVED_EARLIER if entry["document"]["policy"] == name)
    now = policy_document(POLICIES[name], run_sweep(POLICIES[name], made, [0.7]).rules[0], made, "macs", 0.7)
    assert types(now["rule"]) == types(earlier["rule"]) and now["needs"] == earlier["needs"] and list(now) == list(earlier)


def test_the_policies_here_use_every_registered_type():
    used = {type(part) for name, case in PAIRS for _, rule in solved(name, case) for part in parts_of(rule)}
    assert {name for name, kind in saved_types.SAVED_TYPES.items() if kind.__module__.startswith("engine.")} == {
        name_of(kind) for kind in used
    }


def test_every_rule_of_a_deployable_policy_is_registered():
    modules = [module for module in vars(engine.policies.methods).values() if inspect.ismodule(module)]
    classes = [kind for module in modules for kind in vars(module).values() if inspect.isclass(kind)]
    rules = {kind for kind in classes if issubclass(kind, Rule) and not inspect.isabstract(kind)}
    assert {kind.__name__ for kind in rules if name_of(kind) is None} == {"OracleRule", "PricedOracleRule", "ServedRule"}


@pytest.mark.parametrize("name", [name for name in POLICIES if name not in DEPLOYABLE])
def test_oracles_are_refused(name):
    with pytest.raises(UserError) as refused:
        policy_document(POLICIES[name], StaticRule(0, 1.0), CASES["chain"], "macs", 0.5)
    assert_one_sentence(str(refused.value), POLICIES[name].title, "labels")


# What the document says


def test_the_document_describes_the_policy(tmp_path):
    made = outputs(examples=900, exits=3)
    provenance = {"weights_sha256": "0123456789abcdef" * 4}
    bundle = read_bundle(write_bundle(draft(made, provenance=provenance), tmp_path / "tiny"))
    fitted = policy("entropy").fit(made.tuning(Split.FIT), made.tuning(Split.CALIBRATION), "latency_ms")
    budget = 0.6 * made.full_cost("latency_ms")
    rule = fitted.solve(budget)
    saved = policy_document(policy("entropy"), rule, bundle, "latency_ms", 0.6)
    manifest = json.loads((tmp_path / "tiny" / "bundle.json").read_text())
    expected = {
        "format": "offramp-policy",
        "schema": 1,
        "policy": "entropy",
        "title": "BranchyNet: entropy",
        "unit": "latency_ms",
        "budget": 0.6,
        "planned_cost": pytest.approx(0.6),
        "settings": rule.knob,
        "thresholds_of": "entropy of its prediction, in nats",
        "kind": "chain",
        "exit_names": manifest["exit_names"],
        "class_names": manifest["class_names"],
        "stage_cost": [0.9, 0.5, 1.4],
        "bundle": "tiny",
        "bundle_sha256": manifest["sha256"],
        **provenance,
    }
    assert {key: saved[key] for key in expected} == expected
    spec = rule.threshold_spec()
    assert spec is not None and saved["thresholds"] == [-value for value in spec.thresholds]
    assert saved["rule"]["thresholds"] == spec.thresholds.tolist()


def test_the_usage_runs_as_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    bundle = read_bundle(write_bundle(draft(CASES["chain"], images=pictures(CASES["chain"])), tmp_path / "bundles" / "tiny"))
    (_, rule) = solved("maxprob", "chain")[1]
    save_policy(policy_document(policy("maxprob"), rule, bundle, "macs", 0.5), tmp_path / "policy.json")
    names: dict[str, Any] = {}
    exec(load_policy("policy.json").usage, names)  # noqa: S102 - our own text
    assert np.array_equal(names["route"].exit, rule.route(bundle.outputs.test()).exit)
    assert str(names["route"].exit) in capsys.readouterr().out


# What does not fit


def unfit(saved: SavedPolicy, examples: Outputs) -> str:
    with pytest.raises(UserError) as refused:
        saved.route(examples)
    assert_one_sentence(str(refused.value), saved.title.split(":")[0])
    return str(refused.value)


def test_outputs_of_another_cascade_are_refused():
    chain, learned = load_policy(document()), load_policy(document("ztw"))
    assert "exits of one network" in unfit(chain, outputs(examples=30, exits=4, kind="family"))
    assert "4 exits" in unfit(chain, CASES["confidence"])
    assert "6 classes" in unfit(learned, outputs(examples=30, exits=4, classes=7))
    assert chain.unavailable_reason(outputs(examples=30, exits=4, classes=7)) is None  # top probabilities need no classes
    assert "probabilities of every class" in unfit(learned, replace(CASES["chain"], logits=None))
    assert "raw logits" in unfit(load_policy(document("energy")), outputs(examples=30, exits=4, recorded="probabilities"))
    assert "'entropy'" in unfit(load_policy(document("entropy")), outputs(examples=30, exits=4, recorded="confidence"))


def refusal(source: Any) -> str:
    with pytest.raises(UserError) as refused:
        load_policy(source)
    assert_one_sentence(str(refused.value))
    return str(refused.value)


def changed(key: str, value: Any, name: str = "maxprob", case: str = "chain") -> dict[str, Any]:
    """A document with one key replaced; dots lead into objects."""
    made = document(name, case)
    *path, last = key.split(".")
    place = made
    for step in path:
        place = place[step]
    place[last] = value
    return made


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("format", "offramp-bundle", "'format'"),
        ("schema", 2, "version 2"),
        ("schema", True, "version True"),
        ("extra", 1, "unknown key 'extra'"),
        ("budget", -1.0, "budget"),
        ("budget", "0.5", "budget is '0.5' instead of a number"),
        ("planned_cost", float("nan"), "planned_cost is nan"),
        ("kind", "ring", "'ring'"),
        ("exit_names", ["only"], "stage_cost"),
        ("class_names", [1], "class_names[0]"),
        ("stage_cost", [1, 2, 3, -4], "stage_cost"),
        ("needs", ["labels"], "needs"),
        ("needs", ["luck"], "needs"),
        ("unit", "a unit", "unit"),
        ("title", "x" * 5000, "5,000 characters"),
        ("bundle_sha256", "0" * 63, "bundle_sha256"),
        ("rule", None, "rule is None"),
        ("rule", [], "rule is a list instead of an object"),
        ("rule.type", "engine.policies.methods.static.StaticRule", "unknown type"),
        ("rule.type", "recorded_score", "not allowed there"),
        ("rule.type", ["static"], "unknown type"),
        ("rule.more", 1, "unknown key 'more'"),
        ("rule.scorer", {"type": "recorded_score", "score_name": "luck"}, "RecordedScore"),
        ("rule.scorer", {"type": "recorded_score"}, "lacks the key 'score_name'"),
        ("rule.scorer", {"type": "static", "exit": 0, "planned_cost": 1, "note": ""}, "not allowed there"),
        ("rule.thresholds", [1.0, 2.0], "ThresholdRule"),
        ("rule.thresholds", [1.0, 2.0, float("nan")], "rule.thresholds is nan"),
        ("rule.thresholds", [1.0, 2.0, True], "True instead of a number"),
        ("rule.thresholds", [1.0, 2.0, 10**400], "a huge number"),
        ("rule.thresholds", [[1.0], [2.0, 3.0]], "different lengths"),
        ("rule.thresholds", [[[[1.0]]]], "three axes"),
        ("rule.thresholds", {"shape": [3]}, "rule.thresholds"),
        ("rule.ties", [0.5, 2.0, 0.5], "ThresholdRule"),
        ("rule.knob", {"x": None}, "rule.knob['x'] is None"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_invalid_document_is_refused(key, value, complaint):
    assert complaint in refusal(changed(key, value))


def test_a_policy_that_needs_classes_has_some():
    assert "class_names is empty" in refusal(changed("class_names", [], name="ztw"))
    assert load_policy(changed("class_names", [])).class_names == ()  # top probabilities need no classes


@pytest.mark.parametrize("key", [key for key in document() if key not in ("format", "schema")])
def test_every_key_is_required(key):
    made = document()
    del made[key]
    assert f"lacks the key {key!r}" in refusal(made)


def test_mixtures_are_not_nested_without_end():
    made = document()
    for _ in range(40):
        other = {"type": "static", "exit": 0, "planned_cost": 1.0, "note": ""}
        made["rule"] = {"type": "mix", "cheap": other, "costly": made["rule"], "share": 0.5, "note": ""}
    assert "nested" in refusal(made)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (b"", "not JSON"),
        (b"\x80\x04N.", "not UTF-8"),  # a pickle
        (b"[1]", "not a JSON object"),
        (b'{"format": NaN}', "NaN"),
        (b'{"schema": 1, "schema": 1}', "a key twice"),
        (b'{"schema": ' + b"9" * 5000 + b"}", ""),
        (b"[" * 100_000, "nested"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_file_that_is_not_a_document_is_refused(written, complaint, tmp_path):
    (tmp_path / "policy.json").write_bytes(written)
    assert complaint in refusal(tmp_path / "policy.json")


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path, monkeypatch):
    assert "missing.json" in refusal(tmp_path / "missing.json")
    assert "cannot be read" in refusal(tmp_path)
    save_policy(document(), tmp_path / "policy.json")
    monkeypatch.setattr("engine.policies.saved.MOST_BYTES", 100)
    assert "larger than 100 bytes" in refusal(tmp_path / "policy.json")
    with pytest.raises(UserError, match="at most 100"):
        save_policy(document(), tmp_path / "policy.json")


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(UserError) as refused:
        save_policy(document(), tmp_path / "missing" / "policy.json")
    assert_one_sentence(str(refused.value), "policy.json")


# Whatever a file contains, it is refused in a sentence or routes examples


HOSTILE = (None, True, -1, 0, 3, 1e308, "inf", "-inf", "", "static", [], [1.0], [[1.0, 2.0]], {}, {"shape": [0, 3]}, {"type": "static"})


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of every value in a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from places(inner, (*path, key))


@pytest.mark.parametrize(("name", "case"), [pair for pair in PAIRS if pair[1] in ("chain", "family")])
def test_no_change_of_a_rule_ends_in_a_traceback(name, case):
    rng = np.random.default_rng(0)
    made, some = document(name, case), NEW[case].take(slice(0, 20))
    where = list(places(made["rule"]))
    for index in rng.permutation(len(where))[: 40 if THOROUGH else 15]:
        for value in HOSTILE:
            hostile = copy.deepcopy(made)
            place = hostile["rule"]
            for step in where[index][:-1]:
                place = place[step]
            place[where[index][-1]] = value
            try:
                loaded = load_policy(hostile)
                with np.errstate(all="ignore"):
                    route = loaded.route(some)
            except UserError as problem:
                assert_one_sentence(str(problem))
            else:
                assert len(route.exit) == 20 and route.exit.max() < some.exits


# Values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_come_back_to_the_last_bit(dtype):
    bits = np.random.default_rng(0).integers(0, 2**63, size=3000, dtype=np.uint64)
    array = (bits if dtype is np.float64 else bits.astype(np.uint32)).view(dtype)
    array = np.concatenate([array[~np.isnan(array)], np.array([0.0, -0.0, np.inf, -np.inf, np.finfo(dtype).tiny, 0.1], dtype)])
    for shaped in (array, array[:600].reshape(2, 3, 100), np.empty((0, 5), dtype), np.empty(0, dtype)):
        back = decode(json.loads(json.dumps(encode(shaped, NDArray[dtype]), allow_nan=False)), NDArray[dtype])
        assert back.dtype == dtype and back.shape == shaped.shape and back.tobytes() == shaped.tobytes()


def test_a_number_that_a_type_cannot_hold_is_refused():
    with pytest.raises(InvalidValue, match="float32 cannot hold"):
        decode([0.1], NDArray[np.float32])
    with pytest.raises(InvalidValue, match="NaN"):
        encode(np.array([np.nan]), NDArray[np.float64])


# Types of others


@dataclass(frozen=True, eq=False)
class Unregistered(StaticRule):
    pass


def test_a_rule_that_is_not_registered_cannot_be_saved():
    with pytest.raises(UserError) as refused:
        policy_document(policy("static"), Unregistered(0, 1.0), CASES["chain"], "macs", None)
    assert_one_sentence(str(refused.value), "Unregistered", "@engine.register_saved")


def test_a_policy_that_could_not_be_loaded_is_not_saved():
    with pytest.raises(UserError) as refused:
        policy_document(policy("static"), StaticRule(7, 1.0), CASES["chain"], "macs", None)
    assert_one_sentence(str(refused.value), "StaticRule", "4 exits")


def test_what_cannot_be_registered_is_a_mistake_of_the_program(monkeypatch):
    monkeypatch.setattr(saved_types, "_types", dict(saved_types.SAVED_TYPES))
    with pytest.raises(ValueError, match="two types"):
        register_saved("static")(Unregistered)
    with pytest.raises(ValueError, match="cannot name"):
        register_saved("My Rule")(Unregistered)
    with pytest.raises(TypeError, match="fits"):
        register_saved("cascade")(Cascade)


EXTENSION = '''
from dataclasses import dataclass
import numpy as np
import engine
from engine.policies.core.base import Fitted

@engine.register_saved("own-odd")
@dataclass(frozen=True, eq=False)
class OddRule(engine.Rule):
    """Odd ids leave at one exit, even ids at the last."""
    exit: int
    planned_cost: float
    knob = {}
    def route(self, outputs):
        return engine.Route.straight(outputs, np.where(outputs.ids % 2, self.exit, outputs.exits - 1))
    def fits(self, cascade):
        return 0 <= self.exit < cascade.exits

class OddFit(Fitted):
    cheapest = 0.0
    def _solve(self, budget):
        return OddRule(1, budget)

@engine.register_policy
class Odd(engine.Policy):
    name, title, source, knob, summary = "own_odd", "Odd", "A test.", "none", "By id."
    def fit(self, fit, calibration, unit):
        return OddFit()
'''


def test_a_rule_of_an_extension_is_saved_and_loaded_with_it(tmp_path, monkeypatch, capsys):
    extensions = tmp_path / "extensions"
    extensions.mkdir()
    (extensions / "odd.py").write_text(EXTENSION)
    write_bundle(draft(outputs(examples=90, exits=3)), tmp_path / "bundles" / "tiny")
    base = {**os.environ, "OFFRAMP_DATA": str(tmp_path)}

    def route(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "engine", "route", "tiny", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env={**base, **environment}, capture_output=True, text=True)

    known, file = {"OFFRAMP_EXTENSIONS": str(extensions)}, tmp_path / "policy.json"
    first = route("--policy", "own_odd", "--budget", 0.5, "--save-policy", file, "--out", tmp_path / "first.csv", "--points", 3, **known)
    assert first.returncode == 0, first.stderr
    second = route("--load-policy", file, "--out", tmp_path / "second.csv", **known)
    assert second.returncode == 0, second.stderr
    exits = [[line.split(",")[3] for line in (tmp_path / f"{name}.csv").read_text().splitlines()] for name in ("first", "second")]
    assert exits[0] == exits[1] and set(exits[0]) == {"exit", "2", "3"}
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))  # this process has not loaded the extension
    assert main(["route", "tiny", "--load-policy", str(file), "--out", str(tmp_path / "third.csv")]) == 2
    assert_one_sentence(capsys.readouterr().err.strip(), "own-odd", "OFFRAMP_EXTENSIONS")


# Files of earlier versions


@pytest.mark.parametrize("entry", SAVED_EARLIER, ids=lambda entry: entry["document"]["policy"])
def test_policies_of_schema_1_are_loaded_as_they_were_saved(entry):
    """If this fails, fix the reader, never the file."""
    made = read_bundle(GOLDEN / "bundle-schema-1").outputs
    loaded = load_policy(entry["document"])
    for split, expected in entry["routes"].items():
        route = loaded.route(made.part(Split(split)))
        assert {"exit": route.exit.tolist(), "prediction": route.prediction.tolist()} == expected
