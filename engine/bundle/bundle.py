"""A bundle: outputs, images and provenance of one (cascade, data set) pair, in a folder.

    outputs.parquet      one row per example: id, label, split, factors, and per exit the prediction, top classes and scores
    logits.safetensors   the full logits, memory-mapped; in half precision above 1,000 classes
    images.bin           encoded images, one after the other; columns of the table hold their places
    bundle.json          written last: schema, names, costs, provenance, measurements, and the SHA-256 of every other file and of itself

A bundle is written whole or not at all, holds no pickle, and is refused with one sentence if anything in it is wrong.
"""

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from engine.bundle.images import ImagePack
from engine.bundle.manifest import IMAGES, LOGITS, MANIFEST, SCHEMA, TABLE, one_line, read_manifest, remedy, sealed
from engine.bundle.measurements import Fresh, Measured, read_measured, with_measured
from engine.bundle.replacing import UNFINISHED, prepare_place, swap_in, undo_half_swap
from engine.bundle.table import TopAnswers, read_table, top_answers, write_table
from engine.errors import UserError
from engine.outputs import Outputs, Recorded
from engine.storage.files import sha256_of, write_synced
from engine.storage.tensors import map_tensor, save_tensors

#: Up to this many classes the top classes are not stored: computing them from the logits is as fast as reading them.
FEW_CLASSES = 100
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_UNIT = re.compile(r"\w{1,64}")
#: Endings of folders that are being written or replaced. No bundle's id may end like this.


@dataclass(frozen=True, eq=False)
class Bundle:
    """An opened bundle.

    class_names, exit_names: (classes,), (exits,)
    unit_notes: {unit: how it was measured}
    top:        the most probable classes of every exit, with their probabilities
    images:     images by example id, or None
    measured:   measurements on real devices, one per device and batch size; their units are among those of the outputs
    """

    id: str
    title: str
    outputs: Outputs
    class_names: tuple[str, ...]
    exit_names: tuple[str, ...]
    unit_notes: Mapping[str, str]
    provenance: Mapping[str, Any]
    top: TopAnswers
    images: ImagePack | None = None
    measured: tuple[Measured, ...] = ()

    def __repr__(self) -> str:
        return f"Bundle({self.id!r}, {self.outputs!r})"

    @property
    def nbytes(self) -> int:
        """Memory taken by the outputs and by the places of the images. Memory-mapped files are not counted."""
        places = 0 if self.images is None else self.images.nbytes
        return self.outputs.nbytes + self.top.classes.nbytes + self.top.probability.nbytes + places


@dataclass(frozen=True, eq=False)
class Draft:
    """A bundle to be written. images: (example id, encoded image) in the order of the outputs, for some or all examples"""

    id: str
    title: str
    outputs: Outputs
    class_names: tuple[str, ...]
    exit_names: tuple[str, ...]
    unit_notes: Mapping[str, str]
    provenance: Mapping[str, Any]
    images: Iterable[tuple[int, bytes]] = field(default_factory=list)


def check_id(id: str) -> str:
    """Return the id. Raises UserError if it cannot name a bundle."""
    if not _ID.fullmatch(id):
        raise UserError(f"{id!r} cannot name a bundle; use up to 64 lower-case letters, digits, dots, dashes or underscores.")
    if id.endswith(UNFINISHED):
        raise UserError(f"{id!r} cannot name a bundle; the endings {', '.join(UNFINISHED)} mark unfinished bundles, so choose another.")
    return id


def write_bundle(draft: Draft, folder: Path) -> Path:
    """Write a bundle to `folder`, replacing an existing one. If the process is killed, the old bundle stays whole.

    Raises UserError if there is something else in that place.
    """
    check_id(draft.id)
    prepare_place(folder)
    undo_half_swap(folder)
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    outputs = draft.outputs
    places = ImagePack.write(new / IMAGES, draft.images)
    write_table(new / TABLE, replace(outputs, logits=None) if outputs.classes <= FEW_CLASSES else outputs, places)
    if outputs.logits is not None:
        save_tensors(new / LOGITS, {"logits": np.ascontiguousarray(outputs.logits)})
    manifest = {
        "schema": SCHEMA,
        "id": draft.id,
        "title": draft.title,
        "topology": outputs.kind,
        "said": outputs.recorded,
        "examples": outputs.examples,
        "class_names": list(draft.class_names),
        "exit_names": list(draft.exit_names),
        "units": {unit: {"stage_cost": cost.tolist(), "note": draft.unit_notes.get(unit, "")} for unit, cost in outputs.stage_cost.items()},
        "provenance": dict(draft.provenance),
        "files": {path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in sorted(new.iterdir())},
    }
    write_synced(new / MANIFEST, sealed(manifest))
    swap_in(new, folder)
    return folder


