"""The project's words: identifiers are the field's standard terms, and prose is plain English (docs/glossary.md)."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sorted(
    path
    for folder in ("engine", "app", "setting_up", "locks", "tests", "benchmarks", "docs", "examples")
    for path in (ROOT / folder).rglob("*.py")
)
PYTHON += [ROOT / "bootstrap.py", ROOT / "run_app.py", ROOT / "run_tests.py"]
SCRIPTS = sorted((ROOT / "app").rglob("*.js"))
PROSE = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *SCRIPTS, *sorted((ROOT / "app").rglob("*.html"))]

#: {avoid: use instead}, for whole identifiers; leading and trailing underscores are ignored.
IDENTIFIERS = {
    "right": "correct",
    "wrong": "incorrect",
    "is_right": "is_correct",
    "Said": "ExitOutputs",
    "said": "the name of the thing",
    "Answers": "LogitStore",
    "Reading": "Feature",
    "reading": "feature",
    "Stepper": "OnlineRule",
    "stepper": "online_rule",
    "Bar": "ThresholdSpec",
    "bar": "threshold_spec",
    "compared": "decision_scores",
    "alone_cost": "static_cost",
    "alone_accuracy": "static_accuracy",
    "exit_alone": "forward_exit",
    "draw": "hash_uniform",
    "tie_draw": "tie_uniform",
    "evenness": "normalized_entropy",
    "why_not": "unavailable_reason",
    "student": "summary",
    "dear": "costly",
    "dearest": "max_cost",
    "asking": "target",
    "ask": "target_form",
    "offer": "dataset_download",
    "plain": "fallback, or the name of the thing",
    "closeness": "steps_to_exit_change",
    "payoff": "speedup_verdict",
    "keep_measured": "save_measurements",
    "typical_right": "mean_correct_confidence",
    "found": "the name of the thing",
    "chosen": "the name of the thing",
}
#: Where such a word has its everyday meaning: sides of a box, and drawing with a pen.
ALLOWED = {
    "engine/datasets/doodle_art": {"right", "draw"},
    "app/figures": {"right"},
    "tests/app/figures/test_label_places.py": {"right"},
}
#: Scripts have a shorter list: there `right` is also a side of a box, and `found` and `ask` are too common to judge without a parser.
IN_SCRIPTS = {"said", "wrong", "is_right", "closeness", "payoff", "student", "stepper", "evenness", "dear", "dearest", "chosen", "compared"}
WORDS = re.compile(r"\b(nobody|whoever|anew|somebody|kin of)\b", re.IGNORECASE)


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that a file defines or uses, with its line. Names are compared whole, so words in names of tests do not count."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield line, name
            case ast.Attribute(attr=name):
                yield line, name
            case ast.keyword(arg=str(name)):
                yield line, name


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Every comment and string of a Python file, or every line of another, with its line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), start=1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield token.start[0], token.string


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def allowed(path: Path) -> set[str]:
    return set().union(*(words for place, words in ALLOWED.items() if name_of(path).startswith(place)))


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_identifiers_are_the_fields_terms(path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    if IDENTIFIERS.keys().isdisjoint(word.strip("_") for word in re.findall(r"\w+", code)):
        return  # as in most files, which then need not be parsed
    names = {(line, name.strip("_")) for line, name in identifiers(ast.parse(code))}
    mistakes = [
        f"line {line}: {name}, say {IDENTIFIERS[name]}" for line, name in sorted(names) if name in IDENTIFIERS.keys() - allowed(path)
    ]
    assert mistakes == []


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_scripts_use_the_same_terms(path: Path) -> None:
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert sorted(set(re.findall(r"[A-Za-z_]\w*", code)) & IN_SCRIPTS) == []


@pytest.mark.parametrize("path", [path for path in [*PYTHON, *PROSE] if path != Path(__file__).resolve()], ids=name_of)
def test_prose_is_plain_english(path: Path) -> None:
    if not WORDS.search(path.read_text(encoding="utf-8")):
        return  # as in most files, which then need not be divided
    mistakes = [f"line {line}: {text.strip()[:100]}" for line, text in prose(path) if WORDS.search(text)]
    assert mistakes == []
