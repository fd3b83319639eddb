"""The page's own process never loads torch, which takes more memory than all the rest, not even for the images of a data set."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torchvision import datasets

from app.worker.process import ROOT
from engine.bundle.bundle import write_bundle
from engine.datasets.published.sets import CIFAR10_NAMES, TorchvisionSet
from engine.policies import POLICIES
from tests import synthetic
from tests.app.walk_views import few
from tests.stand_in_worker import RECIPE
from tests.stand_ins import HELD_OUT, TEST, trust_stand_ins, write_cifar, write_photos


@pytest.mark.timeout(300)  # in a thorough run some forty views, one after the other
def test_every_view_is_shown_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust_stand_ins(monkeypatch)
    write_cifar(tmp_path / "sets", datasets.CIFAR10, CIFAR10_NAMES, "labels")
    write_photos(TorchvisionSet("cifar10", tmp_path / "sets", HELD_OUT), tmp_path / "bundles" / "photos", RECIPE)
    write_bundle(synthetic.draft(synthetic.outputs(examples=150, exits=3), "tiny"), tmp_path / "bundles" / "tiny")

    environment = {**os.environ, "OFFRAMP_DATA": str(tmp_path), "OFFRAMP_DATASETS": str(tmp_path / "sets")}
    command = [sys.executable, "-m", "tests.app.walk_views"]
    ran = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    report = json.loads(ran.stdout)

    policies = list(few([policy for policy in POLICIES if policy != "router"]))
    assert report["shown"] == {"photos": policies, "tiny": policies}
    loaded = set(report["loaded"])
    assert {"scipy", "pandas"} <= loaded and not {"torch", "torchvision"} & loaded, "torch and torchvision belong to the worker"
    assert 0 < report["pictures"] <= TEST
