"""The catalogue, and one contract over everything in it."""

import re
import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch

from engine import recipes
from engine.cascades.base import Kind
from engine.errors import UserError
from engine.macs import stage_macs
from engine.recipes import RECIPES, Recipe, Training, recipe, weights_path


def test_listing_recipes_imports_no_torch():
    code = "import sys, engine.recipes; assert list(engine.recipes.RECIPES); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_unknown_recipe_is_answered_with_the_known_ones():
    with pytest.raises(UserError) as caught:
        recipe("doodels")
    assert "doodels" in str(caught.value) and all(name in str(caught.value) for name in RECIPES)


def test_two_recipes_cannot_share_a_name():
    with pytest.raises(ValueError):
        recipes.register(lambda: RECIPES["doodles"])


def test_weights_follow_the_data_folder(monkeypatch, tmp_path):
    assert weights_path("doodles").parts[-3:] == ("data", "weights", "doodles.safetensors")
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path))
    assert weights_path("doodles") == tmp_path / "weights" / "doodles.safetensors"


@pytest.fixture(params=list(RECIPES))
def any_recipe(request) -> Recipe:
    return RECIPES[request.param]


def test_a_recipe_introduces_itself(any_recipe):
    assert RECIPES[any_recipe.name] is any_recipe
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", any_recipe.name)
    assert any_recipe.title
    assert any_recipe.description.endswith(".") and any_recipe.description.count(". ") == 0
    with pytest.raises(FrozenInstanceError):
        any_recipe.name = "other"


def test_its_training_makes_sense(any_recipe):
    settings = any_recipe.training
    assert isinstance(settings, Training)
    assert settings.epochs > 0 and settings.batch_size > 1 and settings.learning_rate > 0
    assert 0 <= settings.warm_up < 1 and 0 <= settings.label_smoothing < 1 and 0 <= settings.distillation <= 1 and 0 <= settings.average < 1


def test_its_network_answers_for_its_data(any_recipe):
    dataset = any_recipe.dataset()
    with torch.device("meta"), torch.no_grad():  # shapes alone: it costs no time, however large the network
        logits = any_recipe.cascade().eval()(torch.empty(2, 3, *dataset.image_size))
    assert logits.shape[1:] == (2, len(dataset.class_names))
    assert any_recipe.training.exit_weights is None or len(any_recipe.training.exit_weights) == len(logits)


def test_its_exits_cost_more_and_more(any_recipe):
    with torch.device("meta"):
        network = any_recipe.cascade()
    macs = stage_macs(network, any_recipe.dataset().image_size)
    alone = np.array(macs.stage if network.kind is Kind.FAMILY else np.cumsum(macs.stage))
    assert alone[0] > 0 and np.all(np.diff(alone) > 0.1 * alone[-1])  # no exit is a mere repetition of the one before
    assert alone[0] < 0.25 * alone[-1]  # leaving at once is worth it
    assert sum(macs.head) < 0.1 * alone[-1]


def test_bag_of_features_exits_begin_with_the_trunk_of_the_plain_ones():
    plain, bags = recipe("cifar10-resnet"), recipe("cifar10-bof")
    assert bags.training.start_from == plain.name
    with torch.device("meta"):
        states = [one.cascade().state_dict() for one in (plain, bags)]
    trunks = [{name: value.shape for name, value in state.items() if "trunk" in name and "codebook" not in name} for state in states]
    assert trunks[0] == trunks[1] and len(trunks[0]) > 50


def test_doodles_spread_their_exits_evenly():
    macs = stage_macs(recipe("doodles").cascade(), (64, 64))
    cumulative = np.cumsum(macs.stage)
    assert len(cumulative) == 5
    assert 15e6 <= cumulative[-1] <= 35e6
    assert cumulative[0] <= 0.15 * cumulative[-1]
    steps = np.diff(cumulative) / cumulative[-1]
    assert steps.min() > 0.1 and steps.max() < 0.35
    assert sum(macs.head) < 0.05 * cumulative[-1]  # every picture pays for the heads it passes
