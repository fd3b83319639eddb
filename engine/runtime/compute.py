"""Runs a recipe's network once over its data set and keeps the outputs of every exit.

The unit of work is a shard, an explicit list of examples, written under a temporary name, synced, renamed. To resume, the folder is listed:
a run killed at any moment continues where it stopped and ends in the same bytes as an uninterrupted one. While the device computes a shard,
a second thread reads the images of the next one and writes the outputs of the last one. Outputs are copied from the device once per shard.
"""

import hashlib
import json
import platform
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.bundle.bundle import Draft, check_id, write_bundle
from engine.bundle.images import encode
from engine.bundle.manifest import MANIFEST, read_manifest
from engine.bundle.replacing import RUN, is_imported, prepare_place
from engine.cascades.base import Cascade
from engine.cost_units import COST_UNITS
from engine.datasets.base import Dataset
from engine.errors import UserError
from engine.outputs import Outputs, in_kept_precision
from engine.paths import bundles_folder
from engine.progress import Progress, no_progress
from engine.recipes import Recipe, recipe, weights_path
from engine.runtime.cuda_graphs import in_graphs
from engine.runtime.devices import device_name, pick_device
from engine.runtime.image_tensors import to_tensor
from engine.runtime.precision import FULL
from engine.runtime.trained import trained_network
from engine.runtime.weights import provenance_of
from engine.splits import BUNDLE_SPLITS, Split
from engine.storage.files import sha256_of, write_synced
from engine.storage.tensors import map_tensor, save_tensors, tensor_names

SHARD = 1000


@dataclass(frozen=True, eq=False)
class ComputeRun:
    """Everything that determines the bytes of a bundle."""

    recipe: Recipe
    dataset: Dataset
    weights: Path
    trained: dict[str, Any]  # provenance of the weights
    device: torch.device
    dtype: str
    batch_size: int
    cuda_graphs: bool
    ids: NDArray[np.int64]
    split: NDArray[np.str_]

    def provenance(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.listed,
            "variant": self.recipe.name,
            "weights_sha256": sha256_of(self.weights),
            "weights": self.trained,
            "dataset": self.dataset.name,
            "dataset_digest": self.dataset.digest(),
            "image_size": list(self.dataset.image_size),
            "transform": "pixels / 255",
            "dtype": self.dtype,
            "batch_size": self.batch_size,
            "device": device_name(self.device),
            **({"cuda_graphs": True} if self.cuda_graphs else {}),
            "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        }

    def key(self) -> str:
        """Identifies the run, so that shards of another run are never mixed in."""
        examples = hashlib.sha256(self.ids.tobytes()).hexdigest()
        return hashlib.sha256(json.dumps([SHARD, examples, self.provenance()], sort_keys=True).encode()).hexdigest()


def compute(
    name: str | Recipe,
    device: str = "auto",
    batch_size: int = 50,
    limit: int | None = None,
    out: Path | None = None,
    progress: Progress = no_progress,
    dtype: str = FULL,
    cuda_graphs: bool = False,
) -> Path:
    """Run a recipe over its fit, calibration and test examples and write the bundle; returns its folder. Raises UserError.

    limit: most examples of each split;  out: folder of the bundle, by default in the library
    dtype: what the network computes in, one of engine.runtime.precision.DTYPES; outputs are kept in float32
    cuda_graphs: record stages once and replay them, on an NVIDIA GPU
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
        raise UserError(f"The weights at {weights} were trained on other images than {dataset.name} has now; {source.remedy} again.")
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
    )
    shards = _run_shards(run, folder.with_name(folder.name + ".partial"), progress)
    write_bundle(_assemble(run, folder.name, shards), folder)
    shutil.rmtree(shards.folder)
    return folder


@dataclass(frozen=True)
class Shards:
    folder: Path
    count: int

    def path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.safetensors"

    def column(self, name: str) -> list[NDArray]:
        return [map_tensor(self.path(index), name) for index in range(self.count)]


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
                logits = _logits(run, cascade, read.pixels)
                writes.result()  # raises what the thread raised
                writes = aside.submit(_write, shards, index, {"logits": logits, **read.columns})
            writes.result()
    progress(len(run.ids), len(run.ids))
    return shards


@dataclass(frozen=True, eq=False)
class ReadShard:
    """Images (examples, height, width, 3), and the columns of their shard except the logits."""

    pixels: NDArray[np.uint8]
    columns: dict[str, NDArray]


def _read(run: ComputeRun, start: int) -> ReadShard:
    part = slice(start, start + SHARD)
    images = run.dataset.take(run.ids[part])
    kept = (run.split[part] == Split.TEST) & run.dataset.shippable
    shown = [encode(pixels) if keep else b"" for pixels, keep in zip(images.pixels, kept, strict=True)]
    columns = {
        "labels": images.labels,
        "image_bytes": np.array([len(data) for data in shown], np.int64),
        "images": np.frombuffer(b"".join(shown) or b"\0", np.uint8),
        **{f"factor.{name}": np.asarray(values, np.float32) for name, values in images.factors.items()},
    }
    return ReadShard(images.pixels, columns)


@torch.inference_mode()
def _logits(run: ComputeRun, cascade: Cascade, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits of a shard, (exits, examples, classes). They stay on the device until all are computed."""
    images = torch.from_numpy(pixels)
    if run.device.type == "cuda":
        images = images.pin_memory()
    shard = images.to(run.device, non_blocking=True)
    logits = [cascade(to_tensor(batch)).float() for batch in shard.split(run.batch_size)]
    return torch.cat(logits, dim=1).cpu().numpy()


def _write(shards: Shards, index: int, arrays: dict[str, NDArray]) -> None:
    temporary = shards.folder / "unfinished.tmp"
    save_tensors(temporary, arrays)
    temporary.replace(shards.path(index))


def _assemble(run: ComputeRun, id: str, shards: Shards) -> Draft:
    logits = np.concatenate(shards.column("logits"), axis=1)
    cascade = run.recipe.cascade()
    counted = [(unit, unit.stage_cost) for unit in COST_UNITS.values() if unit.stage_cost is not None]
    columns = [name for name in tensor_names(shards.path(0)) if name.startswith("factor.")]
    factors = {name.removeprefix("factor."): np.concatenate(shards.column(name)) for name in columns}
    outputs = Outputs.from_logits(
        in_kept_precision(logits),
        np.concatenate(shards.column("labels")),
        run.split,
        {unit.name: np.array(stage_cost(cascade, run.dataset.image_size), np.float64) for unit, stage_cost in counted},
        ids=run.ids,
        kind=cascade.kind,
        factors=factors,
    )
    return Draft(
        id=id,
        title=run.recipe.config.title,
        outputs=outputs,
        class_names=run.dataset.class_names,
        exit_names=run.recipe.config.exit_names or tuple(f"Exit {k + 1}" for k in range(outputs.exits)),
        unit_notes={unit.name: unit.note for unit, _ in counted},
        provenance=run.provenance(),
        images=_images(run, shards),
    )


def _images(run: ComputeRun, shards: Shards) -> Iterator[tuple[int, bytes]]:
    sizes = shards.column("image_bytes")
    for index, packed in enumerate(shards.column("images")):
        ends = np.cumsum(sizes[index])
        for id, end, size in zip(run.ids[index * SHARD :], ends, sizes[index], strict=False):
            if size:
                yield int(id), packed[end - size : end].tobytes()
