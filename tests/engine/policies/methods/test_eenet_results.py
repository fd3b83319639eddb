"""EENet's accuracy on the shipped bundles: higher than that of its former version, and on photographs higher than the top probability's.

Nothing is tuned on test: scores and the sharpness of the shares come from the fit examples, shares and thresholds from calibration.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.bundle.library import open_bundle
from engine.policies import POLICIES
from engine.sweep import Sweep, run_sweep
from tests.recorded.record import full_correct

FORMER = Path(__file__).parents[3] / "recorded" / "former_eenet"
BUDGETS = np.arange(20, 51, 5) / 100


@cache
def swept(bundle: str, policy: str) -> Sweep:
    return run_sweep(POLICIES[policy], open_bundle(bundle).outputs, BUDGETS)


def former(bundle: str) -> NDArray[np.bool_]:
    """On which test examples the former EENet was correct, (budgets, examples); packed as in `tests.recorded.record`."""
    full = full_correct(open_bundle(bundle))
    with np.load(FORMER / f"{bundle}.npz", allow_pickle=False) as packed:
        return np.unpackbits(packed["eenet"], axis=1, count=len(full)).astype(bool) ^ full


def gain(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[float, float]:
    """The mean difference over budgets and half of its paired 95% interval, over examples because an example's budgets are correlated."""
    each = (one.astype(float) - other).mean(axis=0)
    return float(each.mean()), float(1.96 * each.std(ddof=1) / np.sqrt(len(each)))


@pytest.mark.parametrize("bundle", ["doodles", "cifar10-msdnet", "cifar10-resnet"])
def test_it_is_more_accurate_than_its_former_version(bundle):
    mean, half = gain(swept(bundle, "eenet").is_correct, former(bundle))
    assert mean > half, (mean, half)


@pytest.mark.parametrize("bundle", ["cifar10-msdnet", "cifar10-resnet"])
def test_it_is_more_accurate_than_the_top_probability(bundle):
    mean, half = gain(swept(bundle, "eenet").is_correct, swept(bundle, "maxprob").is_correct)
    assert mean > half, (mean, half)


@pytest.mark.parametrize("bundle", ["doodles", "cifar10-msdnet", "cifar10-resnet"])
def test_it_plans_the_whole_budget(bundle):
    result = swept(bundle, "eenet")
    assert result.planned_cost == pytest.approx(BUDGETS, rel=1e-3) and not any(result.notes)
    assert result.calibration_cost == pytest.approx(BUDGETS, rel=1e-2)
