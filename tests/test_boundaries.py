"""Two boundaries of the code: the engine's packages import only packages below them, and the app computes no accuracy and no cost.

The first check is exact: import-linter checks the layers of the engine, and forbids cycles and imports of the page (`.importlinter`).

The second cannot be exact, so it forbids the usual ways to compute such a number. A page may select, round, pack, sort and place what the
engine has computed (`Sweep` holds accuracy, cost and shares for every budget), and may call the engine for more. It may not
- compare predictions with labels, with `==`, `!=` or the equivalent numpy functions;
- average, count or accumulate: mean, average, argmax, cumsum, bincount, count_nonzero and the like;
- weight and sum: matrix products, or a sum over a product (shares times costs is a mean cost);
- turn logits into confidence: softmax, log-sum-exp, expit;
- import what only the engine needs for these: routes, the internals of policies, scipy, scikit-learn, torch.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGINE = sorted((ROOT / "engine").rglob("*.py"))
APP = sorted((ROOT / "app").rglob("*.py"))
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"

#: Of `policies.core`, a page needs only the base classes and the registry. It shows what the engine has computed with the rest.
CORE = {path.stem for path in ENGINE if path.parent.name == "core"} - {"__init__", "base", "registry"}
ONLY_FOR_THE_ENGINE = (
    *("engine.route", "engine.thresholds", "engine.policies.methods", "scipy", "sklearn", "torch"),
    *(f"engine.policies.core.{name}" for name in CORE),
)
#: Averaging, counting, weighting, and turning logits into confidence.
COMPUTING = {"mean", "nanmean", "fmean", "average", "median", "nanmedian", "quantile", "nanquantile", "percentile", "std", "var"}
COMPUTING |= {"argmax", "nanargmax", "count_nonzero", "cumsum", "nancumsum", "accumulate", "bincount", "histogram", "Counter"}
COMPUTING |= {"dot", "vdot", "inner", "matmul", "einsum", "tensordot", "average", "interp", "trapezoid"}
COMPUTING |= {"softmax", "log_softmax", "logsumexp", "exp", "expit"}
SAMENESS = {"equal", "not_equal", "array_equal", "isclose", "eq", "ne", "isin"}
ANSWERS = {"prediction", "predictions", "predicted", "pred", "answer", "answers", "logits"}
TRUTH = {"label", "labels", "truth", "target", "targets"}
CORRECTNESS = {"correct", "is_correct", "incorrect", "is_incorrect"}


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every module, or name in a module, that is imported anywhere in a file, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"}:
            yield from ((node.lineno, str(argument.value)) for argument in node.args if isinstance(argument, ast.Constant))


def called(node: ast.Call) -> str:
    """The last name of what is called: np.mean(x), x.mean() and mean(x) are all "mean"."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def words(*nodes: ast.AST) -> set[str]:
    """Every name, attribute and constant key in the expressions."""
    names = set()
    for part in (part for node in nodes for part in ast.walk(node)):
        if isinstance(part, ast.Name):
            names.add(part.id)
        elif isinstance(part, ast.Attribute):
            names.add(part.attr)
        elif isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant):
            names.add(part.slice.value)
    return names


def imports_of(source: str, forbidden: tuple[str, ...]) -> list[str]:
    """Imports of a module in `forbidden` or of anything in it."""
    return [
        f"line {line} imports {name}"
        for line, name in imported(ast.parse(source))
        if any(name == entry or name.startswith(f"{entry}.") for entry in forbidden)
    ]


def computations(source: str) -> list[str]:
    """The computations of a file that only the engine may do."""
    mistakes = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
            sides = [words(side) for side in (node.left, *node.comparators)]
            if any(side & ANSWERS for side in sides) and any(side & TRUTH for side in sides):
                mistakes.append(f"line {node.lineno} compares predictions with labels")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            mistakes.append(f"line {node.lineno} multiplies matrices")
        elif isinstance(node, ast.Call):
            name, touched = called(node), words(node)
            products = any(isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult) for part in ast.walk(node))
            if name in COMPUTING:
                mistakes.append(f"line {node.lineno} calls {name}")
            elif name in SAMENESS and touched & ANSWERS and touched & TRUTH:
                mistakes.append(f"line {node.lineno} compares predictions with labels")
            elif name in {"sum", "fsum", "nansum"} and (products or touched & (ANSWERS | TRUTH | CORRECTNESS)):
                mistakes.append(f"line {node.lineno} computes a sum that belongs to the engine")
    return mistakes


