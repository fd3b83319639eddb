"""The dashboard in a process of its own that takes a stand-in for CIFAR-10 and fetches it from a site nearby.

python -m tests.browser.stand_in_server ADDRESS BYTES MD5 [options of app.serve]
"""

import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest
from torchvision import datasets

from engine.datasets import torchvision_files
from tests.stand_ins import HELD_OUT, fetch_from, trust_stand_ins

RECIPE = "small"  # the bundle's


def main(argv: Sequence[str]) -> int:
    address, size, md5, *options = argv
    with pytest.MonkeyPatch.context() as patch:
        trust_stand_ins(patch)
        fetch_from(address, patch)
        patch.setattr(datasets.CIFAR10, "tgz_md5", md5)
        files = replace(torchvision_files.FILES["cifar10"], archives={datasets.CIFAR10.filename: int(size)})
        patch.setattr(torchvision_files, "FILES", {**torchvision_files.FILES, "cifar10": files})
        # From here on everybody who imports them sees the stand-in
        from app.serve import main as serve
        from engine.datasets.torchvision_sets import TorchvisionSet
        from engine.recipes import Recipe, Training, catalogue

        about = Recipe(RECIPE, "Small", "Small.", lambda: TorchvisionSet("cifar10", held_out=HELD_OUT), lambda: None, Training(epochs=1))
        patch.setitem(catalogue._recipes, RECIPE, about)
        return serve(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
