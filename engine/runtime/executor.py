"""Execute: run a cascade under a rule and really stop: whoever leaves takes the rest of its work along.

Shrinking batches waste a device, so before every stage there is a queue in which survivors come together in full batches again. A group
of full batches goes through a stage, then the rule is asked about all of it, and those who go on are put into the next queue. The deepest
stage that has a full group goes first, and new pictures come in where none has: so every stage sees full batches until the pictures are
used up, and then one smaller batch each, and no more is under way than a group a stage, however large the data set.

Networks of a family are run on the pictures themselves, for just the examples that asked for them; in a chain a head is left out where
nobody of the batch asks it, and stages that nobody can leave between are run as one.

States, trunks and heads are on the device, and where it has a memory of its own, what exits said stays there too: it works out the scores,
classes, ensembles and features of gates that a rule reads, and is asked once a stage and group. Elsewhere they are worked out on the host.
What was said is kept for rules that go by earlier exits until an example leaves.
"""

from collections.abc import Callable

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
from engine.runtime.image_tensors import to_tensor
from engine.runtime.queues import Batch, Places, Queue

#: Pictures of some examples: ids (examples,) -> (examples, height, width, 3) uint8.
Pictures = Callable[[NDArray[np.int64]], NDArray[np.uint8]]
#: The more batches are asked about at once, the fewer questions. One at a time loses a small network 5 to 7 %; 8 and 16 are alike.
MOST_BATCHES = 16
#: What may be under way in the host's memory, in bytes, and of a device's own, the share of what is free.
HOST_BYTES, DEVICE_SHARE = 2**28, 0.25


@torch.inference_mode()
def execute(
    cascade: Cascade,
    rule: Rule,
    ids: NDArray[np.int64],
    pictures: Pictures,
    device: torch.device | str = "cpu",
    batch_size: int = 32,
    group: int | None = None,
) -> Route:
    """Where every example left and with which answer, in the order of `ids` (examples,).

    cascade: in evaluation mode and on `device`
    group:   full batches that go through a stage together; by default as many as `group_size` says
    Raises UserError if the rule is an oracle's, which cannot decide while the network runs.
    """
    online_rule = rule.online_rule(cascade.kind)
    if online_rule is None:
        raise UserError(f"{type(rule).__name__} cannot stop a running network, for it must know the labels; choose another policy.")
    if batch_size < 1 or (group is not None and group < 1):
        raise UserError(f"Batches of {batch_size} and groups of {group} batches cannot be run; give at least 1.")
    if group is None:
        group = 1 if len(ids) <= batch_size else group_size(cascade, pictures(ids[:1]).shape[1:3], batch_size, torch.device(device))
    run = _Execution(cascade, online_rule, ids, pictures, torch.device(device), batch_size, group)
    run.all()
    return Route(run.exit, run.visited, run.prediction)


def group_size(cascade: Cascade, image_size: tuple[int, int], batch_size: int, device: torch.device) -> int:
    """How many batches of pictures of `image_size` (height, width) go through a stage together, at least one.

    Counted are a batch before every stage, for so many may wait, and the two largest once more: what goes into a stage that runs, and what
    comes out.
    """
    states = state_bytes(cascade, image_size)
    batch_bytes = batch_size * (sum(states) + sum(sorted(states)[-2:]))
    most = DEVICE_SHARE * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else HOST_BYTES
    return max(1, min(MOST_BATCHES, int(most / batch_bytes)))


def keeps_logits(device: torch.device) -> bool:
    """Whether logits stay there: it has a memory of its own, and float64."""
    return device.type == "cuda"


def empty_store(rows: int, like: Tensor) -> LogitStore:
    """Room for the logits of one exit, left on the device or on the host. like: (..., classes) float32"""
    if keeps_logits(like.device):
        return LogitStore(like.new_full((rows, like.shape[-1]), torch.nan))
    return LogitStore(np.full((rows, like.shape[-1]), np.nan, np.float32))


class _Execution:
    """Examples on their way. exit, prediction, visited: as in `Route`, filled as they leave.

    exit: of those under way the exit that they are to be asked at next
    slot: (examples,) of those under way the row that is theirs in what exits said
    """

    def __init__(
        self,
        cascade: Cascade,
        online_rule: OnlineRule,
        ids: NDArray[np.int64],
        pictures: Pictures,
        device: torch.device,
        batch_size: int,
        group: int,
    ) -> None:
        self.cascade, self.online_rule, self.ids, self.pictures = cascade, online_rule, ids, pictures
        self.device, self.batch_size, self.group = device, batch_size, group
        self.chain = cascade.kind is CascadeKind.CHAIN
        self.last = len(cascade.stages) - 1
        self.exit = online_rule.first(ids)
        self.prediction = np.empty(len(ids), np.int32)
        self.visited = np.zeros((len(cascade.stages), len(ids)), bool)
        self.queues = [Queue(batch_size) for _ in cascade.stages]
        # Nobody comes in while a stage has a full group: so less than a group waits before each, and one comes in.
        self.free = np.arange(min(len(ids), group * batch_size * (len(cascade.stages) + 1)))
        self.slots = len(self.free)
        self.slot = np.empty(len(ids), np.int64)
        self.stores: dict[int, LogitStore] = {}  # {exit: its logits for the examples under way, (slots, classes)}

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
        """Take in the pictures of the examples at `here`."""
        self.slot[here], self.free = self.free[: len(here)], self.free[len(here) :]
        pixels = torch.from_numpy(self.pictures(self.ids[here]))
        for start in range(0, len(here), self.batch_size):
            part = slice(start, start + self.batch_size)
            self._enqueue(Batch(here[part], (pixels[part],)), -1)

    def _enqueue(self, batch: Batch, done: int) -> None:
        """Put those of a batch who go on after stage `done` where they wait for the next one."""
        asks = self.exit[batch.places]
        if self.chain:
            self.queues[done + 1].put(batch, np.flatnonzero(asks > done))
        else:
            for k in np.unique(asks[asks > done]):
                self.queues[k].put(batch, np.flatnonzero(asks == k))

    def _advance(self, first: int) -> None:
        """Run the group that waits before stage `first` on to the first exit that any of it asks."""
        batches = self.queues[first].take(self.group)
        here = np.concatenate([batch.places for batch in batches])
        k = int(self.exit[here].min())
        if not first <= k <= self.last:
            raise RuntimeError(f"an online rule asked for exit {k} of examples before stage {first}")
        arrived, logits, after = [], [], []
        while batches:
            batch = batches.pop()  # and what it held is free for what comes out
            state = (to_tensor(*batch.state, self.device),) if first == 0 or not self.chain else batch.state
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
            self.stores[k] = empty_store(self.slots, logits)
        self.stores[k].keep(self.slot[arrived], logits)
        exit_outputs = ExitOutputs(self.stores, self.slot[arrived])
        then = np.full(len(arrived), k) if k == self.last else self.online_rule.after(k, self.ids[arrived], exit_outputs)
        self.exit[arrived] = then
        leaves = then == k
        left = arrived[leaves]
        self.prediction[left] = self.online_rule.answer(k, self.ids[left], exit_outputs.of(leaves))
        for store in self.stores.values():
            store.forget(self.slot[left])
        self.free = np.concatenate((self.free, self.slot[left]))


def _picked(tensor: Tensor, kept: NDArray[np.bool_]) -> Tensor:
    """Some rows of a tensor. (batch, ...), (batch,) -> (kept, ...)"""
    return tensor if kept.all() else tensor[torch.from_numpy(np.flatnonzero(kept)).to(tensor.device)]
