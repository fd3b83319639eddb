"""The first stages of a cascade, or the others, in a process that has no more of it: see `engine.cluster.two_pools`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cascades.base import Cascade
from engine.errors import UserError
from engine.policies.core.online_rules import OnlineRule
from engine.runtime.execution import Execution
from engine.runtime.executor import ReadInputs
from engine.runtime.survivors import Survivors


@dataclass(frozen=True, eq=False)
class Left:
    """The examples that left here. exit, prediction, visited: as in `Route`

    places: (examples,) their places among all of the run
    moving: seconds spent on packing and unpacking the examples that travel
    """

    places: NDArray[np.int64]
    exit: NDArray[np.int64]
    prediction: NDArray[np.int32]
    visited: NDArray[np.bool_]
    moving: float


@torch.inference_mode()
def first_stages(
    cascade: Cascade,
    online_rule: OnlineRule,
    places: NDArray[np.int64],
    ids: NDArray[np.int64],
    before: Mapping[str, NDArray[np.float32]],
    read_inputs: ReadInputs,
    device: torch.device,
    batch_size: int,
    beyond: int,
) -> tuple[Left, list[Survivors]]:
    """Run examples through the stages before `beyond`. Returns those that leave there, and the others in full batches and a last one."""
    survivors: list[Survivors] = []
    exit = online_rule.start(ids, before)
    run = Execution(cascade, online_rule, ids, exit, before, device, batch_size, 1, beyond, survivors.append)
    blocks = (np.arange(len(ids))[start : start + batch_size] for start in range(0, len(ids), batch_size))
    run.all(partial(run.admit, block, read_inputs) for block in blocks)
    goes_on = np.zeros(len(ids), bool)
    for batch in survivors:
        goes_on[batch.places] = True
    survivors = [batch.placed(places[batch.places]) for batch in survivors]
    return _left(run, places, ~goes_on), survivors


@torch.inference_mode()
def other_stages(
    cascade: Cascade, online_rule: OnlineRule, survivors: Sequence[Survivors], device: torch.device, batch_size: int, first: int
) -> Left:
    """Run examples, of which there is at least one, through the stages from `first` on."""
    ids, exit, places = (np.concatenate([getattr(batch, name) for batch in survivors]) for name in ("ids", "exit", "places"))
    before = {name: np.concatenate([batch.before[name] for batch in survivors]) for name in survivors[0].before}
    run = Execution(cascade, online_rule, ids, exit, before, device, batch_size, 1)
    ends = np.cumsum([len(batch) for batch in survivors])
    arrivals = [(np.arange(end - len(batch), end), batch) for end, batch in zip(ends, survivors, strict=True)]
    run.all(partial(run.receive, here, batch, first) for here, batch in arrivals)
    return _left(run, places, np.ones(len(ids), bool))


def _left(run: Execution, places: NDArray[np.int64], left: NDArray[np.bool_]) -> Left:
    if left.any() and not run.gives_classes:
        raise UserError("The exits of this network give masks, and two pools run networks that predict classes; run it in one process.")
    return Left(places[left], run.exit[left], run.prediction[left], run.visited[:, left], run.moving)
