"""Runs a recipe's network once over its data set and keeps the outputs of every exit.

The unit of work is a shard, an explicit list of examples, written under a temporary name, synced, renamed. To resume, the folder is listed:
a run killed at any moment continues where it stopped and ends in the same bytes as an uninterrupted one. While the device computes a shard,
a second thread reads the inputs of the next one and writes the outputs of the last one. Outputs are copied from the device once per shard.

Images, texts and images with masks each have a file that says what is kept of them, see `engine.runtime.example_kinds`. Texts of like
length run together.
"""

import hashlib
import json
import platform
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.bundle.bundle import Draft, check_id, write_bundle
from engine.bundle.lock import writing
from engine.bundle.manifest import MANIFEST, read_manifest
from engine.bundle.replacing import RUN, is_imported, prepare_place, reporting
from engine.cascades.base import Cascade
from engine.cost_units import COST_UNITS
from engine.datasets.base import AnyDataset, MaskDataset, TextDataset
from engine.errors import UserError
from engine.paths import bundles_folder
from engine.progress import Progress, no_progress
from engine.recipes import Recipe, recipe, weights_path
from engine.runtime.cuda_graphs import in_graphs
from engine.runtime.devices import device_name, pick_device
from engine.runtime.example_kinds import ExampleKind, Facts
from engine.runtime.images import ImageKind
from engine.runtime.inputs import Inputs, by_length, sizes, to_tensor
from engine.runtime.masks import MaskKind
from engine.runtime.precision import FULL
from engine.runtime.shards import Shards
from engine.runtime.texts import TextKind
from engine.runtime.trained import trained_network
from engine.runtime.weights import provenance_of
from engine.splits import BUNDLE_SPLITS, Split
from engine.storage.files import sha256_of, write_synced

SHARD = 1000
FORM = 3  # of the columns of a shard


