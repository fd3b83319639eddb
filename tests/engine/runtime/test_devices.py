"""Which device is picked, and what is said of one that is not there."""

import pytest
import torch

from engine.errors import UserError
from engine.runtime.devices import device_name, pick_device
from tests.sentences import assert_one_sentence


def test_the_best_device_there_is_has_a_name() -> None:
    assert device_name(pick_device("auto"))
    assert pick_device("cpu") == torch.device("cpu") and "thread" in device_name(torch.device("cpu"))


@pytest.mark.parametrize("wanted", ["gpu", "cpu:banana", "", "tpu:0"])
def test_a_device_that_does_not_exist_is_answered_in_a_sentence(wanted: str) -> None:
    with pytest.raises(UserError) as refused:
        pick_device(wanted)
    assert_one_sentence(str(refused.value), repr(wanted))


HERE = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


@pytest.mark.parametrize("wanted", [name for name, here in HERE.items() if not here])
def test_a_device_that_is_not_here_is_answered_in_a_sentence(wanted: str) -> None:
    with pytest.raises(UserError) as refused:
        pick_device(wanted)
    assert_one_sentence(str(refused.value), wanted)
