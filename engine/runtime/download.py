"""Downloads of published data sets and weights. Nothing else in the engine uses the network.

Weights that come as Python packages are taken from the installed packages.
"""

from pathlib import Path

from engine.cascades import efficientnet_lite as lite
from engine.cascades import pretrained as torchvision_networks
from engine.cascades.family import IMAGENET_FAMILY, imagenet_family
from engine.cascades.pretrained import PREFIX, known_network
from engine.datasets.published import sets as torchvision_sets
from engine.datasets.published.sets import SOURCES
from engine.errors import UserError
from engine.progress import Progress
from engine.recipes import weights_path
from engine.recipes.imagenet import LITE_NAME, LITE_WEIGHTS, NAME, WEIGHTS
from engine.runtime.weights import save_weights


def download(name: str, datasets: Path | None = None, progress: Progress | None = None) -> Path:
    """Download a data set, the weights of torchvision:NETWORK, imagenet-weights or imagenet-lite-weights; returns the path.

    Raises UserError, also if the packages with the weights of imagenet-lite-weights are not installed.

    datasets: folder for a data set, by default that of all data sets
    progress: called with the bytes of a data set that were received and those in all; torchvision shows the progress of weights
    """
    if name == WEIGHTS:
        published = [known_network(member).published for member in IMAGENET_FAMILY]
        save_weights(imagenet_family(published=True), weights_path(NAME), NAME, {"published": published})
        return weights_path(NAME)
    if name == LITE_WEIGHTS:
        sources = [lite.weights_file_of(shape).name for shape in lite.LITE_FAMILY]
        save_weights(lite.efficientnet_lite_family(published=True), weights_path(LITE_NAME), LITE_NAME, {"published": sources})
        return weights_path(LITE_NAME)
    if name.startswith(PREFIX):
        return torchvision_networks.download(name.removeprefix(PREFIX))
    if name in SOURCES:
        return torchvision_sets.download(name, datasets, progress)
    raise UserError(f"{name!r} cannot be downloaded; choose one of: {', '.join(SOURCES)}, {WEIGHTS}, {LITE_WEIGHTS}, {PREFIX}NETWORK.")
