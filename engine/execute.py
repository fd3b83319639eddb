"""Execute: run a cascade under a rule and really stop: whoever leaves takes the rest of its work along.

Shrinking batches waste a device, so a chunk of many batches goes through one stage at a time: all of it through stage 1, then whoever did
not leave, cut into full batches again, through stage 2, and so on. Only the last batch of a stage and chunk is smaller. Networks of a
family are run on the pictures themselves, for just the examples that asked for them; in a chain a head is left out where nobody of the
batch asks it, and stages that nobody can leave between are run as one.

States, trunks and heads are on the device, and where it has a memory of its own, what exits said stays there too: it works out the scores,
classes, ensembles and features of gates that a rule reads, and is asked once a stage and chunk. Elsewhere they are worked out on the host.
What was said is kept for rules that go by earlier exits until its chunk is done: exits x chunk x classes numbers at most, however large
the data set.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.cascades.base import Cascade, Kind, State
from engine.errors import UserError
from engine.on_device import answers
from engine.pieces import Piece, Positions, recut
from engine.policies.base import Rule
from engine.policies.stepper import Answers, Said, Stepper
from engine.route import Route

#: Pictures of some examples: ids (examples,) -> (examples, height, width, 3) uint8.
Pictures = Callable[[NDArray[np.int64]], NDArray[np.uint8]]
#: What the states of a chunk may take, in bytes, when no chunk is given.
MOST_BYTES = 2**28
#: States that a processor's cache still holds are read sooner; but with fewer batches than these the partial ones would weigh too much.
CACHE_BYTES, FEWEST_BATCHES = 2**25, 16


@torch.inference_mode()
def execute(
    cascade: Cascade,
    rule: Rule,
    ids: NDArray[np.int64],
    pictures: Pictures,
    device: torch.device | str = "cpu",
    batch_size: int = 32,
    chunk: int | None = None,
) -> Route:
    """Where every example left and with which answer, in the order of `ids` (examples,).

    cascade: in evaluation mode and on `device`
    chunk:   examples held at once; by default as many as `chunk_size` allows. Below a batch it makes the batches smaller.
    Raises UserError if the rule is an oracle's, which cannot decide while the network runs.
    """
    stepper = rule.stepper(cascade.kind.value)
    if stepper is None:
        raise UserError(f"{type(rule).__name__} cannot stop a running network, for it must know the labels; choose another policy.")
    if batch_size < 1 or (chunk is not None and chunk < 1):
        raise UserError(f"A batch of {batch_size} and a chunk of {chunk} examples cannot be run; give at least 1.")
    exit, prediction, visited = np.empty(len(ids), np.int64), np.empty(len(ids), np.int32), np.empty(len(ids), np.uint32)
    start = 0
    while start < len(ids):
        if chunk is None:
            chunk = chunk_size(cascade, pictures(ids[:1]).shape[1:3], batch_size)
        part = slice(start, start + chunk)
        done = _Chunk(cascade, stepper, ids[part], pictures(ids[part]), torch.device(device), batch_size)
        done.run()
        exit[part], prediction[part], visited[part] = done.exit, done.prediction, done.visited
        start += chunk
    return Route(exit, visited, prediction)


def chunk_size(cascade: Cascade, image_size: tuple[int, int], batch_size: int, most_bytes: int = MOST_BYTES) -> int:
    """How many pictures of `image_size` (height, width) may be under way: full batches, at least one.

    While a stage runs, what goes into it and what comes out are both held: hence the two largest states.
    """
    batch_bytes = batch_size * sum(sorted(_state_bytes(cascade, image_size))[-2:])
    return batch_size * max(1, min(most_bytes // batch_bytes, max(FEWEST_BATCHES, CACHE_BYTES // batch_bytes)))


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


def to_images(pixels: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(batch, height, width, 3) uint8 -> (batch, 3, height, width) in [0, 1], the same memory order: channels_last without copying."""
    return torch.from_numpy(pixels).to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 255


class _Chunk:
    """Some examples on their way. exit, prediction, visited: (examples,), as in `Route`, filled as they leave."""

    def __init__(
        self,
        cascade: Cascade,
        stepper: Stepper,
        ids: NDArray[np.int64],
        pixels: NDArray[np.uint8],
        device: torch.device,
        batch_size: int,
    ) -> None:
        self.cascade, self.stepper, self.ids, self.pixels = cascade, stepper, ids, pixels
        self.device, self.batch_size = device, batch_size
        self.chain = cascade.kind is Kind.CHAIN
        self.last = len(cascade.stages) - 1
        self.asks = stepper.first(ids)  # (examples,) the exit each example is on its way to, or left at
        self.there = np.ones(len(ids), bool)
        self.said: dict[int, Answers] = {}  # {exit asked: about the chunk's examples}
        self.prediction = np.empty(len(ids), np.int32)
        self.visited = np.zeros(len(ids), np.uint32)

    @property
    def exit(self) -> NDArray[np.int64]:
        return self.asks

    def run(self) -> None:
        pieces: list[Piece] = []
        done = -1
        while self.there.any():
            k = int(self.asks[self.there].min())
            if not done < k <= self.last:
                raise RuntimeError(f"a stepper asked exit {k} after exit {done}")
            first = done + 1 if self.chain else k
            here = np.flatnonzero(self.there if self.chain else self.there & (self.asks == k))
            pieces = self._stages(first, k, here, pieces)
            done = k

    def _stages(self, first: int, k: int, here: Positions, pieces: list[Piece]) -> list[Piece]:
        """Run stages `first` to k for the examples at `here`, and let go who is content with exit k; returns a chain's states after it."""
        trunks, head = [stage.trunk for stage in self.cascade.stages[first : k + 1]], self.cascade.stages[k].head
        batches = recut(pieces, self.there, self.batch_size) if self.chain and first else self._from_pictures(here)
        after, asking, said = [], [], []
        for batch in batches:
            state = batch.state
            for trunk in trunks:
                state = trunk(state)
            asks = self.asks[batch.positions] == k
            if asks.any():
                asking.append(batch.positions[asks])
                said.append(_picked(head(state), asks).float())
            if self.chain and k < self.last:
                after.append(Piece(batch.positions, state))
        for ran in range(first, k + 1):
            self.visited[here] |= np.uint32(1 << ran)
        self._decide(k, np.concatenate(asking), torch.cat(said))
        return after

    def _decide(self, k: int, asking: Positions, logits: Tensor) -> None:
        self.said[k] = answers(logits, asking, len(self.ids))
        said = Said(self.said, asking)
        then = np.full(len(asking), k) if k == self.last else self.stepper.after(k, self.ids[asking], said)
        self.asks[asking] = then
        leaves = then == k
        left = asking[leaves]
        self.there[left] = False
        self.prediction[left] = self.stepper.answer(k, self.ids[left], said.of(leaves))

    def _from_pictures(self, here: Positions) -> Iterator[Piece]:
        everyone = len(here) == len(self.ids)
        for start in range(0, len(here), self.batch_size):
            part = slice(start, start + self.batch_size)
            pixels = self.pixels[part] if everyone else self.pixels[here[part]]  # a slice copies nothing
            yield Piece(here[part], (to_images(pixels, self.device),))


def _picked(tensor: Tensor, kept: NDArray[np.bool_]) -> Tensor:
    """Some rows of a tensor. (batch, ...), (batch,) -> (kept, ...)"""
    return tensor if kept.all() else tensor[torch.from_numpy(np.flatnonzero(kept)).to(tensor.device)]
