"""Every command in README.md, CONTRIBUTING.md and docs/ works as it is written there.

Each is started as written, from the root of a copy of the repository. Quick commands run to the end. Those that would train, measure or
download for minutes are ended once they have parsed their arguments. Those of the engine are then called again, up to the point where the
long work would begin. Benchmarks, the scripts of docs/ and quick commands of the engine run in this process, which has imported what
they import. Only `python` is replaced, by this Python, and placeholders such as DIR.
"""

import ast
import builtins
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from pkgutil import resolve_name
from unittest.mock import create_autospec

import pytest
from torchvision.models import resnet18

import run_app
from engine.__main__ import main, parser
from engine.errors import UserError
from engine.importing.templates import write_template
from tests.documented import PYTHONS, Document, Shown
from tests.image_folders import image_folder
from tests.scripts import run_script

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [Document.read(path) for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))]

#: Commands that take minutes, or need the network or a cluster: those of the engine, and the beginnings of other scripts.
LONG = ("train", "compute", "measure", "download")
LONG_SCRIPTS = ("run_app.py", "-m tests.recorded.record")
#: Scripts that run in this process until they have parsed their arguments.
HERE = ("benchmarks/", "docs/")
#: Printed when a program has parsed its arguments. The program ends there, so it prints nothing more.
UNDERSTOOD = "understood"
#: Python runs a module of this name at every start. This one ends a program once its arguments are parsed.
SITECUSTOMIZE = f"""
import argparse, os
parse_args = argparse.ArgumentParser.parse_args
def parse_and_end(self, args=None, namespace=None):
    parse_args(self, args, namespace)
    print(self.format_help(), {UNDERSTOOD!r}, sep="\\n", flush=True)
    os._exit(0)
argparse.ArgumentParser.parse_args = parse_and_end
"""


class BegunWork(BaseException):
    """Raised where the long work would begin."""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the repository, `offramp`, the files that replace placeholders, and the module that ends programs."""
    folder = tmp_path_factory.mktemp("scratch")
    left_out = {ROOT / "data" / "datasets", ROOT / "data" / "weights", ROOT / "runs"}

    def ignore(directory: str, names: list[str]) -> list[str]:
        hidden = [name for name in names if name.startswith(".") and name != ".streamlit"]
        return [*hidden, "__pycache__", "node_modules", *(name for name in names if Path(directory) / name in left_out)]

    shutil.copytree(ROOT, folder / "offramp", ignore=ignore)
    image_folder(folder / "pictures", classes=2, each=6)
    write_template("logits", folder / "outputs.npz")
    write_template("long", folder / "log.csv")
    save = ["route", "doodles", "--policy", "maxprob", "--budget", "0.25", "--save-policy", str(folder / "offramp" / "policy.json")]
    assert main(save) == 0  # commands that load a policy run before or after the one that saves it
    (folder / "ending").mkdir()
    (folder / "ending" / "sitecustomize.py").write_text(SITECUSTOMIZE)
    return folder


def in_place(words: Iterable[str], scratch: Path) -> list[str]:
    """Replace placeholders by existing files and names."""
    values = {
        "FILE": str(scratch / "outputs.npz"),
        "LOG.csv": str(scratch / "log.csv"),
        "FILE.safetensors": str(scratch / "weights.safetensors"),
        "DIR": str(scratch / "pictures"),
        "NAME": "mine",
        "BUNDLE": "doodles",
        "RECIPE": "doodles",
    }
    return [values.get(word, word) for word in words]


def start(words: list[str], scratch: Path, ending: bool) -> subprocess.CompletedProcess[str]:
    """Run a command from the root of the copied repository; with `ending`, only until its arguments are parsed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OFFRAMP_", "PYTHON"))}
    # If packages are missing, a starter must report that instead of downloading them.
    environment |= {"PIP_NO_INDEX": "1"} | ({"PYTHONPATH": str(scratch / "ending")} if ending else {})
    return subprocess.run(words, cwd=scratch / "offramp", env=environment, capture_output=True, text=True, timeout=110)


def is_long(words: list[str]) -> bool:
    if words[1:3] == ["-m", "engine"]:
        return words[3:4] != [] and (words[3] in LONG or "--cluster" in words)
    return " ".join(words[1:]).startswith(LONG_SCRIPTS)


