"""The data sets that come with Offramp or that torchvision reads. Heavy imports wait until one is built."""

from functools import partial

from engine.datasets.base import Dataset, MaskDataset, TextDataset
from engine.datasets.published.files import FILES
from engine.datasets.registry import register_dataset

#: Terms of published data sets, as their own pages state them or do not.
_UNLICENSED = "come without a license to redistribute them"
_NOT_COMMERCIAL = "are for non-commercial use only"


@register_dataset("doodles", "Doodles", "64x64 drawings", classes=10, small_images=False)  # it has its own network
def doodles() -> Dataset:
    from engine.datasets.doodles import Doodles

    return Doodles()


@register_dataset("phrases", "Phrases", "short reviews that praise one of 5 things", classes=5, small_images=False)
def phrases() -> TextDataset:
    from engine.datasets.phrases import Phrases

    return Phrases()


@register_dataset(
    "scenes", "Scenes", "64x64 drawings of several things, with the kind of thing at each pixel", classes=5, small_images=False
)
def scenes() -> MaskDataset:
    from engine.datasets.scenes import Scenes

    return Scenes()


@register_dataset(
    "camvid",
    "CamVid",
    "96x128 frames of a drive, with one of 11 classes at each pixel",
    classes=11,
    small_images=False,
    terms="are under CC BY-NC, so they may not be used commercially",
)
def camvid() -> MaskDataset:
    from engine.datasets.camvid import CamVid

    return CamVid()


@register_dataset(
    "cityscapes",
    "Cityscapes",
    "128x256 frames of a drive, with one of 19 classes at each pixel",
    classes=19,
    small_images=False,
    terms="may not be redistributed",
)
def cityscapes() -> MaskDataset:
    from engine.datasets.cityscapes import Cityscapes

    return Cityscapes()


@register_dataset("sst2", "SST-2", "sentences of film reviews, positive or negative", classes=2, small_images=False, terms=_UNLICENSED)
def sst2() -> TextDataset:
    from engine.datasets.sst2 import sst2

    return sst2()


@register_dataset("ag-news", "AG News", "news in 4 classes", classes=4, small_images=False, terms=_NOT_COMMERCIAL)
def ag_news() -> TextDataset:
    from engine.datasets.ag_news import ag_news

    return ag_news()


def _published(name: str) -> Dataset:
    from engine.datasets.published.sets import TorchvisionSet  # imports torch

    return TorchvisionSet(name)


register_dataset("cifar10", FILES["cifar10"].title, "32x32 photographs in 10 classes", 10, terms=_UNLICENSED)(
    partial(_published, "cifar10")
)
register_dataset("cifar100", FILES["cifar100"].title, "32x32 photographs in 100 classes", 100, terms=_UNLICENSED)(
    partial(_published, "cifar100")
)
register_dataset(
    "fashion-mnist",
    FILES["fashion-mnist"].title,
    "28x28 greyscale images of 10 kinds of clothing, padded to 32x32",
    10,
    terms="are under the MIT license",
)(partial(_published, "fashion-mnist"))
register_dataset(
    "svhn", FILES["svhn"].title, "32x32 photographs of house-number digits", 10, training={"flip": False}, terms=_NOT_COMMERCIAL
)(partial(_published, "svhn"))

#: The classes, in the order of the file.
_TWENTY = tuple(
    "apple bicycle bottle boy chair clock couch cup dolphin girl lamp lion motorcycle oak_tree orange rose shark tiger tulip whale".split()
)


@register_dataset(
    "cifar100-twenty",
    "CIFAR-100, twenty classes",
    "32x32 photographs in 20 of the 100 classes of CIFAR-100",
    20,
    training={"epochs": 30},
    terms=_UNLICENSED,
)
def cifar100_twenty() -> Dataset:
    from engine.datasets.packed import PackedImages

    return PackedImages("cifar100-twenty", "cifar100/cifar100_twenty.npz", _TWENTY)
