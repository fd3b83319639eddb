"""Your own model: a network gets exits and becomes a bundle. Usage: python examples/own_model.py DIR, with images in DIR/CLASS/."""

import sys
from pathlib import Path

from torchvision.models import resnet18

from engine.datasets.folder import ImageFolder
from engine.recipes.wrapped import HEADS, wrapped_recipe
from engine.runtime.compute import compute
from engine.training.loop import train

images = ImageFolder(Path(sys.argv[1]), (64, 64))
network = resnet18(num_classes=len(images.class_names))  # with your weights, instead of random ones
recipe = wrapped_recipe("my-model", network, ["layer1", "layer2", "layer3"], images, HEADS)
train(recipe, epochs=1)  # the heads of the exits learn, the network stays as it is
print("The bundle is at", compute(recipe))