def read_bundle(folder: Path) -> Bundle:
    """Open a bundle and check every file. Raises UserError, naming the file and the remedy, if anything is wrong."""
    manifest = verify_files(folder)
    try:
        stage_cost = {unit: _numbers(entry["stage_cost"]) for unit, entry in manifest["units"].items()}
        class_names, exit_names = _names(manifest["class_names"]), _names(manifest["exit_names"])
        rows = read_table(folder / TABLE, len(exit_names))
        logits = map_tensor(folder / LOGITS, "logits") if LOGITS in manifest["files"] else None
        outputs = Outputs(
            prediction=rows.prediction,
            scores=rows.scores,
            labels=rows.labels,
            ids=rows.ids,
            split=rows.split,
            stage_cost=stage_cost,
            classes=len(class_names),
            kind=manifest["topology"],
            recorded=manifest["said"],
            logits=logits,
            factors=rows.factors,
        )
        top = rows.top if logits is None or outputs.classes > FEW_CLASSES else top_answers(logits)
        _check(outputs, top, manifest)
        return Bundle(
            id=manifest["id"],
            title=str(manifest["title"])[:200],
            outputs=outputs,
            class_names=class_names,
            exit_names=exit_names,
            unit_notes={unit: str(entry["note"]) for unit, entry in manifest["units"].items()},
            provenance=manifest["provenance"],
            top=top,
            images=ImagePack(folder / IMAGES, rows.ids, rows.image_offset, rows.image_bytes) if IMAGES in manifest["files"] else None,
            measured=read_measured(manifest),
        )
    except (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError) as problem:
        # The checksums match, so the bundle was written like this: by another program, or by hand.
        raise UserError(f"Bundle {folder.name} is inconsistent ({one_line(problem)}); {remedy(folder)}") from problem


def add_measured(folder: Path, fresh: Sequence[Fresh]) -> None:
    """Add measurements on a device to a bundle. Only its manifest changes, atomically: if the process is killed, the bundle stays whole.

    An earlier measurement of the same device and batch size is replaced. A rewritten bundle starts without measurements, as they belong
    to the weights they were made with. Raises UserError if the bundle is damaged.
    """
    manifest = with_measured(verify_files(folder), fresh)
    read_measured(manifest)  # so that no manifest is written that could not be read
    write_synced(folder / MANIFEST, sealed(manifest))


def verify_files(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle. Raises UserError if any of its files is missing, truncated or changed."""
    manifest = read_manifest(folder)
    for name, entry in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{name} is missing from bundle {folder.name}; {remedy(folder)}")
        if path.stat().st_size != entry["bytes"]:
            raise UserError(f"{name} in bundle {folder.name} has {path.stat().st_size:,} of {entry['bytes']:,} bytes; {remedy(folder)}")
        if sha256_of(path) != entry["sha256"]:
            raise UserError(f"{name} in bundle {folder.name} was changed after it was written: its checksum differs; {remedy(folder)}")
    return manifest


def _check(outputs: Outputs, top: TopAnswers, manifest: Mapping[str, Any]) -> None:
    if not isinstance(manifest["id"], str) or not _ID.fullmatch(manifest["id"]) or manifest["id"].endswith(UNFINISHED):
        raise ValueError("its id cannot name a bundle")
    if not isinstance(manifest["provenance"], dict):
        raise ValueError("its provenance is not a mapping")
    if outputs.examples == 0 or outputs.examples != manifest["examples"] or len(np.unique(outputs.ids)) != outputs.examples:
        raise ValueError("its table does not have the stated number of examples with distinct ids")
    if outputs.recorded not in get_args(Recorded):
        raise ValueError("it records an unknown kind of outputs")
    for classes in (outputs.labels, outputs.prediction, top.classes):
        if classes.min() < 0 or classes.max() >= outputs.classes:
            raise ValueError("a label or prediction is not one of its classes")
    if outputs.logits is not None:
        _check_logits(outputs.logits, (outputs.exits, outputs.examples, outputs.classes))
    if "maxprob" not in outputs.scores:
        raise ValueError("it lacks the score maxprob")
    if not outputs.stage_cost or not all(_UNIT.fullmatch(unit) for unit in outputs.stage_cost):
        raise ValueError("it has no costs, or the name of a unit is invalid")


def _check_logits(logits: NDArray, shape: tuple[int, int, int]) -> None:
    if logits.dtype.kind != "f" or logits.shape != shape:
        raise ValueError(f"its logits are {logits.dtype} with shape {logits.shape}")
    if not all(np.isfinite(exit).all() for exit in logits):  # exit by exit, as there may be hundreds of megabytes
        raise ValueError("its logits contain NaN or infinity")


def _numbers(listed: Any) -> NDArray[np.float64]:
    if not isinstance(listed, list) or not all(type(number) in (int, float) for number in listed):
        raise ValueError("a cost is not a list of numbers")
    return np.array(listed, np.float64)


def _names(listed: Any) -> tuple[str, ...]:
    if not isinstance(listed, list) or not listed:
        raise ValueError("a list of names is empty or not a list")
    return tuple(str(name)[:100] for name in listed)
