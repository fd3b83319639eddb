"""The stages of a cascade, or some of them in a row, running under an online rule.

Shrinking batches would waste a device, so a queue before every stage collects the surviving examples in full batches again. A group of full
batches goes through a stage, the rule decides about the whole group at once, and the examples that go on join the next queue. The deepest
stage with a full group runs first; new examples are admitted only if no stage has one. So every stage gets full batches until they are
used up, and then one smaller batch. No more than a group per stage is in progress, however large the data set.

Networks of a family run on the inputs themselves, only for the examples that need them. In a chain, a head is skipped if no example of the
batch needs it, and stages between which no example can leave run as one.

States, trunks and heads are on the device. If it has its own memory, the logits stay there too: the device computes the scores, classes,
ensembles and gate features that a rule reads, and is read once per stage and group. Otherwise the host computes them. The logits of earlier
exits are kept until an example leaves, for rules that use them; of exits that give masks, what the masks tell and the masks themselves.

If only the first stages run here, the examples that survive them are handed over, in full batches, with what the other stages need.
"""

import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.cascades.base import Cascade
from engine.outputs import CascadeKind
from engine.policies.core.logit_store import LogitStore
from engine.policies.core.online_rules import ExitOutputs, OnlineRule
from engine.runtime.inputs import Inputs, by_length, to_tensor
from engine.runtime.masks import MaskStore, ReceiveMasks
from engine.runtime.queues import Batch, Places, Queue
from engine.runtime.survivors import Survivors


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


class Execution:
    """A run in progress. exit, prediction, visited: as in `Route`, filled as examples leave

    exit:      for examples in progress, the next exit to run
    slot:      (examples,); for examples in progress, their row in the stores
    beyond:    the first stage that does not run here, by default none
    hand_over: called with the examples that go on to stages beyond, a batch at a time
    receive_masks: called with the masks that examples leave with, if the exits give masks
    moving:    seconds spent on packing and unpacking examples that come from elsewhere or go there
    """

    def __init__(
        self,
        cascade: Cascade,
        online_rule: OnlineRule,
        ids: NDArray[np.int64],
        exit: NDArray[np.int64],
        before: Mapping[str, NDArray[np.float32]],
        device: torch.device,
        batch_size: int,
        group: int,
        beyond: int | None = None,
        hand_over: Callable[[Survivors], object] | None = None,
    ) -> None:
        self.cascade, self.online_rule, self.ids, self.exit, self.before = cascade, online_rule, ids, exit, before
        self.device, self.batch_size, self.group = device, batch_size, group
        self.beyond = len(cascade.stages) if beyond is None else beyond
        self.hand_over = hand_over
        self.receive_masks: ReceiveMasks | None = None
        self.moving = 0.0
        self.chain = cascade.kind is CascadeKind.CHAIN
        self.last = len(cascade.stages) - 1
        self.prediction = np.empty(len(ids), np.int32)
        self.visited = np.zeros((len(cascade.stages), len(ids)), bool)
        self.queues = [Queue(batch_size) for _ in range(self.beyond + 1)]
        # No example is admitted while a stage has a full group: less than a group waits before each stage, and one group is admitted.
        self.free = np.arange(min(len(ids), group * batch_size * (len(cascade.stages) + 1)))
        self.slots = len(self.free)
        self.slot = np.empty(len(ids), np.int64)
        self.stores: dict[int, LogitStore] = {}  # {exit: logits of the examples in progress, (slots, classes)}

    @property
    def gives_classes(self) -> bool:
        """Whether examples leave with a class and not with a mask."""
        return not any(isinstance(store, MaskStore) for store in self.stores.values())

    def all(self, arrivals: Iterable[Callable[[], None]]) -> None:
        """Run everything. arrivals: each of them admits at most a group of examples"""
        arriving = iter(arrivals)
        while True:
            ready = [k for k, queue in enumerate(self.queues[: self.beyond]) if queue.full >= self.group]
            waiting = [k for k, queue in enumerate(self.queues[: self.beyond]) if queue]
            if ready:
                self._advance(ready[-1])
            elif (arrive := next(arriving, None)) is not None:
                arrive()
            elif waiting:
                self._advance(waiting[0])
            else:
                break
            self._hand_over(self.queues[self.beyond].full)
        self._hand_over(1)

    def admit(self, here: Places, read_inputs: Callable[[NDArray[np.int64]], Inputs]) -> None:
        """Read the inputs of the examples at `here` and enqueue them, texts of like length together."""
        self._give_slots(here)
        inputs = read_inputs(self.ids[here])
        order = by_length(inputs)
        here, read = here[order], torch.from_numpy(inputs[order])
        for start in range(0, len(here), self.batch_size):
            part = slice(start, start + self.batch_size)
            self._enqueue(Batch(here[part], (read[part],)), -1)

    def receive(self, here: Places, survivors: Survivors, first: int) -> None:
        """Enqueue examples that ran through the stages before `first` elsewhere."""
        begun = time.perf_counter()
        self._give_slots(here)
        self.visited[:, here] = survivors.visited
        for k, logits in sorted(survivors.logits.items()):
            kept = torch.from_numpy(logits).to(self.device)
            if k not in self.stores:
                self.stores[k] = empty_store(self.slots, kept)
            self.stores[k].keep(self.slot[here], kept)
        self._enqueue(Batch(here, survivors.state_on(self.device if self.chain else "cpu")), first - 1)
        self.moving += time.perf_counter() - begun

    def _give_slots(self, here: Places) -> None:
        self.slot[here], self.free = self.free[: len(here)], self.free[len(here) :]

    def _enqueue(self, batch: Batch, done: int) -> None:
        """Put the examples of a batch that go on after stage `done` into the queues of their next stages."""
        targets = self.exit[batch.places]
        if self.chain:
            self.queues[done + 1].put(batch, np.flatnonzero(targets > done))
        else:
            queues = np.minimum(targets, self.beyond)
            for k in np.unique(queues[targets > done]):
                self.queues[k].put(batch, np.flatnonzero(queues == k))

    def _advance(self, first: int) -> None:
        """Run the group that waits before stage `first` up to the first exit that any of its examples needs, or to the last stage here."""
        batches = self.queues[first].take(self.group)
        here = np.concatenate([batch.places for batch in batches])
        k = int(self.exit[here].min())
        if not first <= k <= self.last:
            raise RuntimeError(f"an online rule chose exit {k} for examples before stage {first}")
        k = min(k, self.beyond - 1)
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
        if arrived:
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

    def _hand_over(self, batches: int) -> None:
        """Hand over so many batches of the examples that go on to stages beyond."""
        for batch in self.queues[self.beyond].take(batches):
            assert self.hand_over is not None, "examples go on, and no stage is beyond"
            begun, here, slots = time.perf_counter(), batch.places, self.slot[batch.places]
            logits = {k: store.of_rows(slots) for k, store in self.stores.items()}
            before = {name: values[here] for name, values in self.before.items()}
            packed = Survivors.packed(here, self.ids[here], self.exit[here], self.visited[:, here], batch.state, logits, before)
            self.moving += time.perf_counter() - begun
            self.hand_over(packed)
            for store in self.stores.values():
                store.forget(slots)
            self.free = np.concatenate((self.free, slots))


def _picked(tensor: Tensor, kept: NDArray[np.bool_]) -> Tensor:
    """Some rows of a tensor. (batch, ...), (batch,) -> (kept, ...)"""
    return tensor if kept.all() else tensor[torch.from_numpy(np.flatnonzero(kept)).to(tensor.device)]