def problem(shown: Shown, scratch: Path) -> str | None:
    """What goes wrong when the command is run, or None."""
    words = in_place(shown.words, scratch)
    assert words[0] in PYTHONS
    if words[1].startswith(HERE):
        complaint = complaint_about(words[1:], scratch)
        return complaint and f"{shown}\n{complaint}"
    if words[1:3] == ["-m", "engine"] and words[3:] != ["list"] and not is_long(words):
        status, printed = run_here(words[3:], scratch)
        return f"{shown}\nends with {status}\n{printed}" if status else None
    words[0] = sys.executable
    if words[1] == "run_tests.py":
        words.append("--version")  # goes to pytest: the linter runs, and pytest starts but runs no tests
    ending = is_long(words)
    done = start(words, scratch, ending)
    if done.returncode != 0 or "Traceback" in done.stderr or (ending and not done.stdout.endswith(f"{UNDERSTOOD}\n")):
        return f"{shown}\nends with {done.returncode} (two or more spaces end a command)\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return None


def run_here(words: list[str], scratch: Path) -> tuple[int, str]:
    """Run a command of the engine in the copied repository. Its exit code, and what it printed."""
    printed = StringIO()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(printed), redirect_stderr(printed):
        for name in [name for name in os.environ if name.startswith("OFFRAMP_")]:
            patched.delenv(name)
        patched.setenv("OFFRAMP_DATA", str(scratch / "offramp" / "data"))
        patched.chdir(scratch / "offramp")
        try:
            return main(words), printed.getvalue()
        except SystemExit as end:  # after --help
            return int(end.code or 0), printed.getvalue()


def complaint_about(words: list[str], scratch: Path) -> str | None:
    """What a script prints if it does not take these arguments, or None. It ends once it has parsed them."""
    parse_args = ArgumentParser.parse_args

    def parse_and_end(self: ArgumentParser, *_: object) -> None:
        parse_args(self)
        self.format_help()  # fails if a help text is malformed
        raise BegunWork

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ArgumentParser, "parse_args", parse_and_end)
        try:
            done = run_script(ROOT / words[0], words[1:], scratch)
        except BegunWork:
            return None
    return done.stderr or "It parses no arguments."


def shown_once(find: Callable[[Document], Iterable[Shown]]) -> list[Shown]:
    """The parts of all documents, each text only where it occurs first."""
    return list({shown.text: shown for document in reversed(DOCUMENTS) for shown in reversed(list(find(document)))}.values())[::-1]


COMMANDS_SHOWN = shown_once(Document.commands)


def of_the_engine(shown: Shown) -> bool:
    return shown.words[1:3] == ["-m", "engine"]


# Commands


@pytest.mark.parametrize("shown", COMMANDS_SHOWN, ids=str)
def test_a_command_runs_as_written(shown: Shown, scratch: Path) -> None:
    assert problem(shown, scratch) is None


def test_blocks_of_commands_contain_nothing_else() -> None:
    assert [str(stray) for document in DOCUMENTS for stray in document.strays()] == []


