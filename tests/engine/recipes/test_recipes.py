"""The catalogue of recipes, and a contract that every recipe keeps."""

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
from engine.datasets import DATASETS, MaskDataset, TextDataset
from engine.errors import UserError
from engine.recipes import RECIPES, Choices, Recipe, Training, recipe, weights_path
from engine.recipes.folder import dataset_of
from engine.splits import Split
from tests.image_folders import image_folder
from tests.sentences import assert_one_sentence


def test_listing_recipes_imports_no_torch():
    code = "import sys, engine.recipes; assert list(engine.recipes.RECIPES); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_error_for_an_unknown_recipe_lists_the_known_ones():
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
def image_root(tmp_path_factory):
    """A folder of images: three classes of twelve each."""
    return image_folder(tmp_path_factory.mktemp("images") / "Our Pets", classes=3, each=12)


@pytest.fixture(params=list(RECIPES))
def any_recipe(request, image_root) -> Recipe:
    """Every recipe; `folder` needs a folder of images."""
    return recipe(request.param, Choices(images=image_root) if request.param == "folder" else Choices())


def test_a_recipe_has_a_name_title_and_description(any_recipe):
    assert RECIPES[any_recipe.listed].config.title
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", any_recipe.name)
    assert any_recipe.config.title
    assert any_recipe.config.description.endswith(".") and any_recipe.config.description.count(". ") == 0
    with pytest.raises(FrozenInstanceError):
        any_recipe.config.name = "other"


def test_its_training_settings_are_valid(any_recipe):
    settings = any_recipe.training
    if any_recipe.config.published:
        assert settings is None
        return
    assert isinstance(settings, Training)
    assert settings.epochs > 0 and settings.batch_size > 1 and settings.learning_rate > 0
    assert 0 <= settings.warm_up < 1 and 0 <= settings.label_smoothing < 1 and 0 <= settings.distillation <= 1 and 0 <= settings.average < 1


def size_of(dataset):
    """The size of an image, or of a text of common length."""
    return (20,) if isinstance(dataset, TextDataset) else dataset.image_size


def some_inputs(dataset):
    """Two examples without data."""
    size = size_of(dataset)
    return torch.empty(2, *size, dtype=torch.int64) if isinstance(dataset, TextDataset) else torch.empty(2, 3, *size)


def test_its_network_fits_its_data_set(any_recipe):
    dataset = any_recipe.dataset()
    with torch.device("meta"), torch.no_grad():  # shapes only, so even a large network takes no time
        logits = any_recipe.cascade().eval()(some_inputs(dataset))
    of_pixels = dataset.image_size if isinstance(dataset, MaskDataset) else ()
    assert logits.shape[1:] == (2, len(dataset.class_names), *of_pixels)
    assert len(any_recipe.config.exit_names) in (0, len(logits))
    weights = any_recipe.training and any_recipe.training.exit_weights
    assert weights is None or len(weights) == len(logits)


def test_costs_rise_from_exit_to_exit(any_recipe):
    with torch.device("meta"):
        network = any_recipe.cascade()
    macs = stage_macs(network, size_of(any_recipe.dataset()))
    cost = np.array(macs.stage if network.kind is CascadeKind.FAMILY else np.cumsum(macs.stage))
    # every exit adds considerably to the one before; networks of a family differ by factors
    apart = cost[1:] > 1.4 * cost[:-1] if network.kind is CascadeKind.FAMILY else np.diff(cost) > 0.05 * cost[-1]
    assert cost[0] > 0 and np.all(apart)
    # Leaving at the first exit saves much. The residual network's first unit works on the whole of a drawing, which is large.
    is_costly = network.kind is CascadeKind.FAMILY or any_recipe.name in ("doodles-resnet", "doodles-bof")
    assert cost[0] <= (0.45 if is_costly else 0.3) * cost[-1]
    assert sum(macs.head) < 0.1 * cost[-1]


