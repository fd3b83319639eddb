"""Invented measurements of an imaginary device for the tests, in the form that a bundle stores."""

import numpy as np

from engine.bundle.measurements import JOULES, MS, Fresh, Measured, MeasuredRun, StaticExit

DEVICE = "Abacus, 2 threads"
#: At batch size 32, early exit is faster except at the last budget; at batch size 1, only at the first.
SPEED_UPS = {32: (2.0, 1.5, 0.9), 1: (1.2, 0.95, 0.8)}
BUDGETS, BY_MACS, ACCURACY = (0.25, 0.5, 0.75), (3.9, 2.0, 1.3), (0.55, 0.62, 0.69)


def fresh(batch_size: int = 32, exits: int = 4, device: str = DEVICE, joules: bool = False, date: str = "2026-11-21") -> Fresh:
    """Measurements at one batch size: stages that take k + 1 tenths of a millisecond, exits that become more accurate and slower."""
    runs = tuple(
        MeasuredRun(budget, budget, speed_up, by_macs, 0.9 * by_macs, ACCURACY[i])
        for i, (budget, by_macs, speed_up) in enumerate(zip(BUDGETS, BY_MACS, SPEED_UPS.get(batch_size, SPEED_UPS[32]), strict=True))
    )
    alone = tuple(StaticExit(exits / (k + 1), 0.4 + 0.3 * k / (exits - 1)) for k in range(exits))
    costs = {MS: 0.1 * np.arange(1.0, exits + 1)} | ({JOULES: 0.02 * np.arange(1.0, exits + 1)} if joules else {})
    measured = Measured(device, batch_size, 512, 2000, "maxprob", date, alone=alone, runs=runs)
    return Fresh(measured, costs, {quantity: f"Measured on {device}." for quantity in costs})
