"""Your own model: a network gets exits and becomes a bundle.

Usage, in the folder of the repository: python -m examples.own_model DIR, with images in DIR/CLASS/.
"""

import sys
from pathlib import Path

from torchvision.models import resnet18

import engine


def main(folder: Path) -> None:
    images = engine.ImageFolder(folder, (64, 64))
    network = resnet18(num_classes=len(images.class_names))  # with your weights, instead of random ones
    # If it was trained on scaled colours, as ImageNet's networks are, give their mean and deviation too.
    recipe = engine.wrapped_recipe("my-model", network, ["layer1", "layer2", "layer3"], images)
    engine.train(recipe, epochs=1)  # trains the heads of the exits; the network itself does not change
    print("The bundle is at", engine.compute(recipe))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
