"""Every example runs as its docstring says, and is short."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scipy.special import expit

from tests.documented import Document
from tests.image_folders import image_folder

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def code_of(path: Path) -> str:
    """The code of an example; for a notebook, that of its cells in order."""
    if path.suffix != ".ipynb":
        return path.read_text()
    return "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code")


def run(*arguments: str | Path, **environment: str) -> str:
    """Run Python in the folder of the repository and return its output."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env={**inherited, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", sorted(path for path in EXAMPLES.iterdir() if path.is_file()), ids=lambda path: path.name)
def test_an_example_is_short(path: Path) -> None:
    code = code_of(path)
    described = ast.get_docstring(ast.parse(code)) is not None or path.suffix == ".ipynb"
    assert described and sum(1 for line in code.splitlines() if line.strip()) <= 20


def test_own_outputs() -> None:
    assert run("-m", "examples.own_outputs").count("% accuracy at ") == 3


def test_own_model(tmp_path: Path) -> None:
    images = image_folder(tmp_path / "pets", classes=2, each=12)
    printed = run("-m", "examples.own_model", images, OFFRAMP_DATA=str(tmp_path / "data"))
    assert str(tmp_path / "data" / "bundles" / "my-model") in printed


def test_own_policy(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "own_policy.py", tmp_path)
    sweep = ("-m", "engine", "sweep", "doodles", "--policy", "first_or_last", "--budgets", "0.5", "--json")
    (point,) = json.loads(run(*sweep, OFFRAMP_EXTENSIONS=str(tmp_path)))["points"]
    assert point["cost"] == pytest.approx(0.5, abs=0.03) and point["shares"][1:-1] == [0, 0, 0]


def test_saved_policy(tmp_path: Path) -> None:
    settings = ("--policy", "entropy", "--budget", "0.4", "--save-policy", tmp_path / "policy.json")
    run("-m", "engine", "route", "doodles", *settings)
    lines = run("-m", "examples.saved_policy", tmp_path / "policy.json").splitlines()
    shares = [float(line.split(": ")[1].split("%")[0]) for line in lines]
    assert len(lines) == 5 and lines[0].startswith("Exit 1: ") and sum(shares) == pytest.approx(100, abs=0.3)


def test_live_questions_take_the_route_of_recorded_ones() -> None:
    """As docs/command-line.md asks models, one question after the other."""
    (program,) = (shown.text for shown in Document.read(ROOT / "docs" / "command-line.md").programs() if "models_asked" in shown.text)
    names: dict[str, Any] = {}
    exec(compile(program, "live questions", "exec"), names)  # noqa: S102 - our own text
    policy, bundle = names["policy"], names["bundle"]
    some = bundle.outputs.test().take(slice(0, 30))
    confidence, asked = expit(some.scores["maxprob"].astype(float)), policy.route(some).visited
    for i, question in enumerate(some.ids.tolist()):
        of_model = dict(zip(policy.exit_names, confidence[:, i], strict=True))
        before = {name: values[i] for name, values in some.before.items()}
        models = names["models_asked"](question, before, lambda model, _, of_model=of_model: of_model[model])
        assert models == [name for name, ran in zip(policy.exit_names, asked[:, i], strict=True) if ran]
    assert len(set(asked.sum(axis=0).tolist())) > 1


def test_the_notebook() -> None:
    names: dict[str, object] = {}
    exec(compile(code_of(EXAMPLES / "notebook.ipynb"), "notebook", "exec"), names)  # noqa: S102 - our own file
    assert names["sweeps"].keys() == {"random_mix", "maxprob", "eenet"} and len(names["figure"].data) == 3
