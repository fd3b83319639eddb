"""The names under which people keep the columns of a log, and what each column is taken for.

A name is compared in lower case, with underscores for other signs, so `Query ID`, `query-id` and `queryId` are `query_id`.
"""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from engine.display_text import printable
from engine.errors import UserError


@dataclass(frozen=True)
class Role:
    """What a column may be. names: in the order of preference, should several be present;  meaning: for the help text"""

    name: str
    names: tuple[str, ...]
    meaning: str


_ROLES = (
    Role(
        "example",
        (
            *("example_id", "query_id", "prompt_id", "question_id", "sample_id", "instance_id", "item_id", "global_index"),
            *("example", "sample", "id", "uid", "qid", "index", "idx"),
        ),
        "id of the example, a number or text; without it, text takes its place",
    ),
    Role(
        "model",
        ("model", "model_name", "llm", "llm_name", "llm_selected", "model_id", "network", "exit", "exit_number", "exit_name", "layer"),
        "name of the model, or number of the exit",
    ),
    Role(
        "quality",
        ("quality", "correct", "is_correct", "correctness", "performance", "score", "reward", "accuracy", "iou", "miou", "dice", "f1"),
        "correct or not, or how good from 0 to 1; empty if the model failed or was not run",
    ),
    Role("pred", ("pred", "prediction", "predicted", "predicted_class", "predicted_label", "y_pred"), "predicted class, number or text"),
    Role("label", ("label", "labels", "target", "gold", "ground_truth", "true_label", "y_true"), "true class, number or text"),
    Role(
        "conf",
        ("conf", "confidence", "prob", "probability", "max_prob", "maxprob", "certainty"),
        "probability of being correct, from 0 to 1",
    ),
    Role("text", ("text", "prompt", "question", "query", "sentence", "input"), "what the example says; 2,000 characters are kept"),
    Role("split", ("split", "partition"), "fit, calibration or test; val, validation and dev count as calibration"),
    Role("failed", ("failed", "error", "is_failed", "is_error", "failure"), "true, 1 or a message where the model failed"),
)
#: By name, in the order of the help text.
ROLES: Mapping[str, Role] = {role.name: role for role in _ROLES}
#: Names of columns of costs, and their units.
COST_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("cost", "inference_cost", "total_cost"), "cost"),
    "price": "price",
    **dict.fromkeys(("usd", "dollars", "price_usd", "inference_cost_usd", "total_cost_usd"), "usd"),
    **dict.fromkeys(("latency_ms", "time_ms", "ms", "duration_ms", "runtime_ms"), "latency_ms"),
    **dict.fromkeys(("seconds", "latency_s", "time_s", "duration_s", "runtime_s", "latency_seconds"), "seconds"),
    "latency": "latency",
    **dict.fromkeys(("total_tokens", "tokens", "num_tokens"), "tokens"),
    **dict.fromkeys(("output_tokens", "completion_tokens"), "output_tokens"),
    **dict.fromkeys(("macs", "flops", "energy_mj", "energy_j"), ""),  # their own names
}
_KNOWN = {*COST_NAMES, *(name for role in _ROLES for name in role.names)}
_OF_UNIT = re.compile(r"(?:stage_)?cost_([a-z][a-z0-9_]{0,31})|stage_cost")
#: Numbers of an example, known before any model runs or only for analysis, and numbers of each result.
_NUMBERS = re.compile(r"(factor|before|feature)[._](\w{1,40})")
_KINDS = ("factor", "before", "feature")
#: Between the name of a model and what its column holds. The weak ones occur within names too.
_STRONG, _WEAK = (".", "|", ":", "/", "__"), ("_", " ", "-")