@pytest.mark.parametrize("shown", [shown for shown in COMMANDS_SHOWN if of_the_engine(shown) and is_long(shown.words)], ids=str)
def test_a_long_command_reaches_its_work(shown: Shown, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(in_place(shown.words[3:], scratch), scratch, monkeypatch)


def follow(words: list[str], scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(*_: object, **__: object) -> None:
        raise BegunWork

    monkeypatch.setenv("OFFRAMP_DATA", str(scratch / "offramp" / "data"))
    for work in (
        "engine.training.loop.train",
        "engine.runtime.compute.compute",
        "engine.measuring.measure.measure",
        "engine.cluster.sweeps.sweeps_on_cluster",
        "engine.cluster.measure_pools.measure_pools",
        "engine.runtime.download.torchvision_sets.download",
        "engine.runtime.download.imagenet_family",
        "engine.cascades.efficientnet_lite.weights_file_of",
        "engine.cascades.pretrained.fetch",
    ):
        monkeypatch.setattr(work, begin)
    with pytest.raises(BegunWork):
        assert main(words) == 0


# Fragments in the prose


@pytest.mark.parametrize("shown", shown_once(Document.fragments), ids=str)
def test_a_fragment_is_accepted(shown: Shown, scratch: Path) -> None:
    words = in_place(shown.words, scratch)
    if words[0].startswith("--"):
        known = any(is_known(program, words) for program in ("run_app.py", *subcommands()))
    else:
        known = is_known(words[0], words[1:])
    assert known, f"{shown}: no command accepts this"


def subcommands() -> dict[str, list[str]]:
    """The commands of the engine, each with its required arguments."""
    (commands,) = (action.choices for action in parser()._actions if action.dest == "command")
    needed: dict[str, list[str]] = {}
    for name, command in commands.items():
        required = [action for action in command._actions if action.required]
        needed[name] = [word for action in required for word in (*action.option_strings[:1], "doodles")]
    return needed


def is_known(program: str, options: list[str]) -> bool:
    """Whether a starter or a command of the engine accepts these options. A single option may be named without its value."""
    if len(options) == 1:
        printed = StringIO()
        with redirect_stdout(printed), pytest.raises(SystemExit):
            run_app.parse(["--help"]) if program == "run_app.py" else parser().parse_args([program, "--help"])
        return options[0] in printed.getvalue().replace(",", " ").replace("]", " ").split()
    try:
        run_app.parse(options) if program == "run_app.py" else parser().parse_args([program, *subcommands()[program], *options])
    except (UserError, SystemExit):
        return False
    return True


# Blocks of Python


@pytest.mark.parametrize("shown", shown_once(Document.programs), ids=lambda shown: shown.where)
def test_a_block_of_python_runs(shown: Shown, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it imports is there, and what it calls takes what it is given. Only the long work is left out."""
    long_work = [
        "importing.notebook.show",
        "training.loop.train",
        "runtime.compute.compute",
        "measuring.measure.measure",
        "cluster.two_pools.execute_in_pools",
        "measuring.save_measurements.save_measurements",
    ]
    for work in (f"engine.{name}" for name in long_work):
        monkeypatch.setattr(work, create_autospec(resolve_name(work)))
    monkeypatch.chdir(scratch)
    exec(compile(shown.text, shown.where, "exec"), {"network": resnet18(num_classes=2)})


@pytest.mark.parametrize("shown", shown_once(Document.programs), ids=lambda shown: shown.where)
def test_a_block_of_python_defines_all_names_but_the_network(shown: Shown) -> None:
    names = [node for node in ast.walk(ast.parse(shown.text)) if isinstance(node, ast.Name)]
    imports = [node for node in ast.walk(ast.parse(shown.text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    functions = [node for node in ast.walk(ast.parse(shown.text)) if isinstance(node, ast.FunctionDef)]
    imported |= {function.name for function in functions} | {given.arg for function in functions for given in function.args.args}
    made = imported | {name.id for name in names if isinstance(name.ctx, ast.Store)} | set(dir(builtins))
    assert {name.id for name in names} - made <= {"network"}


# Commands are found, and mistakes in them are detected


EXAMPLE = Document(
    "example.md",
    """
Say `python -m
engine list` or `run_app.py --port 80`, or run `benchmarks/sweep.py`. `measure --save` keeps it, `measure` does not; `--seed 1` is the same.

```
python3 run_app.py      # sets itself up
python -m engine train doodles --epochs 2    trains it
python -m engine train doodles && python -m engine verify doodles
run_app.py  run_tests.py    the starters
```

```python
python = 3
```
""",
)


def test_commands_are_found() -> None:
    result = [(shown.where.removeprefix("example.md:"), shown.text) for shown in EXAMPLE.commands()]
    assert result == [
        ("6", "python3 run_app.py"),
        ("7", "python -m engine train doodles --epochs 2"),
        ("8", "python -m engine train doodles"),
        ("8", "python -m engine verify doodles"),
        ("2", "python -m engine list"),
        ("3", "python run_app.py --port 80"),
        ("3", "python benchmarks/sweep.py"),
    ]
    assert [shown.text for shown in EXAMPLE.strays()] == ["run_app.py  run_tests.py    the starters"]
    assert [shown.text for shown in EXAMPLE.fragments()] == ["measure --save", "--seed 1"]
    assert [shown.text for shown in EXAMPLE.programs()] == ["python = 3\n"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("python -m engine trian doodles", "trian"),
        ("python -m engine train doodles --epoch-count 3", "--epoch-count"),
        ("python -m engine train", "RECIPE"),
        ("python -m engine verify doodle", "doodle"),
        ("python -m engines list", "engines"),
        ("python benchmarks/nothing.py", "nothing.py"),
        ("python benchmarks/page.py --slides 3", "--slides"),
        ("python run_app.py --porto 80", "--porto"),
        ("python run_app.py --port eighty", "eighty"),
    ],
)
def test_a_wrong_command_is_detected(text: str, complaint: str, scratch: Path) -> None:
    assert complaint in (problem(Shown("made up", text), scratch) or "")[len(text) :]


@pytest.mark.parametrize(
    "text", ["train cifar11", "compute doodles --network cifar10-resnet", "train folder --images DIR --exits x,y", "download mnist"]
)
def test_a_long_command_that_fails_before_its_work_is_detected(text: str, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError):
        follow(in_place(text.split(), scratch), scratch, monkeypatch)


@pytest.mark.parametrize(
    "text", ["measure --saved", "sweep --calibrate x", "--datafolder DIR", "--nothing", "train --further --epochs few"]
)
def test_a_wrong_fragment_is_detected(text: str, scratch: Path) -> None:
    with pytest.raises(AssertionError, match="no command accepts this"):
        test_a_fragment_is_accepted(Shown("made up", text), scratch)
