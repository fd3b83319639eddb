"""Runs a cascade under a rule and really stops: an example that leaves costs no further computation.

Shrinking batches would waste a device, so a queue before every stage collects the surviving examples in full batches again. A group of full
batches goes through a stage, the rule decides about the whole group at once, and the examples that go on join the next queue. The deepest
stage with a full group runs first; new examples are admitted only if no stage has one. So every stage gets full batches until they are
used up, and then one smaller batch. No more than a group per stage is in progress, however large the data set.

Networks of a family run on the inputs themselves, only for the examples that need them. In a chain, a head is skipped if no example of the
batch needs it, and stages between which no example can leave run as one.

States, trunks and heads are on the device. If it has its own memory, the logits stay there too: the device computes the scores, classes,
ensembles and gate features that a rule reads, and is read once per stage and group. Otherwise the host computes them. The logits of earlier
exits are kept until an example leaves, for rules that use them; of exits that give masks, what the masks tell and the masks themselves.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.cascades.base import Cascade
from engine.cascades.macs import state_bytes
from engine.errors import UserError
from engine.outputs import CascadeKind
from engine.policies.core.base import Rule
from engine.policies.core.logit_store import LogitStore
from engine.policies.core.online_rules import ExitOutputs, OnlineRule
from engine.route import Route
from engine.runtime.inputs import Inputs, Size, by_length, largest_size, to_tensor
from engine.runtime.masks import MaskStore, ReceiveMasks
from engine.runtime.queues import Batch, Places, Queue

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
    online_rule = rule.online_rule(cascade.kind)
    if online_rule is None:
        needs = "needs the labels or reads recorded features"
        raise UserError(f"{type(rule).__name__} cannot stop a running network because it {needs}; choose another policy.")
    for name, number in (("batch size", batch_size), ("group size", group)):
        if number is not None and number < 1:
            raise UserError(f"The {name} is {number} but must be at least 1.")
    if group is None:
        group = (
            1
            if len(ids) <= batch_size
            else group_size(cascade, largest_size(read_inputs(ids[:batch_size])), batch_size, torch.device(device))
        )
    run = _Execution(cascade, online_rule, ids, read_inputs, torch.device(device), batch_size, group, before or {}, receive_masks)
    run.all()
    return Route(run.exit, run.visited, run.prediction if run.gives_classes else None)


def group_size(cascade: Cascade, size: Size, batch_size: int, device: torch.device) -> int:
    """The number of batches that go through a stage together, at least 1. size: that of an example

    The memory counted per batch of the group is a state before every stage, as a group may wait there, and the two largest states again,
    for the input and output of the running stage.
    """
    states = state_bytes(cascade, size)
    batch_bytes = batch_size * (sum(states) + sum(sorted(states)[-2:]))
    most = DEVICE_SHARE * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else HOST_BYTES
    return max(1, min(MOST_BATCHES, int(most / batch_bytes)))


def keeps_logits(device: torch.device) -> bool:
    """Whether logits stay on the device: it has its own memory, and float64."""
    return device.type == "cuda"


def empty_store(rows: int, like: Tensor, before: LogitStore | None = None) -> LogitStore:
    """An empty store for the logits of one exit, on the device or on the host.

    like: (batch, classes) float32, or (batch, classes, height, width);  before: the store of the exit before, if there is one
    """
    if like.ndim > 2:
        return MaskStore.empty(rows, like, before if isinstance(before, MaskStore) else None)
    if keeps_logits(like.device):
        return LogitStore(like.new_full((rows, like.shape[-1]), torch.nan))
    return LogitStore(np.full((rows, like.shape[-1]), np.nan, np.float32))


class _Execution:
    """A run in progress. exit, prediction, visited: as in `Route`, filled as examples leave

    exit: for examples in progress, the next exit to run
    slot: (examples,); for examples in progress, their row in the stores
    """

    def __init__(
        self,
        cascade: Cascade,
        online_rule: OnlineRule,
        ids: NDArray[np.int64],
        read_inputs: ReadInputs,
        device: torch.device,
        batch_size: int,
        group: int,
        before: Mapping[str, NDArray[np.float32]],
        receive_masks: ReceiveMasks | None,
    ) -> None:
        self.before, self.receive_masks = before, receive_masks
        self.cascade, self.online_rule, self.ids, self.read_inputs = cascade, online_rule, ids, read_inputs
        self.device, self.batch_size, self.group = device, batch_size, group
        self.chain = cascade.kind is CascadeKind.CHAIN
        self.last = len(cascade.stages) - 1
        self.exit = online_rule.start(ids, before)
        self.prediction = np.empty(len(ids), np.int32)
        self.visited = np.zeros((len(cascade.stages), len(ids)), bool)
        self.queues = [Queue(batch_size) for _ in cascade.stages]
        # No example is admitted while a stage has a full group: less than a group waits before each stage, and one group is admitted.
        self.free = np.arange(min(len(ids), group * batch_size * (len(cascade.stages) + 1)))
        self.slots = len(self.free)
        self.slot = np.empty(len(ids), np.int64)
        self.stores: dict[int, LogitStore] = {}  # {exit: logits of the examples in progress, (slots, classes)}

    @property
    def gives_classes(self) -> bool:
        """Whether examples leave with a class and not with a mask."""
        return not any(isinstance(store, MaskStore) for store in self.stores.values())

    def all(self) -> None:
        arrived = 0
        while True:
            ready = [k for k, queue in enumerate(self.queues) if queue.full >= self.group]
            waiting = [k for k, queue in enumerate(self.queues) if queue]
            if ready:
                self._advance(ready[-1])
            elif arrived < len(self.ids):
                here = np.arange(arrived, min(arrived + self.group * self.batch_size, len(self.ids)))
                self._admit(here)
                arrived += len(here)
            elif waiting:
                self._advance(waiting[0])
            else:
                return

    def _admit(self, here: Places) -> None:
        """Read the inputs of the examples at `here` and enqueue them, texts of like length together."""
        self.slot[here], self.free = self.free[: len(here)], self.free[len(here) :]
        inputs = self.read_inputs(self.ids[here])
        order = by_length(inputs)
        here, read = here[order], torch.from_numpy(inputs[order])
        for start in range(0, len(here), self.batch_size):
            part = slice(start, start + self.batch_size)
            self._enqueue(Batch(here[part], (read[part],)), -1)

    def _enqueue(self, batch: Batch, done: int) -> None:
        """Put the examples of a batch that go on after stage `done` into the queues of their next stages."""
        targets = self.exit[batch.places]
        if self.chain:
            self.queues[done + 1].put(batch, np.flatnonzero(targets > done))
        else:
            for k in np.unique(targets[targets > done]):
                self.queues[k].put(batch, np.flatnonzero(targets == k))

    def _advance(self, first: int) -> None:
        """Run the group that waits before stage `first` up to the first exit that any of its examples needs."""
        batches = self.queues[first].take(self.group)
        here = np.concatenate([batch.places for batch in batches])
        k = int(self.exit[here].min())
        if not first <= k <= self.last:
            raise RuntimeError(f"an online rule chose exit {k} for examples before stage {first}")
        arrived, logits, after = [], [], []
        while batches:
            batch = batches.pop()  # which frees its memory for the outputs
            state = (to_tensor(batch.state[0], self.device),) if first == 0 or not self.chain else batch.state
            state = self.cascade.state_after(state, first, k)
            arrives = self.exit[batch.places] == k
            if arrives.any():
                arrived.append(batch.places[arrives])
                logits.append(_picked(self.cascade.stages[k].head(state), arrives).float())
            after.append(Batch(batch.places, state if self.chain else batch.state))
        self.visited[first : k + 1, here] = True
        self._decide(k, np.concatenate(arrived), torch.cat(logits))
        while after and k < self.last:
            self._enqueue(after.pop(), k)

    def _decide(self, k: int, arrived: Places, logits: Tensor) -> None:
        if k not in self.stores:
            self.stores[k] = empty_store(self.slots, logits, self.stores.get(k - 1))
        self.stores[k].keep(self.slot[arrived], logits)
        before = {name: values[arrived] for name, values in self.before.items()}
        exit_outputs = ExitOutputs(self.stores, self.slot[arrived], before)
        then = np.full(len(arrived), k) if k == self.last else self.online_rule.after(k, self.ids[arrived], exit_outputs)
        self.exit[arrived] = then
        leaves = then == k
        left = arrived[leaves]
        store = self.stores[k]
        if isinstance(store, MaskStore):
            if self.receive_masks is not None and left.size:
                self.receive_masks(self.ids[left], store.at(self.slot[left]))
        else:
            self.prediction[left] = self.online_rule.answer(k, self.ids[left], exit_outputs.of(leaves))
        for store in self.stores.values():
            store.forget(self.slot[left])
        self.free = np.concatenate((self.free, self.slot[left]))


def _picked(tensor: Tensor, kept: NDArray[np.bool_]) -> Tensor:
    """Some rows of a tensor. (batch, ...), (batch,) -> (kept, ...)"""
    return tensor if kept.all() else tensor[torch.from_numpy(np.flatnonzero(kept)).to(tensor.device)]
