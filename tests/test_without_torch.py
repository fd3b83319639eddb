"""Viewing, importing and sweeping work without torch and Ray: tested in a process that cannot import them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Modules that train, run, wrap or measure networks, or read torchvision's data sets.
NEED_TORCH = (
    *("engine.training", "engine.runtime", "engine.cascades", "engine.measuring"),
    *("engine.datasets.published", "engine.recipes.wrapped"),
    *("engine.cluster.shard", "engine.cluster.stage_actor", "engine.cluster.two_pools", "engine.cluster.measure_pools"),
)
CODE = f"""
import importlib, sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "ray"):
            raise ImportError(name + " is not installed")

sys.meta_path.insert(0, Blocked())
for path in sorted(Path("engine").rglob("*.py")):
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    if path.stem != "__main__" and not name.startswith({NEED_TORCH!r}):
        importlib.import_module(name)

from engine.policies import POLICIES
from engine.sweep import run_sweep
from tests.synthetic import outputs

made = outputs(examples=150, exits=3, kind="family", features=True)
swept = [name for name, policy in POLICIES.items() if policy.unavailable_reason(made) is None and len(run_sweep(policy, made, 3).cost) == 3]
print(len(swept), len(POLICIES))
"""


def test_everything_but_running_networks_works_without_torch():
    ran = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert ran.returncode == 0, ran.stderr
    swept, policies = map(int, ran.stdout.split())
    assert swept == policies >= 21
