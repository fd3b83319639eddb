"""Small bundles, and what a view shows of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from app.shown import Shown
from app.store import MIX, oracle
from engine.bundle.bundle import Bundle, read_bundle, write_bundle
from engine.bundle.measurements import Measured
from engine.policies import POLICIES
from engine.sweep import run_sweep
from tests import synthetic

STEPS = 41


def write_sample(folder: Path, id: str = "tiny", **outputs: Any) -> Path:
    """A bundle in a data folder. outputs: arguments of synthetic.outputs"""
    made = synthetic.outputs(**{"examples": 600, "exits": 4, **outputs})
    return write_bundle(synthetic.draft(made, id), folder / "bundles" / id)


def show(bundle: Bundle, policy: str = "maxprob", unit: str = "macs", steps: int = STEPS) -> Shown:
    bound = oracle(bundle.outputs)
    sweeps = {name: run_sweep(POLICIES[name], bundle.outputs, steps, unit) for name in {policy, MIX, bound}}
    return Shown(bundle, policy, sweeps[policy], sweeps[MIX], sweeps[bound])


def sample(folder: Path, policy: str = "maxprob", steps: int = STEPS, **outputs: Any) -> Shown:
    return show(read_bundle(write_sample(folder, **outputs)), policy, steps=steps)


def with_measured(shown: Shown, *measured: Measured) -> Shown:
    return replace(shown, bundle=replace(shown.bundle, measured=measured))
