"""The data sets that come with Offramp, or that torchvision can read. Nothing heavy is imported before one is built."""

from functools import partial

from engine.datasets.base import Dataset
from engine.datasets.published.files import FILES
from engine.datasets.registry import register_dataset


@register_dataset("doodles", "Doodles", "64x64 drawings of ten things", classes=10, small_images=False)  # it has a network of its own
def doodles() -> Dataset:
    from engine.datasets.doodles import Doodles

    return Doodles()


def _published(name: str) -> Dataset:
    from engine.datasets.published.sets import TorchvisionSet  # with torch

    return TorchvisionSet(name)


register_dataset("cifar10", FILES["cifar10"].title, "32x32 photographs of ten things", 10)(partial(_published, "cifar10"))
register_dataset("cifar100", FILES["cifar100"].title, "32x32 photographs of a hundred things", 100)(partial(_published, "cifar100"))
register_dataset("fashion-mnist", FILES["fashion-mnist"].title, "28x28 grey images of ten kinds of clothes, framed to 32x32", 10)(
    partial(_published, "fashion-mnist")
)
register_dataset("svhn", FILES["svhn"].title, "32x32 photographs of the digits of house numbers", 10, training={"flip": False})(
    partial(_published, "svhn")
)
