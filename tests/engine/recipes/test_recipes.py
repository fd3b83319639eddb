"""The catalogue, and one contract over everything in it."""

import re
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import recipes
from engine.bundle.bundle import check_id
from engine.cascades.base import CascadeKind
from engine.cascades.macs import stage_macs
from engine.datasets import DATASETS
from engine.errors import UserError
from engine.recipes import RECIPES, Choices, Recipe, Training, recipe, weights_path
from engine.recipes.folder import dataset_of
from engine.splits import Split
from tests.image_folders import image_folder
from tests.sentences import assert_one_sentence


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


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Three classes of twelve pictures each."""
    return image_folder(tmp_path_factory.mktemp("pictures") / "Our Pets", classes=3, each=12)


@pytest.fixture(params=list(RECIPES))
def any_recipe(request, pictures) -> Recipe:
    """As it is followed: the one for folders needs a folder."""
    return recipe(request.param, Choices(images=pictures) if request.param == "folder" else Choices())


def test_a_recipe_introduces_itself(any_recipe):
    assert RECIPES[any_recipe.listed].config.title
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", any_recipe.name)
    assert any_recipe.config.title
    assert any_recipe.config.description.endswith(".") and any_recipe.config.description.count(". ") == 0
    with pytest.raises(FrozenInstanceError):
        any_recipe.config.name = "other"


def test_its_training_makes_sense(any_recipe):
    settings = any_recipe.training
    if any_recipe.config.published:
        assert settings is None
        return
    assert isinstance(settings, Training)
    assert settings.epochs > 0 and settings.batch_size > 1 and settings.learning_rate > 0
    assert 0 <= settings.warm_up < 1 and 0 <= settings.label_smoothing < 1 and 0 <= settings.distillation <= 1 and 0 <= settings.average < 1


def test_its_network_answers_for_its_data(any_recipe):
    dataset = any_recipe.dataset()
    with torch.device("meta"), torch.no_grad():  # shapes alone: it costs no time, however large the network
        logits = any_recipe.cascade().eval()(torch.empty(2, 3, *dataset.image_size))
    assert logits.shape[1:] == (2, len(dataset.class_names))
    assert len(any_recipe.config.exit_names) in (0, len(logits))
    weights = any_recipe.training and any_recipe.training.exit_weights
    assert weights is None or len(weights) == len(logits)


def test_its_exits_cost_more_and_more(any_recipe):
    with torch.device("meta"):
        network = any_recipe.cascade()
    macs = stage_macs(network, any_recipe.dataset().image_size)
    alone = np.array(macs.stage if network.kind is CascadeKind.FAMILY else np.cumsum(macs.stage))
    # no exit is a mere repetition of the one before; networks of a family differ by factors
    apart = alone[1:] > 1.5 * alone[:-1] if network.kind is CascadeKind.FAMILY else np.diff(alone) > 0.05 * alone[-1]
    assert alone[0] > 0 and np.all(apart)
    assert alone[0] < 0.25 * alone[-1]  # leaving at once is worth it
    assert sum(macs.head) < 0.1 * alone[-1]


@pytest.mark.parametrize("exits", [(), ("1", "3")])
@pytest.mark.parametrize("data", ["cifar10", "svhn"])
def test_bag_of_features_exits_begin_with_the_trunk_of_the_plain_ones(data, exits):
    plain, bags = (recipe(f"{data}-{network}", Choices(exits)) for network in ("resnet", "bof"))
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


def test_every_set_of_small_photographs_comes_with_every_network():
    assert {
        f"{data}-{network}" for data in DATASETS if data != "doodles" for network in ("msdnet", "resnet", "bof", "family")
    } < RECIPES.keys()
    assert not recipe("svhn-msdnet").training.flip  # a digit in the mirror is another thing
    assert recipe("fashion-mnist-bof").training.start_from == "fashion-mnist-resnet"


# Exits elsewhere


@pytest.mark.parametrize("name", ["cifar10-resnet", "cifar100-bof"])
def test_exits_elsewhere_make_another_recipe(name):
    base, moved = recipe(name), recipe(name, Choices(exits=("1", "3")))
    assert moved.name == f"{name}-exits-1-3" and weights_path(moved.name) != weights_path(name)
    assert moved.listed == name and moved.remedy.endswith(f"train {name} --exits 1,3`")
    assert "1,3" in moved.config.title and moved.training.exit_weights == (1, 1, 2)
    with torch.device("meta"):
        networks = [one.cascade() for one in (base, moved)]
    assert [len(network.stages) for network in networks] == [5, 3]


def test_more_exits_than_the_recipe_has():
    with torch.device("meta"):
        assert len(recipe("cifar10-resnet", Choices(exits=("1", "2", "3", "4", "5"))).cascade().stages) == 6


def test_the_exits_that_it_has_anyway_change_nothing():
    assert recipe("cifar10-resnet", Choices(exits=("2", "3", "4", "5"))) is recipe("cifar10-resnet")


MISTAKES = {
    "exits in the wrong order": ("cifar10-resnet", {"exits": ("3", "1")}, ["units 1 to 5", "3,1"]),
    "an exit twice": ("cifar10-bof", {"exits": ("2", "2")}, ["units 1 to 5", "2,2"]),
    "an exit after the end": ("cifar10-resnet", {"exits": ("2", "6")}, ["units 1 to 5", "2,6"]),
    "an exit before the first unit": ("cifar10-resnet", {"exits": ("0", "2")}, ["units 1 to 5", "0,2"]),
    "layers as units": ("cifar10-resnet", {"exits": ("layer1",)}, ["'layer1'", "1,3"]),
    "exits of a dense network": ("doodles", {"exits": ("1",)}, ["exits of doodles", "cifar10-resnet"]),
    "exits of a family": ("cifar10-family", {"exits": ("1",)}, ["exits of cifar10-family"]),
    "pictures for a recipe that has some": ("doodles", {"images": Path("pets")}, ["doodles", "folder and imagenet-family"]),
    "a network for a recipe that has one": ("doodles", {"network": "cifar10-bof"}, ["--network", "`folder`"]),
    "weights for a recipe that trains": ("doodles", {"weights": Path("mine.safetensors")}, ["--weights", "`folder`"]),
    "no pictures": ("folder", {}, ["--images DIR"]),
    "a folder that is not there": ("folder", {"images": Path("nowhere"), "exits": ("1",)}, ["no folder", "nowhere"]),
    "a network nobody knows": ("folder", {"images": ..., "network": "yolo"}, ["'yolo'", "torchvision:NAME", "cifar10-bof"]),
    "a recipe without such a network": ("folder", {"images": ..., "network": "imagenet-family"}, ["'imagenet-family'", "doodles"]),
    "a torchvision network nobody knows": ("folder", {"images": ..., "network": "torchvision:os", "exits": ("a",)}, ["'os'", "resnet18"]),
    "a wrapped network without exits": ("folder", {"images": ..., "network": "torchvision:resnet18"}, ["--exits", "layer1"]),
    "a layer that is not there": ("folder", {"images": ..., "network": "torchvision:resnet18", "exits": ("layer9",)}, ["'layer9'"]),
    "weights for a recipe's network": ("folder", {"images": ..., "weights": Path("a.safetensors")}, ["--weights", "torchvision:resnet18"]),
    "weights that are not there": (
        "folder",
        {"images": ..., "network": "torchvision:resnet18", "exits": ("layer1",), "weights": Path("a.safetensors")},
        ["no weights at a.safetensors", "resnet18"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistaken_choice_is_answered_in_one_sentence(mistake, pictures):
    name, given, mentions = MISTAKES[mistake]
    with pytest.raises(UserError) as caught:
        recipe(name, Choices(**{key: pictures if value is ... else value for key, value in given.items()})).dataset().ids(Split.TRAIN)
    assert_one_sentence(str(caught.value), *mentions)


# Folders


def test_a_folder_takes_any_network(pictures):
    for network, side, exits in (("cifar10-resnet", 32, 5), ("doodles", 64, 5), ("cifar100-family", 32, 3)):
        made = recipe("folder", Choices(images=pictures, network=network))
        assert made.name == f"folder-our-pets-{network}" and made.dataset().image_size == (side, side)
        with torch.device("meta"):
            assert made.cascade()(torch.empty(2, 3, side, side)).shape == (exits, 2, 3)


def test_bags_on_a_folder_begin_with_the_plain_network_on_the_same(pictures):
    bags = recipe("folder", Choices(images=pictures, network="cifar10-bof", exits=("1", "3")))
    plain = recipe("folder", Choices(images=pictures, network="cifar10-resnet", exits=("1", "3")))
    assert bags.name == "folder-our-pets-cifar10-bof-exits-1-3" and bags.training.start_from == plain.name
    assert plain.remedy.endswith(f"train folder --images '{pictures}' --network cifar10-resnet --exits 1,3`")


def test_long_names_stay_apart_and_may_name_bundles(pictures):
    exits = [("encoder.layers.encoder_layer_0", f"encoder.layers.encoder_layer_{last}") for last in (5, 6)]
    names = {recipe("folder", Choices(one, pictures, "torchvision:vit_b_16")).name for one in exits}
    assert len(names) == 2 and all(check_id(name) for name in names)


def test_a_wrapped_network_gets_a_head_for_the_folders_classes(pictures):
    made = recipe("folder", Choices(("layer1", "layer2"), pictures, "torchvision:resnet18"))
    assert made.training.frozen and made.config.about == {"trunk": "ResNet18_Weights.IMAGENET1K_V1"}
    with torch.device("meta"):
        assert made.cascade()(torch.empty(2, 3, 224, 224)).shape == (3, 2, 3)


def test_a_bundles_pictures_are_sought_by_name_among_the_data_sets(pictures, monkeypatch):
    monkeypatch.setenv("OFFRAMP_DATASETS", str(pictures.parent))
    ours = recipe("folder", Choices(images=pictures, network="doodles")).dataset()
    facts = {"recipe": "folder", "dataset": ours.name, "image_size": [64, 64]}
    found = dataset_of(facts)
    assert found.digest() == ours.digest() and found.image_size == (64, 64)
    assert dataset_of({"recipe": "cifar10-resnet"}).name == "cifar10" and dataset_of({"recipe": "theirs"}) is None
    (pictures.parent / "inner").mkdir()
    monkeypatch.setenv("OFFRAMP_DATASETS", str(pictures.parent / "inner"))
    for name in (ours.name, f"../{ours.name}", "..", "", str(pictures)):
        with pytest.raises(UserError) as caught:
            dataset_of({**facts, "dataset": name})
        assert_one_sentence(str(caught.value), "a link to it")
