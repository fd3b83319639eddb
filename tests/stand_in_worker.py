"""The page's worker process, but with a recipe `small` over CIFAR-10, and where asked with a stand-in for that and for its site.

python -m tests.stand_in_worker published|stand-in [ADDRESS MD5]

Torch is imported when this is run and not before, so that a process without it can ask for the command.
"""

import sys
from collections.abc import Sequence
from functools import partial

RECIPE = "small"
PUBLISHED, STAND_IN = "published", "stand-in"


def command(which: str = STAND_IN, *site: str) -> tuple[str, ...]:
    """What to start in place of `app.worker`."""
    return (sys.executable, "-P", "-m", "tests.stand_in_worker", which, *site)


def main(which: str, site: Sequence[str]) -> None:
    import pytest
    from torchvision import datasets

    from app.worker import loop
    from engine.datasets.published.sets import TorchvisionSet
    from engine.recipes import Recipe, Training, catalogue
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
        about = Recipe(RECIPE, "Small", "Small.", opened, lambda: None, Training(epochs=1))
        patch.setitem(catalogue._recipes, RECIPE, about)
        loop.main()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
