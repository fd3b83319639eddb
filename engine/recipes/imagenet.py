"""Networks with published weights on ImageNet's validation images, or on images of some of its classes.

The networks are not trained here. So no image is needed for training: all are split in three.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.paths import datasets_folder
from engine.recipes.catalogue import Recipe, RecipeConfig, register

if TYPE_CHECKING:
    from engine.cascades.base import Cascade
    from engine.datasets.base import Dataset

NAME, LITE_NAME = "imagenet-family", "imagenet-lite-family"
#: Names of the weights for `download`.
WEIGHTS, LITE_WEIGHTS = "imagenet-weights", "imagenet-lite-weights"
#: The resolutions of the images. Of the lite networks, the largest has this one, and the others resize images to theirs.
SIDE, LITE_SIDE = 224, 260
#: Shares of TRAIN, FIT, CALIBRATION and TEST.
SHARES = (0.0, 0.2, 0.2, 0.6)


def _images(folder: Path, side: int) -> "Dataset":
    """ImageNet's images, whose folders are named by codes in the order of its classes, or images in folders with names of its classes."""
    from torchvision.models import ResNet50_Weights

    from engine.datasets.folder import ImageFolder

    return ImageFolder(folder, (side, side), shares=SHARES, names=tuple(ResNet50_Weights.IMAGENET1K_V1.meta["categories"]))


def _of_imagenet(config: RecipeConfig, images: "Callable[[Path], Dataset]", cascade: "Callable[[], Cascade]") -> Recipe:
    return Recipe(config, dataset=lambda: images(datasets_folder() / "imagenet"), cascade=cascade, images=images)


def _cascade() -> "Cascade":
    from engine.cascades.family import imagenet_family

    return imagenet_family()


def _lite_cascade() -> "Cascade":
    from engine.cascades.efficientnet_lite import efficientnet_lite_family

    return efficientnet_lite_family()


@register
def imagenet_family() -> Recipe:
    """The setting of Bolukbasi et al., ICML 2017; the weights are torchvision's."""
    config = RecipeConfig(
        name=NAME,
        title="ImageNet, AlexNet, GoogLeNet and ResNet-50",
        description="AlexNet, GoogLeNet and ResNet-50 with torchvision's published weights, on a folder of ImageNet's validation images.",
        training=None,
        published=WEIGHTS,
        exit_names=("AlexNet", "GoogLeNet", "ResNet-50"),
    )
    return _of_imagenet(config, lambda folder: _images(folder, SIDE), _cascade)


@register
def imagenet_lite_family() -> Recipe:
    config = RecipeConfig(
        name=LITE_NAME,
        title="ImageNet, EfficientNet-lite 0, 1 and 2",
        description="EfficientNet-lite 0, 1 and 2 with the weights of three packages, on a folder of ImageNet's validation images.",
        training=None,
        published=LITE_WEIGHTS,
        exit_names=("Lite 0", "Lite 1", "Lite 2"),
    )
    return _of_imagenet(config, lambda folder: _images(folder, LITE_SIDE), _lite_cascade)
