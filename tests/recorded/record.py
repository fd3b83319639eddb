"""Record the results of every policy on every shipped bundle: `python -m tests.recorded.record`.

    sweeps/BUNDLE.json   {policy: the document of `sweep --json` at nine budgets}
    correct/BUNDLE.npz   {learned policy: (budgets, packed examples) uint8}, on which test examples it is correct, so that a later version
                         can be compared example by example; stored as the difference from the full network's, which is mostly zeros

The record is made once and kept. `tests/engine/test_recorded.py` compares the current code with it.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.bundle.bundle import Bundle
from engine.bundle.library import open_bundle
from engine.policies import POLICIES
from engine.sweep import Sweep, run_sweep

HERE = Path(__file__).parent
BUNDLES = ("doodles", "cifar10-msdnet", "cifar10-resnet", "cifar10-bof", "cifar10-family")
BUDGETS = 9
#: Policies fitted by iterative optimisation: another machine or library version may end at a slightly different point.
LEARNED = ("single_threshold_calibrated", "bolukbasi", "myopic", "jei", "eenet", "ztw")


def sweeps_of(bundle: Bundle) -> dict[str, Sweep]:
    """The sweeps of every policy that can run on a bundle, in compute."""
    return {name: sweep_of(bundle, name) for name, policy in POLICIES.items() if policy.unavailable_reason(bundle.outputs) is None}


def sweep_of(bundle: Bundle, policy: str) -> Sweep:
    return run_sweep(POLICIES[policy], bundle.outputs, BUDGETS)


def full_correct(bundle: Bundle) -> NDArray[np.bool_]:
    """On which test examples the full network is correct, (examples,)."""
    test = bundle.outputs.test()
    return test.correct[test.full]


def recorded_sweeps(name: str) -> dict[str, dict]:
    return json.loads((HERE / "sweeps" / f"{name}.json").read_text())


def recorded_correct(bundle: Bundle, policy: str) -> NDArray[np.bool_]:
    """On which test examples a learned policy was correct when recorded, (budgets, examples)."""
    with np.load(HERE / "correct" / f"{bundle.id}.npz", allow_pickle=False) as packed:
        full = full_correct(bundle)
        return np.unpackbits(packed[policy], axis=1, count=len(full)).astype(bool) ^ full


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for folder in ("sweeps", "correct"):
        (HERE / folder).mkdir(exist_ok=True)
    for name in BUNDLES:
        bundle = open_bundle(name)
        sweeps, full = sweeps_of(bundle), full_correct(bundle)
        lines = (f"{json.dumps(policy)}: {json.dumps(result.as_json(name))}" for policy, result in sweeps.items())
        (HERE / "sweeps" / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
        packed = {policy: np.packbits(sweeps[policy].is_correct ^ full, axis=1) for policy in LEARNED if policy in sweeps}
        np.savez_compressed(HERE / "correct" / f"{name}.npz", **packed)


if __name__ == "__main__":
    main()
