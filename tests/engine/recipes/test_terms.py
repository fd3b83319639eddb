"""What people who pass on examples of a data set must know is known of every bundle whose examples are not its own."""

from typing import Any

import pytest

from engine.datasets import DATASETS
from engine.recipes.terms import terms_of


@pytest.mark.parametrize(
    ("provenance", "terms"),
    [
        ({"dataset": "cifar10", "recipe": "cifar10-msdnet"}, "of CIFAR-10, which come without a license to redistribute them"),
        ({"dataset": "camvid"}, "of CamVid, which are under CC BY-NC, so they may not be used commercially"),
        ({"dataset": "doodles", "recipe": "doodles"}, ""),
        ({"dataset": "my photos", "recipe": "folder"}, "from the folder my photos, which only their owner may allow to be passed on"),
        ({"dataset": "a\nb", "recipe": "folder"}, "from the folder a b, which only their owner may allow to be passed on"),
        ({"imported_from": "log.csv"}, ""),
        ({}, ""),
    ],
)
def test_the_terms_are_those_of_the_data_set(provenance: dict[str, Any], terms: str) -> None:
    assert terms_of(provenance) == terms


def test_every_registered_data_set_has_terms_that_end_a_sentence() -> None:
    for name, entry in DATASETS.items():
        assert terms_of({"dataset": name}) == (f"of {entry.title}, which {entry.terms}" if entry.terms else "")