@dataclass(frozen=True, eq=False)
class ComputeRun:
    """Everything that determines the bytes of a bundle."""

    recipe: Recipe
    dataset: AnyDataset
    weights: Path
    trained: dict[str, Any]  # provenance of the weights
    device: torch.device
    dtype: str
    batch_size: int
    cuda_graphs: bool
    ids: NDArray[np.int64]
    split: NDArray[np.str_]
    outputs_only: bool = False

    @property
    def keeps_examples(self) -> bool:
        """Whether the bundle holds what people see of the test examples."""
        return self.dataset.shippable and not self.outputs_only

    @property
    def kind(self) -> ExampleKind[Any, Any]:
        return kind_of(self.dataset)

    def provenance(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.listed,
            "variant": self.recipe.name,
            "weights_sha256": sha256_of(self.weights),
            "weights": self.trained,
            "dataset": self.dataset.name,
            "dataset_digest": self.dataset.digest(),
            **self.kind.about(self.dataset),
            "dtype": self.dtype,
            "batch_size": self.batch_size,
            "device": device_name(self.device),
            **({"cuda_graphs": True} if self.cuda_graphs else {}),
            "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        }

    def key(self) -> str:
        """Identifies the run, so that shards of another run, or of another form, are never mixed in."""
        examples = hashlib.sha256(self.ids.tobytes()).hexdigest()
        return hashlib.sha256(
            json.dumps([SHARD, FORM, examples, self.keeps_examples, self.provenance()], sort_keys=True).encode()
        ).hexdigest()


def kind_of(dataset: AnyDataset) -> ExampleKind[Any, Any]:
    """The kind of a data set's examples."""
    return TextKind() if isinstance(dataset, TextDataset) else MaskKind() if isinstance(dataset, MaskDataset) else ImageKind()


def compute(
    name: str | Recipe,
    device: str = "auto",
    batch_size: int = 50,
    limit: int | None = None,
    out: Path | None = None,
    progress: Progress = no_progress,
    dtype: str = FULL,
    cuda_graphs: bool = False,
    outputs_only: bool = False,
) -> Path:
    """Run a recipe over its fit, calibration and test examples and write the bundle; returns its folder. Raises UserError.

    limit: most examples of each split;  out: folder of the bundle, by default in the library
    dtype: what the network computes in, one of engine.runtime.precision.DTYPES; outputs are kept in float32
    cuda_graphs: record stages once and replay them, on an NVIDIA GPU
    outputs_only: keep no images or texts; the page reads them from the data set
    """
    source = recipe(name)
    weights = weights_path(source.name)
    if not weights.is_file():
        raise UserError(f"There are no weights for {source.name} at {weights}; {source.remedy}.")
    for option, number in (("--batch-size", batch_size), ("--limit", limit)):
        if number is not None and number < 1:
            raise UserError(f"{option} is {number} but must be at least 1.")
    folder = out or bundles_folder() / source.name
    check_id(folder.name)  # before the work, not after it
    prepare_place(folder)
    if is_imported(folder):
        raise UserError(f"{folder} already exists and is an imported bundle; choose another name or folder.")
    dataset = source.dataset()
    if limit is not None and (folder / MANIFEST).is_file():
        before, after = read_manifest(folder)["examples"], sum(len(dataset.ids(split)[:limit]) for split in BUNDLE_SPLITS)
        if before > after:
            raise UserError(f"{folder} has {before:,} examples and --limit {limit} would leave {after:,}; choose another place with --out.")
    trained = provenance_of(weights)
    if trained.get("data_digest") not in (None, dataset.digest()):
        # on other images, or on the same ones split differently: the network may have been trained on test examples
        raise UserError(f"The weights at {weights} were trained on other examples than {dataset.name} has now; {source.remedy} again.")
    by_split = {split: dataset.ids(split)[:limit] for split in BUNDLE_SPLITS}
    run = ComputeRun(
        recipe=source,
        dataset=dataset,
        weights=weights,
        trained=trained,
        device=pick_device(device),
        dtype=dtype,
        batch_size=batch_size,
        cuda_graphs=cuda_graphs,
        ids=np.concatenate(list(by_split.values())),
        split=np.concatenate([np.full(len(ids), str(split)) for split, ids in by_split.items()]),
        outputs_only=outputs_only,
    )
    with reporting(folder), writing(folder):
        shards = _run_shards(run, folder.with_name(folder.name + ".partial"), progress)
        write_bundle(_assemble(run, folder.name, shards), folder)
        shutil.rmtree(shards.folder)
    return folder


def _run_shards(run: ComputeRun, folder: Path, progress: Progress) -> Shards:
    """Compute all missing shards."""
    marker = folder / RUN
    if not marker.is_file() or marker.read_text() != run.key():
        shutil.rmtree(folder, ignore_errors=True)  # it has shards of another run, or none
        folder.mkdir(parents=True)
        write_synced(marker, run.key().encode())
    starts = range(0, len(run.ids), SHARD)
    shards = Shards(folder, len(starts))
    missing = [index for index in range(shards.count) if not shards.path(index).is_file()]
    if missing:
        cascade = trained_network(run.recipe, run.device, run.dtype)
        if run.cuda_graphs:
            cascade = in_graphs(cascade, run.device)
        with ThreadPoolExecutor(1) as aside:
            reads = aside.submit(_read, run, starts[missing[0]])
            writes: Future[None] = Future()
            writes.set_result(None)
            for index, after in zip(missing, [*missing[1:], None], strict=True):
                progress(starts[index], len(run.ids))
                read = reads.result()
                if after is not None:
                    reads = aside.submit(_read, run, starts[after])
                computed = _computed(run, cascade, read)
                writes.result()  # raises what the thread raised
                writes = aside.submit(_write, run, shards, index, read, computed)
            writes.result()
    progress(len(run.ids), len(run.ids))
    return shards


@dataclass(frozen=True, eq=False)
class ReadShard:
    """What the network reads, and the columns of the shard except what the exits give.

    is_test: (examples,)
    """

    inputs: Inputs
    columns: dict[str, NDArray]
    is_test: NDArray[np.bool_]


def _read(run: ComputeRun, start: int) -> ReadShard:
    part = slice(start, start + SHARD)
    examples = run.dataset.take(run.ids[part])
    is_test = run.split[part] == Split.TEST
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
def _computed(run: ComputeRun, cascade: Cascade, read: ReadShard) -> dict[str, NDArray]:
    """What is kept of the exits' logits for a shard, (exits, examples, ...) each. It stays on the device until all is computed."""
    order = by_length(read.inputs)
    batches = zip(_on_device(run, read.inputs[order]), _on_device(run, read.columns["labels"][order]), strict=True)
    kept = [run.kind.of_exits(cascade(to_tensor(inputs)).float(), labels) for inputs, labels in batches]
    back = np.argsort(order)
    return {name: torch.cat([batch[name] for batch in kept], dim=1).cpu().numpy()[:, back] for name in kept[0]}


def _on_device(run: ComputeRun, array: NDArray) -> Sequence[Tensor]:
    """The batches of an array whose first axis is the examples."""
    tensor = torch.from_numpy(array)
    if run.device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(run.device, non_blocking=True).split(run.batch_size)


def _write(run: ComputeRun, shards: Shards, index: int, read: ReadShard, computed: dict[str, NDArray]) -> None:
    shards.write(index, run.kind.kept({**computed, **read.columns}, read.is_test, run.keeps_examples))


def _assemble(run: ComputeRun, id: str, shards: Shards) -> Draft:
    cascade = run.recipe.cascade()
    counted = [(unit, unit.stage_cost) for unit in COST_UNITS.values() if unit.stage_cost is not None]
    all_sizes = shards.joined("sizes")
    facts = Facts(
        ids=run.ids,
        split=run.split,
        stage_cost={unit.name: _costs(partial(stage_cost, cascade), all_sizes) for unit, stage_cost in counted},
        kind=cascade.kind,
        factors={name: shards.joined(f"factor.{name}") for name in shards.names("factor.")},
    )
    outputs = run.kind.outputs(shards, facts)
    return Draft(
        id=id,
        title=run.recipe.config.title,
        outputs=outputs,
        class_names=run.dataset.class_names,
        exit_names=run.recipe.config.exit_names or tuple(f"Exit {k + 1}" for k in range(outputs.exits)),
        unit_notes={unit.name: unit.note for unit, _ in counted},
        provenance=run.provenance(),
        **run.kind.pictured_outputs(run.dataset, run.ids, shards),
        **(run.kind.faces(run.ids, shards) if run.keeps_examples else {}),
    )


def _costs(stage_cost: Callable[[tuple[int, ...]], Sequence[float]], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cost of each stage: (stages,) if all examples are of one size, else (stages, examples)."""
    distinct, size_of = np.unique(sizes, axis=0, return_inverse=True)
    costs = np.array([stage_cost(tuple(size)) for size in distinct.tolist()], np.float64).T  # (stages, sizes)
    return costs[:, 0] if len(distinct) == 1 else costs[:, size_of.ravel()]
