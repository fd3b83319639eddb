"""A policy, data set, cost unit or view in one file of your own is registered and passes the contract tests of its kind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
POLICY = (ROOT / "examples" / "own_policy.py").read_text()
DATASET = """
import numpy as np

from engine import Images, Split, register_dataset

FIRST = {Split.TRAIN: 0, Split.FIT: 100, Split.CALIBRATION: 200, Split.TEST: 300}


class Stripes:
    name, class_names, image_size, shippable = "stripes", ("dark", "light"), (16, 16), True

    def ids(self, split):
        return np.arange(FIRST[split], FIRST[split] + 60)

    def take(self, ids):
        labels = np.asarray(ids, np.int64) % 2
        return Images(np.broadcast_to((40 + 150 * labels)[:, None, None, None], (len(labels), 16, 16, 3)).astype(np.uint8), labels)

    def digest(self):
        return "5717135"


register_dataset("stripes", "Stripes", "16x16 images of two shades", classes=2)(Stripes)
"""
UNIT = """
from engine import CostUnit, register_cost_unit


def parameters(cascade, image_size):
    return [sum(parameter.numel() for parameter in stage.parameters()) for stage in cascade.stages]


register_cost_unit(CostUnit("parameters", "Parameters", "parameters", note="Parameters of each stage and its exit.", stage_cost=parameters))
"""
VIEW = """
import streamlit as st

from app.views.registry import view


@view(title="Own", url_path="shelf", order=90)
def shelf() -> None:
    st.title("A view of my own")
    st.write("It says something.")
"""
KINDS = {
    "policy": (POLICY, "tests/engine/policies/test_contract.py", "first_or_last", 20),
    "dataset": (DATASET, "tests/engine/datasets/test_contract.py", "stripes", 5),
    "cost_unit": (UNIT, "tests/engine/cost_units/test_cost_units.py", "parameters", 3),
    "view": (VIEW, "tests/app/views/test_contract.py", "shelf", 4),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_one_file_is_enough(kind: str, tmp_path: Path) -> None:
    code, contract, name, least = KINDS[kind]
    (tmp_path / f"own_{kind}.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", contract, "-k", name]
    environment = {**os.environ, "OFFRAMP_EXTENSIONS": str(tmp_path)}
    contracts = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    passed = re.search(r"(\d+) passed", contracts.stdout)
    assert contracts.returncode == 0 and passed, contracts.stdout[-3000:] + contracts.stderr
    assert int(passed[1]) >= least
