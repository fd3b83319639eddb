"""The page's worker process with an additional recipe `small` on CIFAR-10, and optionally with stand-ins for the data and its site.

python -m tests.stand_in_worker published|stand-in [ADDRESS MD5]

Torch is imported only when this module runs, so that a process without torch can build the command.
"""

import sys
from collections.abc import Sequence
from functools import partial
from types import ModuleType

RECIPE = "small"
PUBLISHED, STAND_IN = "published", "stand-in"


def command(which: str = STAND_IN, *site: str) -> tuple[str, ...]:
    """The command to run instead of `app.worker`."""
    return (sys.executable, "-P", "-m", "tests.stand_in_worker", which, *site)


def main(which: str, site: Sequence[str]) -> None:
    # No data set needs torchvision's networks, which are half of the time that it takes to start: it finds them imported, and empty.
    for part in ("models", "ops"):
        sys.modules[f"torchvision.{part}"] = ModuleType(f"torchvision.{part}")
    import pytest
    from torchvision import datasets

    from app.worker import loop
    from engine.datasets.published.sets import TorchvisionSet
    from engine.recipes import Recipe, RecipeConfig, Training, catalogue
    from tests.stand_ins import HELD_OUT, fetch_from, trust_stand_ins

    with pytest.MonkeyPatch.context() as patch:
        opened = partial(TorchvisionSet, "cifar10")
        if which == STAND_IN:
            trust_stand_ins(patch)
            opened = partial(opened, held_out=HELD_OUT)
        if site:
            address, md5 = site
            fetch_from(address, patch)
            patch.setattr(datasets.CIFAR10, "tgz_md5", md5)
        about = Recipe(RecipeConfig(RECIPE, "Small", "Small.", Training(epochs=1)), opened, lambda: None)
        patch.setitem(catalogue._recipes, RECIPE, about)
        loop.main()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
