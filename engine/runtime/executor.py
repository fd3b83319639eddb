"""Runs a cascade under a rule and really stops: an example that leaves costs no further computation.

`engine.runtime.execution` has the queues and the stages. Here is the run of a whole cascade in one process; `engine.cluster.two_pools` runs
the first stages in some processes and the others in more.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cascades.base import Cascade
from engine.cascades.macs import state_bytes
from engine.errors import UserError
from engine.policies.core.base import Rule
from engine.policies.core.online_rules import OnlineRule
from engine.route import Route
from engine.runtime.execution import Execution
from engine.runtime.inputs import Inputs, Size, largest_size
from engine.runtime.masks import ReceiveMasks

#: Reads the images or the texts of some examples: ids (examples,) -> pixels (examples, height, width, 3) or tokens (examples, words).
ReadInputs = Callable[[NDArray[np.int64]], Inputs]
#: Larger groups need fewer decisions. Single batches slow a small network down by 5 to 7%; there is no difference between 8 and 16.
MOST_BATCHES = 16
#: Memory for the examples in progress: bytes of the host, or the share of a device's free memory.
HOST_BYTES, DEVICE_SHARE = 2**28, 0.25


@torch.inference_mode()
def execute(
    cascade: Cascade,
    rule: Rule,
    ids: NDArray[np.int64],
    read_inputs: ReadInputs,
    device: torch.device | str = "cpu",
    batch_size: int = 32,
    group: int | None = None,
    before: Mapping[str, NDArray[np.float32]] | None = None,
    receive_masks: ReceiveMasks | None = None,
) -> Route:
    """Run the examples `ids` (examples,); returns their route, in the same order.

    cascade: in evaluation mode and on `device`
    group:   number of full batches that go through a stage together, by default that of `group_size`
    before:  {name: (examples,)}, what is known of the examples before any stage runs, for rules that read it
    receive_masks: called with the masks that examples leave with, if the exits give masks
    Raises UserError for the rule of an oracle, which needs labels to decide, and for one that reads recorded features
    other than those of masks.
    """
    online_rule = online_rule_of(rule, cascade)
    for name, number in (("batch size", batch_size), ("group size", group)):
        if number is not None and number < 1:
            raise UserError(f"The {name} is {number} but must be at least 1.")
    first = read_inputs(ids[:batch_size]) if group is None and len(ids) > batch_size else None
    if group is None:
        group = 1 if first is None else group_size(cascade, largest_size(first), batch_size, torch.device(device))
    before = before or {}
    run = Execution(cascade, online_rule, ids, online_rule.start(ids, before), before, torch.device(device), batch_size, group)
    run.receive_masks = receive_masks
    places = np.arange(len(ids))
    rest = places if first is None else places[batch_size:]
    arrivals = (
        partial(run.admit, rest[start : start + group * batch_size], read_inputs) for start in range(0, len(rest), group * batch_size)
    )
    if first is not None:  # it is read already
        arrivals = chain([partial(run.admit, places[:batch_size], lambda _: first)], arrivals)
    run.all(arrivals)
    return Route(run.exit, run.visited, run.prediction if run.gives_classes else None)


def online_rule_of(rule: Rule, cascade: Cascade) -> OnlineRule:
    """The decisions of a rule in a running network. Raises UserError if it cannot decide there."""
    online_rule = rule.online_rule(cascade.kind)
    if online_rule is None:
        needs = "needs the labels or reads recorded features"
        raise UserError(f"{type(rule).__name__} cannot stop a running network because it {needs}; choose another policy.")
    return online_rule


def group_size(cascade: Cascade, size: Size, batch_size: int, device: torch.device) -> int:
    """The number of batches that go through a stage together, at least 1. size: that of an example

    The memory counted per batch of the group is a state before every stage, as a group may wait there, and the two largest states again,
    for the input and output of the running stage.
    """
    states = state_bytes(cascade, size)
    batch_bytes = batch_size * (sum(states) + sum(sorted(states)[-2:]))
    most = DEVICE_SHARE * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else HOST_BYTES
    return max(1, min(MOST_BATCHES, int(most / batch_bytes)))
