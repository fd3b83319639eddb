"""Which device is picked, and the errors for unknown and unavailable ones."""

import pytest
import torch

from engine.errors import UserError
from engine.runtime.devices import device_name, pick_device
from tests.sentences import assert_one_sentence


def test_the_best_available_device_has_a_name() -> None:
    assert device_name(pick_device("auto"))
    assert pick_device("cpu") == torch.device("cpu") and "thread" in device_name(torch.device("cpu"))


@pytest.mark.parametrize("wanted", ["gpu", "cpu:banana", "", "tpu:0"])
def test_an_unknown_device_is_refused_in_one_sentence(wanted: str) -> None:
    with pytest.raises(UserError) as refused:
        pick_device(wanted)
    assert_one_sentence(str(refused.value), repr(wanted))


AVAILABLE = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


@pytest.mark.parametrize("wanted", [name for name, available in AVAILABLE.items() if not available])
def test_an_unavailable_device_is_refused_in_one_sentence(wanted: str) -> None:
    with pytest.raises(UserError) as refused:
        pick_device(wanted)
    assert_one_sentence(str(refused.value), wanted)
