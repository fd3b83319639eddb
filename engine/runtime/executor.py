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
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.cascades.base import Cascade, Kind, State
from engine.errors import UserError
from engine.policies.core.base import Rule
from engine.policies.core.online_rules import ExitOutputs, OnlineRule
from engine.route import Route
from engine.runtime.on_device import OnDevice, OnHost, nothing_said
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
    online_rule = rule.online_rule(cascade.kind.value)
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
    states = _state_bytes(cascade, image_size)
    batch_bytes = batch_size * (sum(states) + sum(sorted(states)[-2:]))
    most = DEVICE_SHARE * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else HOST_BYTES
    return max(1, min(MOST_BATCHES, int(most / batch_bytes)))


def _state_bytes(cascade: Cascade, image_size: tuple[int, int]) -> list[int]:
    """Bytes of one picture's state before the first stage and, in a chain, after each of them."""
    ghost = deepcopy(cascade).eval().to("meta")
    state: State = (torch.empty(1, 3, *image_size, device="meta"),)
    sizes = [sum(part.nbytes for part in state)]
    if cascade.kind is Kind.CHAIN:
        for stage in ghost.stages:
            state = stage.trunk(state)
            sizes.append(sum(part.nbytes for part in state))
    return sizes


def to_images(pixels: NDArray[np.uint8] | Tensor, device: torch.device) -> Tensor:
    """(batch, height, width, 3) uint8 -> (batch, 3, height, width) in [0, 1], the same memory order: channels_last without copying."""
    return torch.as_tensor(pixels).to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 255


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
        self.chain = cascade.kind is Kind.CHAIN
        self.last = len(cascade.stages) - 1
        self.exit = online_rule.first(ids)
        self.prediction = np.empty(len(ids), np.int32)
        self.visited = np.zeros((len(cascade.stages), len(ids)), bool)
        self.queues = [Queue(batch_size) for _ in cascade.stages]
        # Nobody comes in while a stage has a full group: so less than a group waits before each, and one comes in.
        self.free = np.arange(min(len(ids), group * batch_size * (len(cascade.stages) + 1)))
        self.slots = len(self.free)
        self.slot = np.empty(len(ids), np.int64)
        self.said: dict[int, OnDevice | OnHost] = {}  # {exit asked: about those under way, (slots,)}

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
            raise RuntimeError(f"a stepper asked exit {k} of those before stage {first}")
        stages = self.cascade.stages[first : k + 1]
        asking, said, after = [], [], []
        while batches:
            batch = batches.pop()  # and what it held is free for what comes out
            state = (to_images(*batch.state, self.device),) if first == 0 or not self.chain else batch.state
            for stage in stages:
                state = stage.trunk(state)
            asks = self.exit[batch.places] == k
            if asks.any():
                asking.append(batch.places[asks])
                said.append(_picked(stages[-1].head(state), asks).float())
            after.append(Batch(batch.places, state if self.chain else batch.state))
        self.visited[first : k + 1, here] = True
        self._decide(k, np.concatenate(asking), torch.cat(said))
        while after and k < self.last:
            self._enqueue(after.pop(), k)

    def _decide(self, k: int, asking: Places, logits: Tensor) -> None:
        if k not in self.said:
            self.said[k] = nothing_said(self.slots, logits)
        self.said[k].keep(self.slot[asking], logits)
        said = ExitOutputs(self.said, self.slot[asking])
        then = np.full(len(asking), k) if k == self.last else self.online_rule.after(k, self.ids[asking], said)
        self.exit[asking] = then
        leaves = then == k
        left = asking[leaves]
        self.prediction[left] = self.online_rule.answer(k, self.ids[left], said.of(leaves))
        for answers in self.said.values():
            answers.forget(self.slot[left])
        self.free = np.concatenate((self.free, self.slot[left]))


def _picked(tensor: Tensor, kept: NDArray[np.bool_]) -> Tensor:
    """Some rows of a tensor. (batch, ...), (batch,) -> (kept, ...)"""
    return tensor if kept.all() else tensor[torch.from_numpy(np.flatnonzero(kept)).to(tensor.device)]