@pytest.mark.parametrize("exits", [(), ("1", "3")])
@pytest.mark.parametrize("data", ["cifar10", "svhn"])
def test_bag_of_features_exits_start_from_the_trunk_of_the_resnet(data, exits):
    resnet, bof = (recipe(f"{data}-{network}", Choices(exits)) for network in ("resnet", "bof"))
    assert bof.training.start_from == resnet.name
    with torch.device("meta"):
        states = [one.cascade().state_dict() for one in (resnet, bof)]
    trunks = [{name: value.shape for name, value in state.items() if "trunk" in name and "codebook" not in name} for state in states]
    assert trunks[0] == trunks[1] and len(trunks[0]) > 50


def test_the_exits_of_doodles_are_spread_evenly():
    macs = stage_macs(recipe("doodles").cascade(), (64, 64))
    cumulative = np.cumsum(macs.stage)
    assert len(cumulative) == 5
    assert 15e6 <= cumulative[-1] <= 35e6
    assert cumulative[0] <= 0.15 * cumulative[-1]
    steps = np.diff(cumulative) / cumulative[-1]
    assert steps.min() > 0.1 and steps.max() < 0.35
    assert sum(macs.head) < 0.05 * cumulative[-1]  # every image pays for the heads that it passes


def test_every_data_set_of_small_images_has_every_network():
    assert {
        f"{data}-{network}" for data in DATASETS if DATASETS[data].small_images for network in ("msdnet", "resnet", "bof", "family")
    } < RECIPES.keys()
    assert not recipe("svhn-msdnet").training.flip  # a mirrored digit is not a digit
    assert recipe("fashion-mnist-bof").training.start_from == "fashion-mnist-resnet"


# Moved exits


@pytest.mark.parametrize("name", ["cifar10-resnet", "cifar100-bof"])
def test_moved_exits_make_another_recipe(name):
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


def test_the_default_exits_change_nothing():
    assert recipe("cifar10-resnet", Choices(exits=("2", "3", "4", "5"))) is recipe("cifar10-resnet")


