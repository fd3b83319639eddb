"""A policy with its knob set, as one JSON document: to be taken elsewhere and to route new outputs there.

The document holds every number that the policy decides by, and beside them what a person wants to know: whose method it is, for which
budget and cascade it was set, and how it is used. docs/policy-format.md describes every key. It is data, never code: it can name only types
that are registered in `engine.policies.core.saved_types`, and everything in it is checked before it is used.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle.bundle import Bundle
from engine.bundle.manifest import without_duplicates
from engine.display_text import printable
from engine.errors import UserError
from engine.exit_values import mean_over_examples
from engine.outputs import MAX_EXITS, CascadeKind, Outputs
from engine.policies.core.base import Need, Policy, Rule, lacks_need, needs_of_rules
from engine.policies.core.recorded_features import RecordedFeatures
from engine.policies.core.saved_types import Cascade, finite
from engine.policies.core.saved_values import InvalidValue, decode_fields, encode, parts_of, saved_fields
from engine.route import Route
from engine.scores import SCORES, SURENESS
from engine.splits import Split
from engine.storage.files import write_synced

FORMAT, SCHEMA = "offramp-policy", 1
#: A larger file is not read. EENet for 1,000 classes and 5 exits takes less than 1 MB.
MOST_BYTES = 64 * 2**20
MOST_CLASSES = 100_000
_UNIT, _DIGEST = re.compile(r"\w{1,64}"), re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, eq=False)
class SavedPolicy:
    """A policy with its knob set, and what it was set for. Costs are in `unit`; budgets are shares of the full network's cost.

    policy, title, source: as in `Policy`
    budget:        the budget that was asked for, or None if the rule was not set for one
    planned_cost:  the mean cost per example that the rule was set for, a share of the full network's
    knob, settings: what is set to meet a budget, and its value by name
    thresholds:    (exits - 1,) as a person reads them, or None if no thresholds decide
    thresholds_of: what is compared with them, or empty
    note:          one sentence about the rule at this budget, or empty
    stage_cost:    (exits,) the cost of each stage, in `unit`; the mean where it depends on the example
    needs:         values of `Need`, what the outputs must contain
    bundle, bundle_sha256, weights_sha256: the bundle the rule was set on, its seal, and the checksum of the network's weights, if known
    usage:         a few lines of Python that load the policy and route new outputs
    rule:          what decides
    """

    policy: str
    title: str
    source: str
    unit: str
    budget: float | None
    planned_cost: float
    knob: str
    settings: Mapping[str, float]
    thresholds: NDArray[np.float64] | None
    thresholds_of: str
    note: str
    kind: CascadeKind
    exit_names: Sequence[str]
    class_names: Sequence[str]
    stage_cost: NDArray[np.float64]
    needs: Sequence[str]
    bundle: str | None
    bundle_sha256: str | None
    weights_sha256: str | None
    usage: str
    rule: Rule

    def __repr__(self) -> str:
        budget = "" if self.budget is None else f" at {self.budget:.4g}"
        return f"SavedPolicy({self.policy!r}{budget} in {self.unit}, {self.kind} of {len(self.exit_names)} exits)"

    @property
    def full_cost(self) -> float:
        """Cost of the full network run alone, in `unit`."""
        return float(self.stage_cost[-1] if self.kind is CascadeKind.FAMILY else self.stage_cost.sum())

    def route(self, outputs: Outputs) -> Route:
        """Route examples, as the rule that was saved does, to the last bit. Raises UserError if the outputs are not of such a cascade."""
        reason = self.unavailable_reason(outputs)
        if reason:
            raise UserError(reason)
        return self.rule.route(outputs)

    def other_names(self, bundle: Bundle) -> str | None:
        """One sentence if the exits of a bundle have other names than those the policy was saved for, or None.

        Raises UserError if the models of a family are others in number, or the same in another order: exits are counted, so each would be
        taken for another.
        """
        ours, theirs = [printable(name) for name in self.exit_names], [printable(name) for name in bundle.exit_names]
        if ours == theirs or self.bundle is None:  # without a bundle, names are numbers
            return None
        family = self.kind is CascadeKind.FAMILY and bundle.outputs.kind is CascadeKind.FAMILY
        if family and len(ours) != len(theirs):
            lacking = [name for name in ours if name not in theirs]
            lacks = f"lacks {_listed(lacking)}; an import leaves out models that cost more and are no better, so give it more examples"
            more = f"has {_listed(theirs)}; import its log with --models {','.join(ours)}"
            raise UserError(f"{printable(self.title)} was saved for {_listed(ours)}, and this bundle {lacks if lacking else more}.")
        if family and sorted(ours) == sorted(theirs):
            raise UserError(
                f"{printable(self.title)} was saved for the models in the order {_listed(ours)}, and this bundle has {_listed(theirs)};"
                " set a policy on this bundle instead."
            )
        what = "models" if family else "exits"
        pairs = [f"{new} in place of {old}" for old, new in zip(ours, theirs, strict=False) if old != new]
        return f"The {what} have other names than those the policy was saved for ({_listed(pairs)}), so its knob may not suit them."

    def unavailable_reason(self, outputs: Outputs) -> str | None:
        """One sentence on why these outputs cannot be routed, or None."""
        title = printable(self.title)
        kinds = {CascadeKind.CHAIN: "exits of one network", CascadeKind.FAMILY: "separate networks"}
        if outputs.kind is not self.kind:
            return (
                f"{title} was saved for {kinds[self.kind]}, and these outputs are of {kinds[outputs.kind]}; give outputs of such a cascade."
            )
        if outputs.exits != len(self.exit_names):
            exits = f"{len(self.exit_names)} exits ({_listed(self.exit_names)})"
            return f"{title} was saved for {exits}, and these outputs have {outputs.exits}; give outputs of such a cascade."
        if Need.PROBABILITIES in self.needs and outputs.classes != len(self.class_names):
            classes = f"{len(self.class_names):,} classes, and these outputs have {outputs.classes:,}"
            return f"{title} was saved for {classes}; give outputs with the same classes."
        lacks = lacks_need(title, self.needs, outputs)
        if lacks:
            return lacks
        for part in parts_of(self.rule):
            lacks = part.lacks(outputs, title) if isinstance(part, RecordedFeatures) else None
            if lacks:
                return lacks
            spec = part.threshold_spec() if isinstance(part, Rule) else None
            if spec is not None and spec.score in SCORES and spec.score not in outputs.scores:
                return f"{title} needs the score {spec.score!r}, and these outputs have {', '.join(outputs.scores) or 'no scores'} only."
        return None


def policy_document(policy: Policy, rule: Rule, cascade: Bundle | Outputs, unit: str, budget: float | None) -> dict[str, Any]:
    """The document of a rule of this policy, as plain JSON values.

    cascade: what the rule was set on
    budget:  the budget that was asked for, a share of the full network's cost, or None
    Raises UserError if the policy needs the labels of the examples it routes, or contains a type that is not registered.
    """
    check_deployable(policy)
    outputs = cascade.outputs if isinstance(cascade, Bundle) else cascade
    spec = rule.threshold_spec()
    score = None if spec is None else SCORES.get(spec.score, SURENESS)
    with np.errstate(over="ignore"):  # of infinite thresholds
        shown = None if spec is None or score is None else np.asarray(score.shown(spec.thresholds), np.float64)
    saved = SavedPolicy(
        policy=policy.name,
        title=policy.title,
        source=policy.source,
        unit=unit,
        budget=None if budget is None else float(budget),
        planned_cost=rule.planned_cost / outputs.tuning(Split.CALIBRATION).full_cost(unit),
        knob=policy.knob,
        settings=rule.knob,
        thresholds=shown,
        thresholds_of="" if score is None else score.reads,
        note=rule.note,
        kind=outputs.kind,
        exit_names=exit_names(cascade),
        class_names=class_names(cascade),
        stage_cost=mean_over_examples(outputs.cost_in(unit)),
        needs=sorted(needs_of_rules(policy.needs, outputs)),
        bundle=cascade.id if isinstance(cascade, Bundle) else None,
        bundle_sha256=_digest(cascade.sha256) if isinstance(cascade, Bundle) else None,
        weights_sha256=_digest(cascade.provenance.get("weights_sha256")) if isinstance(cascade, Bundle) else None,
        usage=usage(cascade.id if isinstance(cascade, Bundle) else None, outputs.prediction is not None),
        rule=rule,
    )
    try:
        hints = SavedPolicy.__annotations__
        fields = {name: encode(getattr(saved, name), hints[name], name) for name in saved_fields(SavedPolicy)}
        document = {"format": FORMAT, "schema": SCHEMA, **fields}
        _loaded(document)  # so that nothing is saved that could not be loaded
    except InvalidValue as problem:
        raise UserError(f"{policy.title} cannot be saved: {problem}.") from problem
    return document


def unsavable_reason(policy: Policy) -> str | None:
    """One sentence on why a policy cannot be saved, or None: an oracle would need the labels of new outputs."""
    if policy.deployable:
        return None
    return f"{policy.title} reads the labels of the examples it routes, so it cannot be saved; choose another policy."


def check_deployable(policy: Policy) -> None:
    """Raise UserError for an oracle."""
    reason = unsavable_reason(policy)
    if reason:
        raise UserError(reason)


def document_bytes(document: Mapping[str, Any]) -> bytes:
    """The file of a document: UTF-8 JSON, in which every float64 reads back as itself."""
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def save_policy(document: Mapping[str, Any], path: Path) -> None:
    """Write a document, atomically. Raises UserError if it cannot be written, or would be too large to be read again."""
    written = document_bytes(document)
    if len(written) > MOST_BYTES:
        raise UserError(f"The policy takes {len(written):,} bytes, and at most {MOST_BYTES:,} can be read again; choose another policy.")
    try:
        write_synced(path, written)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as problem:
        raise UserError(f"{path} cannot be written ({problem.strerror}); name a file in a folder that exists.") from problem


def load_policy(source: Mapping[str, Any] | str | os.PathLike[str]) -> SavedPolicy:
    """The policy of a document, or of the file that holds one. Raises UserError if anything in it is invalid."""
    name = "The document" if isinstance(source, Mapping) else printable(Path(source).name)
    try:
        document = source if isinstance(source, Mapping) else _read(Path(source))
        return _loaded(document)
    except InvalidValue as problem:
        raise UserError(f"{name} cannot be loaded as a policy: {problem}; save the policy again.") from problem


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(printable(name, 90) for name in names[:most]) + more


def exit_names(cascade: Bundle | Outputs) -> tuple[str, ...]:
    """The names of the exits, (exits,)."""
    return cascade.exit_names if isinstance(cascade, Bundle) else tuple(f"Exit {k + 1}" for k in range(cascade.exits))


def class_names(cascade: Bundle | Outputs) -> tuple[str, ...]:
    """The names of the classes, (classes,). Without names, their numbers from 0."""
    return cascade.class_names if isinstance(cascade, Bundle) else tuple(str(c) for c in range(cascade.classes))


def _read(path: Path) -> Mapping[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"it contains {constant}")

    try:
        with open(path, "rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise UserError(f"{path} cannot be read ({problem.strerror}); give the file of a saved policy.") from problem
    if len(text) > MOST_BYTES:
        raise InvalidValue(f"it is larger than {MOST_BYTES:,} bytes")
    try:
        document = json.loads(text.decode("utf-8"), object_pairs_hook=without_duplicates, parse_constant=refuse)
    except UnicodeDecodeError as problem:
        raise InvalidValue("it is not UTF-8 text") from problem
    except json.JSONDecodeError as problem:
        raise InvalidValue(f"it is not JSON from line {problem.lineno} on") from problem
    except (RecursionError, ValueError) as problem:
        raise InvalidValue("it is nested too deep" if isinstance(problem, RecursionError) else str(problem)[:100]) from problem
    if not isinstance(document, dict):
        raise InvalidValue("it is not a JSON object")
    return document


def _loaded(document: Mapping[str, Any]) -> SavedPolicy:
    fields = dict(document)
    if fields.pop("format", None) != FORMAT:
        raise InvalidValue(f"its key 'format' is not {FORMAT!r}")
    schema = fields.pop("schema", None)
    if type(schema) is not int or schema != SCHEMA:
        raise InvalidValue(f"it has schema version {repr(schema)[:20]}, but this version of Offramp reads {SCHEMA}")
    saved = SavedPolicy(**decode_fields(fields, SavedPolicy, ""))
    exits = len(saved.exit_names)
    _demand(1 <= exits <= MAX_EXITS, f"exit_names has {exits} entries instead of 1 to {MAX_EXITS}")
    _demand(len(saved.class_names) <= MOST_CLASSES, f"class_names has more than {MOST_CLASSES:,} entries")
    classes = {Need.PROBABILITIES, Need.LOGITS, Need.PREDICTIONS, Need.CLASSES} & set(saved.needs)
    _demand(bool(saved.class_names) or not classes, "class_names is empty, and the policy needs classes")
    _demand(finite(saved.stage_cost, exits) and bool((saved.stage_cost >= 0).all()), f"stage_cost is not {exits} numbers of at least 0")
    _demand(bool(_UNIT.fullmatch(saved.unit)), "unit is not the name of a unit")
    _demand(set(saved.needs) <= {*Need} - {Need.LABELS}, "needs has an entry that is not known")
    for name, value in (("budget", saved.budget), ("planned_cost", saved.planned_cost)):
        _demand(value is None or 0 <= value < np.inf, f"{name} is not a number of at least 0")  # the first stage may cost nothing
    for name, digest in (("bundle_sha256", saved.bundle_sha256), ("weights_sha256", saved.weights_sha256)):
        _demand(digest is None or bool(_DIGEST.fullmatch(digest)), f"{name} is not a SHA-256")
    cascade = Cascade(saved.kind, exits, len(saved.class_names))
    for part in parts_of(saved.rule):
        _demand(
            bool(part.fits(cascade)), f"a value in its {type(part).__name__} does not fit {exits} exits and {cascade.classes:,} classes"
        )
    return saved


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise InvalidValue(otherwise)


def _digest(value: object) -> str | None:
    """A SHA-256 in hexadecimal. Provenance may hold anything."""
    return value if isinstance(value, str) and _DIGEST.fullmatch(value) else None


def usage(bundle: str | None, predicts: bool = True) -> str:
    """A few lines of Python that load a saved policy and route outputs.

    bundle: id of the bundle the knob was set on, if any;  predicts: whether its exits predict classes
    """
    given = "engine.Outputs.from_logits(logits, labels, split, stage_cost)"
    outputs = f"engine.open_bundle({bundle!r}).outputs.test()" if bundle else given
    printed = (
        "# The exit and the class of each example, both counted from 0:\nprint(route.exit, route.prediction)"
        if predicts
        else "# The exit of each example, counted from 0, and its quality:\nprint(route.exit, route.quality)"
    )
    return (
        "import engine\n\n"
        'policy = engine.load_policy("policy.json")\n'
        f"# Or the outputs of another bundle of the same {'models or exits' if bundle else 'cascade'}:\n"
        f"outputs = {outputs}\n"
        f"route = policy.route(outputs)\n{printed}\n\n"
        "# Rows of your own, once they are imported as a bundle, on the command line:\n"
        "# python -m engine route own-bundle --load-policy policy.json --split all --out routes.csv\n"
    )
