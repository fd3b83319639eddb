"""Joules are counted, divided correctly, and never invented. The counters in these tests are stand-ins; the arithmetic is real."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.cascades.base import CascadeKind
from engine.errors import UserError
from engine.measuring.energy import GpuCounter, energy_counter, joules_each, stage_energy
from tests.engine.measuring.test_measure import CPU, cascade
from tests.sentences import assert_one_sentence


class Meter:
    """A counter that advances with every run, and a clock that advances with every reading."""

    def __init__(self):
        self.total, self.now = 1000.0, 0.0

    def joules(self):
        return self.total

    def spend(self, joules):
        self.total += joules

    def clock(self):
        self.now += 0.1
        return self.now


def metered(kind, meter, cost):
    """A cascade whose trunks and heads spend cost(stage, part, batch size) joules per run."""
    network = cascade(kind)
    for k, stage in enumerate(network.stages):
        for part, module in (("trunk", stage.trunk), ("head", stage.head)):
            module.register_forward_hook(lambda m, given, output, k=k, part=part: meter.spend(cost(k, part, len(given[0][0]))))
    return network


@pytest.mark.parametrize("kind", CascadeKind)
def test_every_image_is_charged_the_energy_of_its_stage(kind):
    meter = Meter()
    network = metered(kind, meter, lambda k, part, size: size * 10.0**k * (1 if part == "trunk" else 0.5))
    energy = stage_energy(network, (8, 8), CPU, (1, 5), meter, seconds=1.0, clock=meter.clock)
    assert energy.batch_sizes == (1, 5)
    np.testing.assert_allclose(energy.stage, [[1.5, 15, 150]] * 2)
    # a chain without its earlier heads; a family's largest network without the others
    np.testing.assert_allclose(energy.full, 111 + 50 if kind is CascadeKind.CHAIN else 150)


def test_energy_spent_in_the_warm_up_is_not_counted():
    meter, runs = Meter(), []

    def run():
        runs.append(meter.now)
        meter.spend(100 if meter.now < 1 else 2)

    assert joules_each(run, meter, lambda: None, seconds=4.0, clock=meter.clock) == pytest.approx(2)
    assert len(runs) > 100


def test_a_counter_that_does_not_change_is_refused():
    with pytest.raises(UserError) as refused:
        joules_each(lambda: None, Meter(), lambda: None, seconds=1.0, clock=Meter().clock)
    assert_one_sentence(str(refused.value), "Energy was not measured")


class NotSupported(Exception):
    pass


def nvml(**changes):
    """A stand-in for pynvml, as far as it is used: millijoules of the board with that UUID."""
    boards = {"GPU-12-ab": 5_250}
    functions = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetHandleByUUID": lambda uuid: uuid,
        "nvmlDeviceGetTotalEnergyConsumption": lambda board: boards[board],
        "NVMLError": NotSupported,
    }
    return SimpleNamespace(**{**functions, **changes})


@pytest.mark.parametrize("uuid", ["12-ab", "GPU-12-ab"])
def test_the_board_is_found_by_its_uuid_and_read_in_joules(uuid):
    assert GpuCounter(nvml(), uuid).joules() == 5.25


def test_without_an_nvidia_gpu_there_is_no_counter():
    with pytest.raises(UserError) as refused:
        energy_counter(CPU)
    assert_one_sentence(str(refused.value), "Energy was not measured", "cpu")


def without_package(name):
    raise ImportError(name)


def no_counter(board):
    raise NotSupported("Not Supported")


@pytest.mark.parametrize(
    ("load", "reason"),
    [(without_package, "nvidia-ml-py"), (lambda name: nvml(nvmlDeviceGetTotalEnergyConsumption=no_counter), "Not Supported")],
)
def test_a_missing_package_or_counter_is_reported_in_one_sentence(load, reason):
    with pytest.raises(UserError) as refused:
        energy_counter(torch.device("cuda"), load, uuid=lambda device: "12-ab")
    assert_one_sentence(str(refused.value), "Energy was not measured", reason)


def test_a_gpu_with_a_counter_is_used():
    imported = []

    def load(name):
        imported.append(name)
        return nvml()

    assert energy_counter(torch.device("cuda"), load, uuid=lambda device: "12-ab").joules() == 5.25
    assert imported == ["pynvml"]
