"""`import engine` is cheap, and every public name is there, documented and known to type checkers."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import engine

SOURCE = ast.parse(Path(engine.__file__).read_text())


@pytest.mark.parametrize("name", engine.__all__)
def test_a_public_name_is_documented(name: str) -> None:
    value = getattr(engine, name)
    assert name == "POLICIES" or inspect.getdoc(value)
    assert name in dir(engine)


def test_type_checkers_and_readers_see_the_same_names() -> None:
    checking = next(node for node in SOURCE.body if isinstance(node, ast.If))
    imported = {(alias.name, node.module) for node in checking.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(engine._MODULE_OF.items())
    assert {name for name, _ in imported} == set(engine.__all__) and len(engine.__all__) == len(set(engine.__all__))


def test_no_public_name_is_hidden_by_a_module_of_the_same_name() -> None:
    modules = {path.stem for path in Path(engine.__file__).parent.iterdir()}
    assert modules.isdisjoint(engine.__all__)


def test_importing_the_engine_loads_nothing_heavy() -> None:
    code = "import engine, sys; print(*(name for name in ('numpy', 'torch', 'scipy', 'pyarrow') if name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sweeps'"):
        engine.sweeps  # noqa: B018
