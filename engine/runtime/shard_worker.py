"""What one process does of a run: it holds the network and computes shards one after the other.

While the device computes a shard, a second thread reads the inputs of the next one and writes the outputs of the last one. Outputs are
copied from the device once per shard. Texts of like length run together.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.cascades.base import Cascade
from engine.runtime.compute_run import ComputeRun
from engine.runtime.cuda_graphs import in_graphs
from engine.runtime.devices import pick_device
from engine.runtime.inputs import Inputs, by_length, sizes, to_tensor
from engine.runtime.shards import ShardStore
from engine.runtime.trained import trained_network
from engine.splits import Split


@dataclass(frozen=True, eq=False)
class ReadShard:
    """What the network reads, and the columns of the shard except what the exits give.

    is_test: (examples,)
    """

    inputs: Inputs
    columns: dict[str, NDArray]
    is_test: NDArray[np.bool_]


class ShardWorker:
    """Computes shards of `run` into `store`. Leaving its context waits until all are written."""

    def __init__(self, run: ComputeRun, store: ShardStore) -> None:
        self.run, self.store = run, store
        self.device = pick_device(run.device)
        self._aside = ThreadPoolExecutor(1)
        self._reads: dict[int, Future[ReadShard]] = {}
        self._writes: Future[None] | None = None

    @cached_property
    def cascade(self) -> Cascade:
        cascade = trained_network(self.run.recipe, self.device, self.run.dtype)
        return in_graphs(cascade, self.device) if self.run.cuda_graphs else cascade

    def compute(self, shard: int, after: int | None = None) -> None:
        """Compute a shard. It is written once `flush` or the next call has returned. after: the shard that will be asked for next"""
        cascade = self.cascade
        reads = self._reads.pop(shard, None) or self._aside.submit(read_shard, self.run, shard)
        read = reads.result()
        if after is not None:
            self._reads = {after: self._aside.submit(read_shard, self.run, after)}
        computed = compute_shard(self.run, cascade, self.device, read)
        self.flush()
        self._writes = self._aside.submit(self._write, shard, read, computed)

    def flush(self) -> None:
        """Wait until all shards are written. Raises what writing raised."""
        writes, self._writes = self._writes, None
        if writes is not None:
            writes.result()

    def _write(self, shard: int, read: ReadShard, computed: dict[str, NDArray]) -> None:
        self.store.write(shard, self.run.kind.kept({**computed, **read.columns}, read.is_test, self.run.keeps_examples))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, raised: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self._aside.shutdown()
        if raised is None:
            self.flush()


def read_shard(run: ComputeRun, shard: int) -> ReadShard:
    part = run.examples_of(shard)
    examples = run.dataset.take(run.examples.ids(part))
    is_test = run.examples.splits(part) == Split.TEST
    shown = [run.kind.shown(examples, row) if is_shown else b"" for row, is_shown in enumerate(is_test & run.keeps_examples)]
    columns = {
        "labels": examples.labels,
        "shown_bytes": np.array([len(data) for data in shown], np.int64),
        "shown": np.frombuffer(b"".join(shown) or b"\0", np.uint8),
        "sizes": np.array(sizes(examples.inputs), np.int64),
        **{f"factor.{name}": np.asarray(values, np.float32) for name, values in examples.factors.items()},
    }
    return ReadShard(examples.inputs, columns, is_test)


@torch.inference_mode()
def compute_shard(run: ComputeRun, cascade: Cascade, device: torch.device, read: ReadShard) -> dict[str, NDArray]:
    """What is kept of the exits' logits for a shard, (exits, examples, ...) each. It stays on the device until all is computed."""
    order = by_length(read.inputs)
    inputs, labels = (_batches(array[order], device, run.batch_size) for array in (read.inputs, read.columns["labels"]))
    kept = [run.kind.of_exits(cascade(to_tensor(batch)).float(), truth) for batch, truth in zip(inputs, labels, strict=True)]
    back = np.argsort(order)
    return {name: torch.cat([batch[name] for batch in kept], dim=1).cpu().numpy()[:, back] for name in kept[0]}


def _batches(array: NDArray, device: torch.device, batch_size: int) -> Sequence[Tensor]:
    """The batches of an array whose first axis is the examples, on the device."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True).split(batch_size)