MISTAKES = {
    "exits in the wrong order": ("cifar10-resnet", {"exits": ("3", "1")}, ["units from 1 to 5", "3,1"]),
    "an exit twice": ("cifar10-bof", {"exits": ("2", "2")}, ["units from 1 to 5", "2,2"]),
    "an exit after the end": ("cifar10-resnet", {"exits": ("2", "6")}, ["units from 1 to 5", "2,6"]),
    "an exit before the first unit": ("cifar10-resnet", {"exits": ("0", "2")}, ["units from 1 to 5", "0,2"]),
    "layers as units": ("cifar10-resnet", {"exits": ("layer1",)}, ["'layer1'", "1,3"]),
    "exits of a dense network": ("doodles", {"exits": ("1",)}, ["exits of doodles", "cifar10-resnet"]),
    "exits of a family": ("cifar10-family", {"exits": ("1",)}, ["exits of cifar10-family"]),
    "images for a recipe that has its own": ("doodles", {"images": Path("pets")}, ["doodles", "folder", "imagenet-family"]),
    "a network for a recipe that has one": ("doodles", {"network": "cifar10-bof"}, ["--network", "`folder`"]),
    "weights for a recipe that trains": ("doodles", {"weights": Path("mine.safetensors")}, ["--weights", "`folder`"]),
    "no images": ("folder", {}, ["--images DIR"]),
    "a missing folder": ("folder", {"images": Path("nowhere"), "exits": ("1",)}, ["no folder", "nowhere"]),
    "an unknown network": ("folder", {"images": ..., "network": "yolo"}, ["'yolo'", "torchvision:NAME", "cifar10-bof"]),
    "a recipe without such a network": ("folder", {"images": ..., "network": "imagenet-family"}, ["'imagenet-family'", "doodles"]),
    "an unknown torchvision network": ("folder", {"images": ..., "network": "torchvision:os", "exits": ("a",)}, ["'os'", "resnet18"]),
    "a wrapped network without exits": ("folder", {"images": ..., "network": "torchvision:resnet18"}, ["--exits", "layer1"]),
    "an unknown layer": ("folder", {"images": ..., "network": "torchvision:resnet18", "exits": ("layer9",)}, ["'layer9'"]),
    "weights for a recipe's network": ("folder", {"images": ..., "weights": Path("a.safetensors")}, ["--weights", "torchvision:resnet18"]),
    "missing weights": (
        "folder",
        {"images": ..., "network": "torchvision:resnet18", "exits": ("layer1",), "weights": Path("a.safetensors")},
        ["no weights at a.safetensors", "resnet18"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_invalid_choice_is_refused_in_one_sentence(mistake, image_root):
    name, given, mentions = MISTAKES[mistake]
    with pytest.raises(UserError) as caught:
        recipe(name, Choices(**{key: image_root if value is ... else value for key, value in given.items()})).dataset().ids(Split.TRAIN)
    assert_one_sentence(str(caught.value), *mentions)


# Folders


def test_a_folder_takes_any_network(image_root):
    for network, side, exits in (("cifar10-resnet", 32, 5), ("doodles", 64, 5), ("cifar100-family", 32, 3)):
        made = recipe("folder", Choices(images=image_root, network=network))
        assert made.name == f"folder-our-pets-{network}" and made.dataset().image_size == (side, side)
        with torch.device("meta"):
            assert made.cascade()(torch.empty(2, 3, side, side)).shape == (exits, 2, 3)


def test_bag_of_features_exits_on_a_folder_start_from_the_resnet_on_it(image_root):
    bof = recipe("folder", Choices(images=image_root, network="cifar10-bof", exits=("1", "3")))
    resnet = recipe("folder", Choices(images=image_root, network="cifar10-resnet", exits=("1", "3")))
    assert bof.name == "folder-our-pets-cifar10-bof-exits-1-3" and bof.training.start_from == resnet.name
    assert resnet.remedy.endswith(f"train folder --images '{image_root}' --network cifar10-resnet --exits 1,3`")


def test_long_names_stay_distinct_and_valid(image_root):
    exits = [("encoder.layers.encoder_layer_0", f"encoder.layers.encoder_layer_{last}") for last in (5, 6)]
    names = {recipe("folder", Choices(one, image_root, "torchvision:vit_b_16")).name for one in exits}
    assert len(names) == 2 and all(check_id(name) for name in names)


def test_a_wrapped_network_gets_a_head_for_the_folders_classes(image_root):
    made = recipe("folder", Choices(("layer1", "layer2"), image_root, "torchvision:resnet18"))
    assert made.training.frozen and made.config.about == {"trunk": "ResNet18_Weights.IMAGENET1K_V1"}
    with torch.device("meta"):
        assert made.cascade()(torch.empty(2, 3, 224, 224)).shape == (3, 2, 3)


def test_the_images_of_a_bundle_are_looked_up_by_name_among_the_data_sets(image_root, monkeypatch):
    monkeypatch.setenv("OFFRAMP_DATASETS", str(image_root.parent))
    dataset = recipe("folder", Choices(images=image_root, network="doodles")).dataset()
    facts = {"recipe": "folder", "dataset": dataset.name, "image_size": [64, 64]}
    opened = dataset_of(facts)
    assert opened.digest() == dataset.digest() and opened.image_size == (64, 64)
    assert dataset_of({"recipe": "cifar10-resnet"}).name == "cifar10" and dataset_of({"recipe": "theirs"}) is None
    (image_root.parent / "inner").mkdir()
    monkeypatch.setenv("OFFRAMP_DATASETS", str(image_root.parent / "inner"))
    for name in (dataset.name, f"../{dataset.name}", "..", "", str(image_root)):
        with pytest.raises(UserError) as caught:
            dataset_of({**facts, "dataset": name})
        assert_one_sentence(str(caught.value), "a link to it")
