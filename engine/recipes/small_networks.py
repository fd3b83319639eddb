"""The networks for small images, and how they are trained.

Their shapes and settings were chosen on CIFAR-10 and are used for all data sets of small images.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.recipes.catalogue import NetworkBuilder, Training

if TYPE_CHECKING:
    from engine.cascades.base import Cascade
    from engine.cascades.resnet import ResNetShape

#: For all of them. Training takes minutes on a GPU and about an hour on a CPU.
_TRAINING = Training(
    epochs=30,
    batch_size=256,
    optimizer="muon",
    learning_rate=0.015,
    weight_decay=0.2,
    label_smoothing=0.2,
    distillation=0.3,
    exit_weights=(1, 1, 1, 1, 2),
    average=0.995,
    jitter=0.0,
    cutout=10,  # without it the residual network reached 99.8% on training images and 92.7% on others
    validation=500,
)

#: Units of the residual trunk that are followed by an exit, by default.
_EXITS = (2, 3, 4, 5)


def _residual(classes: int, exits: tuple[int, ...] | None) -> "ResNetShape":
    from engine.cascades.resnet import ResNetShape

    return ResNetShape(classes=classes, widths=(64, 256, 256), blocks=(1, 1, 1), exits=_EXITS if exits is None else exits)


def _msdnet(classes: int, exits: tuple[int, ...] | None = None) -> "Cascade":
    from engine.cascades.msdnet import MSDNetShape, msdnet

    return msdnet(
        MSDNetShape(
            classes=classes,
            stem=None,
            base=(64, 128, 160),
            growth=(64, 128, 104),
            layers=(0, 1, 1, 2, 2),
            scales=(3, 3, 3, 2, 1),
        )
    )


def _resnet(classes: int, exits: tuple[int, ...] | None) -> "Cascade":
    from engine.cascades.resnet import resnet

    return resnet(_residual(classes, exits))


def _bof(classes: int, exits: tuple[int, ...] | None) -> "Cascade":
    from engine.cascades.bof import BofShape, bof

    return bof(BofShape(_residual(classes, exits), words=64, regions=2))


def _family(classes: int, exits: tuple[int, ...] | None = None) -> "Cascade":
    from engine.cascades.family import resnet_family
    from engine.cascades.resnet import ResNetShape

    small = ResNetShape(classes, widths=(16, 64, 96), blocks=(0, 1, 0))
    medium = ResNetShape(classes, widths=(32, 64, 160), blocks=(0, 1, 1))
    large = ResNetShape(classes, widths=(96, 256, 256), blocks=(1, 1, 1))
    return resnet_family([small, medium, large])


@dataclass(frozen=True)
class SmallNetwork:
    """A network for small images.

    about:  start of the description; {data} is replaced by the name of the data set
    starts: short name of the network whose weights training starts from
    """

    title: str
    about: str
    network: NetworkBuilder
    training: Training
    starts: str | None = None
    exit_names: tuple[str, ...] = ()


#: By short name.
SMALL_NETWORKS = {
    "msdnet": SmallNetwork(
        "multi-scale dense network",
        "A multi-scale dense network with five exits",
        NetworkBuilder(_msdnet),
        replace(_TRAINING, epochs=44, exit_weights=(1, 1, 1, 1, 3)),
    ),
    "resnet": SmallNetwork(
        "residual network",
        "A residual network with five exits, each with its own classifier",
        NetworkBuilder(_resnet, _EXITS),
        _TRAINING,
    ),
    "bof": SmallNetwork(
        "Bag-of-Features exits",
        "The trunk of {data}-resnet with five Bag-of-Features exits that share one classifier",
        NetworkBuilder(_bof, _EXITS),
        replace(_TRAINING, epochs=5, learning_rate=4e-3),
        starts="resnet",
    ),
    "family": SmallNetwork(
        "three networks",
        "Three separate residual networks, small, medium and large",
        NetworkBuilder(_family),
        replace(_TRAINING, epochs=16, cutout=0, distillation=0.5, exit_weights=None),
        exit_names=("Small", "Medium", "Large"),
    ),
}
