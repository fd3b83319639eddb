"""AlexNet, GoogLeNet and ResNet-50 on ImageNet's validation images: the setting of Bolukbasi et al., ICML 2017.

The networks are not trained here, as their weights are torchvision's. So no image is needed for training: all are split in three.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.paths import datasets_folder
from engine.recipes.catalogue import Recipe, RecipeConfig, register

if TYPE_CHECKING:
    from engine.cascades.base import Cascade
    from engine.datasets.base import Dataset

NAME = "imagenet-family"
#: Name of the weights for `download`.
WEIGHTS = "imagenet-weights"
#: Shares of TRAIN, FIT, CALIBRATION and TEST.
SHARES = (0.0, 0.2, 0.2, 0.6)


def _images(folder: Path) -> "Dataset":
    """ImageNet's images. Folders are named by codes, and the classes are in the order of the folders."""
    from torchvision.models import ResNet50_Weights

    from engine.datasets.folder import ImageFolder

    return ImageFolder(folder, (224, 224), shares=SHARES, names=tuple(ResNet50_Weights.IMAGENET1K_V1.meta["categories"]))


def _cascade() -> "Cascade":
    from engine.cascades.family import imagenet_family

    return imagenet_family()


@register
def imagenet_family() -> Recipe:
    config = RecipeConfig(
        name=NAME,
        title="ImageNet, AlexNet, GoogLeNet and ResNet-50",
        description="AlexNet, GoogLeNet and ResNet-50 with torchvision's published weights, on a folder of ImageNet's validation images.",
        training=None,
        published=WEIGHTS,
        exit_names=("AlexNet", "GoogLeNet", "ResNet-50"),
    )
    return Recipe(config, dataset=lambda: _images(datasets_folder() / "imagenet"), cascade=_cascade, images=_images)