@dataclass(frozen=True)
class CostColumn:
    """alone: whether it is the cost of a stage alone by its name, also for the exits of one network"""

    column: str
    alone: bool = False


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are taken for.

    roles:   {name of a role: column}
    costs:   {unit: column}
    factors, before, features: {name: column}, as in `engine.outputs.Outputs`
    without: names of roles, `cost` and names such as `feature_NAME` that the user says have no column
    """

    roles: Mapping[str, str]
    costs: Mapping[str, CostColumn]
    factors: Mapping[str, str]
    before: Mapping[str, str]
    features: Mapping[str, str]
    without: Set[str] = frozenset()

    @property
    def used(self) -> set[str]:
        named = (self.roles, self.factors, self.before, self.features)
        return {*(column for columns in named for column in columns.values()), *(cost.column for cost in self.costs.values())}

    def in_words(self) -> str:
        """The guess in one sentence."""
        parts = [f"{role} = {printable(column)}" for role, column in self.roles.items()]
        parts += [f"{unit_in_words(unit)} = {printable(cost.column)}" for unit, cost in self.costs.items()]
        parts += self.numbers_in_words()
        return f"Columns were read as {', '.join(parts)}; to change one, give --map quality=COLUMN, for example."

    def numbers_in_words(self, kinds: Sequence[str] = ("factor", "before", "feature")) -> list[str]:
        """The columns of numbers, each with what it was taken for."""
        named = {"factor": self.factors, "before": self.before, "feature": self.features}
        return [f"{kind}_{name} = {printable(column)}" for kind in kinds for name, column in named[kind].items()]


def before_name(column: str) -> str:
    """A name under which `--map` can take a column for a number that is known before any model runs."""
    return f"before_{normalized(column)[:40] or 'value'}"


def unit_in_words(unit: str) -> str:
    return "cost" if unit == "cost" else f"cost in {unit}"


def is_unit(name: str) -> bool:
    """Whether this can name a unit of cost."""
    return _OF_UNIT.fullmatch(f"cost_{name}") is not None


def normalized(name: str) -> str:
    """A name in lower case, with underscores for other signs and, unless it is known without them, between words that are run together."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    without, made = (re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") for text in (name, parted))
    return without if without in _KNOWN else made


def cost_unit_of(name: str) -> str | None:
    """The unit of the costs in a column of this name, or None if it does not hold costs."""
    known = normalized(name)
    if known in COST_NAMES:
        return COST_NAMES[known] or known
    of_unit = _OF_UNIT.fullmatch(known)
    return None if of_unit is None else of_unit[1] or "cost"


def feature_of(name: str) -> str | None:
    """The name of the feature in a column of this name, or None."""
    match = _NUMBERS.fullmatch(name)
    return match[2] if match and match[1] == "feature" else None


def role_of(name: str) -> str | None:
    """The role of a column of this name, or None."""
    known = normalized(name)
    return next((role.name for role in _ROLES if known in role.names), None)


def is_known(name: str) -> bool:
    """Whether a column of this name is taken for something."""
    return role_of(name) is not None or cost_unit_of(name) is not None or _NUMBERS.fullmatch(name) is not None


def guess(columns: Sequence[str], given: Mapping[str, str], ignored: Sequence[str] = ()) -> Columns:
    """What each column is taken for. Raises UserError if `given` names no role or no column.

    given: {role, cost_UNIT, factor_NAME, before_NAME or feature_NAME: column}, set by the user; an empty column means that there is none
    ignored: names of columns of other types, which cannot be taken for anything
    """
    roles: dict[str, str] = {}
    given_costs: dict[str, CostColumn] = {}
    given_numbers: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS}
    without: set[str] = set()
    for key, column in given.items():
        role = "quality" if key == "correct" else key
        number = _NUMBERS.fullmatch(key)
        unit = cost_unit_of(key) if role not in ROLES and number is None else None
        if role not in ROLES and unit is None and number is None:
            raise UserError(
                f"--map {printable(key)}= names nothing that a column can be; use one of: {', '.join(ROLES)}, cost, cost_UNIT, factor_NAME,"
                " before_NAME or feature_NAME."
            )
        if column == "":
            without.add("cost" if unit else f"{number[1]}_{number[2]}" if number else role)
        elif printable(column) in ignored:
            raise UserError(
                f"--map {printable(key)}={printable(column)} names a column of neither numbers nor text; write it as one of them."
            )
        elif column not in columns:
            shown = ", ".join(printable(name) for name in columns[:20])
            raise UserError(f"--map {printable(key)}={printable(column)} names no column; the columns are: {shown}.")
        elif number:
            given_numbers[number[1]][number[2]] = column
        elif unit:
            # `cost` takes the unit from the name of the column, where it has one.
            unit = (cost_unit_of(column) if normalized(key) == "cost" else None) or unit
            if unit in given_costs:
                raise _twice(unit_in_words(unit), given_costs[unit].column, column)
            given_costs[unit] = CostColumn(column, normalized(key).startswith("stage_"))
        elif role in roles:
            raise _twice(role, roles[role], column)
        else:
            roles[role] = column
    taken = {*roles.values(), *(cost.column for cost in given_costs.values())}
    taken |= {column for named in given_numbers.values() for column in named.values()}
    free = [column for column in columns if column not in taken]
    for role in _ROLES:
        if role.name not in roles and role.name not in without:
            by_name = {normalized(column): column for column in reversed(free)}
            name = next((name for name in role.names if name in by_name), None)
            if name is not None:
                roles[role.name] = by_name[name]
    costs = given_costs
    if not costs and "cost" not in without:
        for column in free:
            unit = cost_unit_of(column)
            if unit is not None and unit not in costs and column not in roles.values():
                costs[unit] = CostColumn(column, normalized(column).startswith("stage_"))
    named = [(match[1], match[2], column) for column in free if (match := _NUMBERS.fullmatch(column))]
    numbers = {
        kind: {name: column for of, name, column in named if of == kind and f"{kind}_{name}" not in without} | given_numbers[kind]
        for kind in _KINDS
    }
    factors, before, features = (numbers[kind] for kind in _KINDS)
    return Columns({name: roles[name] for name in ROLES if name in roles}, costs, factors, before, features, without)