def problems(files: list[Path], find) -> list[str]:
    return [f"{path.relative_to(ROOT)}: {problem}" for path in files for problem in find(path.read_text())]


# The engine's packages


def test_the_files_of_engine_and_app_are_found():
    assert len(ENGINE) > 20 and len(APP) > 5


def test_packages_import_only_packages_below_them_and_not_the_page():
    """The contracts of import-linter, which also cover imports inside functions."""
    checked = subprocess.run([sys.executable, "-c", LINT], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert checked.returncode == 0, checked.stdout


def test_the_root_of_the_engine_stays_small():
    assert len([path for path in ENGINE if path.parent == ROOT / "engine"]) <= 18


def test_list_loads_no_heavy_library():
    """`list` and `--help` must be immediate."""
    code = "import sys; from engine.__main__ import main; main(['list']); print({'torch', 'sklearn'} & set(sys.modules), file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert (ran.returncode, ran.stderr.strip()) == (0, "set()")


# The app computes no accuracy and no cost


def test_the_app_computes_nothing():
    assert problems(APP, computations) == []


def test_the_app_imports_no_internals_of_the_engine():
    assert problems(APP, lambda source: imports_of(source, ONLY_FOR_THE_ENGINE)) == []


# Violations of these rules are detected


@pytest.mark.parametrize(
    "source",
    [
        "from engine.route import Route",
        "import engine.route",
        "from engine.policies.methods.quotas import GeometricPlan",
        "import engine.policies.core.thresholds",
        "from scipy.special import softmax",
        "import torch",
    ],
)
def test_an_import_of_internals_is_detected(source):
    assert len(imports_of(source, ONLY_FOR_THE_ENGINE)) == 1


def test_the_interface_of_the_engine_may_be_imported():
    for source in (
        "from engine.sweep import run_sweep",
        "from engine.policies import POLICIES",
        "from engine.policies.core.registry import policy",
    ):
        assert imports_of(source, ONLY_FOR_THE_ENGINE) == []


@pytest.mark.parametrize(
    "source",
    [
        "accuracy = (outputs.prediction[2] == outputs.labels)",
        "incorrect = outputs.labels != answers",
        "hits = np.equal(sweep.answer[i], bundle.outputs.labels)",
        "hits = table['answer'] == table['label']",
        "correct.mean()",
        "np.mean(x)",
        "mean(x)",
        "np.average(cost, weights=shares)",
        "shares @ cost",
        "np.dot(shares, cost)",
        "(shares * cost).sum()",
        "sum(s * c for s, c in zip(shares, cost))",
        "np.sum(sweep.is_correct[i])",
        "sweep.correct[step].sum()",
        "outputs.logits.argmax(-1)",
        "outputs.stage_cost['macs'].cumsum()",
        "np.bincount(exit)",
        "np.count_nonzero(exit == 2)",
        "softmax(logits)",
        "np.exp(logits)",
        "np.interp(budget, cost, accuracy)",
    ],
)
def test_a_computation_is_detected(source):
    assert len(computations(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "there = np.flatnonzero(sweep.exit[step] == k)",
        "step = int(np.abs(sweep.budgets - 0.5).argmin())",
        "early = sweep.shares[step][sweep.exit_cost <= 0.5].sum()",
        "text = f'{sweep.accuracy[step]:.1%} at {sweep.cost[step]:.2f}'",
        "shown = [flag for flag in sweep.is_correct[step]]",
        "if page == 'labels': pass",
        "if state.answer == 'yes': pass",
        "np.round(values, 5).tolist()",
        "order = np.argsort(away, kind='stable')",
        "width = sum(widths)",
    ],
)
def test_selecting_and_formatting_is_allowed(source):
    assert computations(source) == []