def _twice(what: str, first: str, second: str) -> UserError:
    return UserError(f"--map gives two columns for the {what}, {printable(first)} and {printable(second)}; leave one of them out.")


@dataclass(frozen=True)
class ModelColumns:
    """The columns of one model in wide form. costs: {unit: column};  features: {name: column}"""

    quality: str | None = None
    pred: str | None = None
    conf: str | None = None
    failed: str | None = None
    costs: Mapping[str, CostColumn] = field(default_factory=dict)
    features: Mapping[str, str] = field(default_factory=dict)

    @property
    def used(self) -> set[str]:
        named = (self.quality, self.pred, self.conf, self.failed)
        columns = {column for column in named if column is not None}
        return {*columns, *self.features.values(), *(cost.column for cost in self.costs.values())}

    def leaving_out(self, without: Set[str]) -> "ModelColumns":
        """Without what the user says has no column, see `Columns`."""
        return replace(
            self,
            conf=None if "conf" in without else self.conf,
            failed=None if "failed" in without else self.failed,
            costs={} if "cost" in without else self.costs,
            features={name: column for name, column in self.features.items() if f"feature_{name}" not in without},
        )


def parted(column: str) -> tuple[str, str] | None:
    """The name of a model and what of it the column holds, such as ("small", "cost") for `small.cost`, or None for other names."""
    if is_known(column):
        return None
    for separators in (_STRONG, _WEAK):
        # The longest ending: `small_latency_ms` is of `small`, not of `small_latency`.
        for at in range(1, len(column)):
            separator = next((sign for sign in separators if column.startswith(sign, at)), None)
            if separator is None:
                continue
            end = column[at + len(separator) :]
            if cost_unit_of(end) is not None or role_of(end) in ("quality", "pred", "conf", "failed") or feature_of(end):
                return column[:at], end
    return None


def by_model(columns: Sequence[str]) -> dict[str, ModelColumns]:
    """The models of a wide table that has columns such as `small.correct` and `small.cost`, in the order of the file.

    A column that has only the model's name holds its quality. Models without a quality or a prediction are left out.
    """
    ends: dict[str, dict[str, str]] = {}
    costs: dict[str, dict[str, CostColumn]] = {}
    features: dict[str, dict[str, str]] = {}
    for column in columns:
        parts = parted(column)
        if parts is None:
            continue
        model, end = parts
        unit, feature = cost_unit_of(end), feature_of(end)
        if feature is not None:
            features.setdefault(model, {}).setdefault(feature, column)
        elif unit is None:
            ends.setdefault(model, {}).setdefault(str(role_of(end)), column)
        else:
            costs.setdefault(model, {}).setdefault(unit, CostColumn(column, normalized(end).startswith("stage_")))
    models: dict[str, ModelColumns] = {}
    for model in dict.fromkeys([*ends, *costs, *features]):
        named = {**({"quality": model} if model in columns else {}), **ends.get(model, {})}
        if "quality" in named or "pred" in named:
            models[model] = ModelColumns(**named, costs=costs.get(model, {}), features=features.get(model, {}))
    return dict(sorted(models.items(), key=lambda item: min(columns.index(column) for column in item[1].used)))
