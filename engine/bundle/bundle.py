"""A bundle: outputs, images and provenance of one (cascade, data set) pair, in a folder.

    outputs.parquet      one row per example: id, label, split, factors, text, what is known before any stage runs, and per exit the
                         prediction, top classes, scores and features, or its quality, and its cost where that depends on the example
    logits.safetensors   the full logits, memory-mapped; in half precision above 1,000 classes
    images.bin           encoded images, one after the other; columns of the table hold their places
    masks.bin            packed masks, likewise
    sample.parquet       of a large bundle: a sample of its rows, which is what opening it reads; see `engine.bundle.large`
    sample.safetensors   the logits of the sample
    bundle.json          written last: schema, names, costs, provenance, measurements, and the SHA-256 of every other file and of itself

A bundle is written whole or not at all, holds no pickle, and is refused with one sentence if anything in it is wrong.
"""

import re
import shutil
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bundle.contents import check_outputs, class_names_in, consistent, names_in, outputs_in
from engine.bundle.images import PLACE_BYTES, ImagePack
from engine.bundle.lock import writing
from engine.bundle.manifest import (
    GRADED_SCHEMA,
    IMAGES,
    LOGITS,
    MANIFEST,
    MASKS,
    MASKS_SCHEMA,
    SAMPLE,
    SAMPLE_LOGITS,
    SCHEMA,
    TABLE,
    check_files,
    read_manifest,
    sealed,
)
from engine.bundle.masks import MaskPack, MaskShape
from engine.bundle.measurements import Fresh, Measured, read_measured, with_measured
from engine.bundle.replacing import UNFINISHED, prepare_place, reporting, swap_in, undo_half_swap
from engine.bundle.table import Rows, TopAnswers, read_table, top_answers, write_table
from engine.bundle.whole import Whole
from engine.errors import UserError
from engine.outputs import Outputs
from engine.storage.files import sha256_of, write_synced
from engine.storage.tensors import map_tensor, save_tensors

#: Up to this many classes the top classes are not stored: computing them from the logits is as fast as reading them.
FEW_CLASSES = 100
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, eq=False)
class Bundle:
    """An opened bundle.

    class_names, exit_names: (classes,), (exits,)
    unit_notes: {unit: how it was measured}
    top:        the most probable classes of every exit, with their probabilities
    images:     images by example id, or None
    masks:      the true mask and those of the exits by example id, or None
    id_texts:   (examples,) the ids as text where they are not numbers, or None; `outputs.ids` are hashes of them
    texts:      (examples,) what the examples say, or None
    measured:   measurements on real devices, one per device and batch size; their units are among those of the outputs
    sha256:     the seal of the manifest, which covers the checksums of all files
    whole:      all examples of a large bundle, on disk; everything above is of a sample. None if these are all, see `engine.bundle.large`
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
    masks: MaskPack | None = None
    id_texts: NDArray[np.object_] | None = None
    texts: NDArray[np.object_] | None = None
    measured: tuple[Measured, ...] = ()
    sha256: str = ""
    whole: Whole | None = None

    def __repr__(self) -> str:
        return f"Bundle({self.id!r}, {self.outputs!r})"

    @property
    def examples(self) -> int:
        """In all, of which the outputs may be a sample."""
        return self.outputs.examples if self.whole is None else self.whole.all_examples

    @property
    def reads_texts(self) -> bool:
        """Whether its examples are texts, which it may hold or not."""
        return self.texts is not None or "vocabulary" in self.provenance

    @property
    def nbytes(self) -> int:
        """Memory taken by the outputs, the texts and the places of the images. Memory-mapped files are not counted."""
        places = 0 if self.images is None else self.images.nbytes
        texts = sum(sum(map(sys.getsizeof, column)) for column in (self.id_texts, self.texts) if column is not None)
        places += 0 if self.masks is None else PLACE_BYTES * len(self.masks)
        return self.outputs.nbytes + self.top.classes.nbytes + self.top.probability.nbytes + texts + places


@dataclass(frozen=True, eq=False)
class Draft:
    """A bundle to be written.

    images:          (example id, encoded image) in the order of the outputs, for some or all examples
    masks:           (example id, packed masks) for some examples, as `engine.bundle.masks.pack_masks` gives them, of one `mask_size`
    mask_size:       (height, width)
    id_texts, texts: as in `Bundle`; both as `engine.bundle.texts.clean_texts` gives them
    """

    id: str
    title: str
    outputs: Outputs
    class_names: tuple[str, ...]
    exit_names: tuple[str, ...]
    unit_notes: Mapping[str, str]
    provenance: Mapping[str, Any]
    images: Iterable[tuple[int, bytes]] = field(default_factory=list)
    masks: Iterable[tuple[int, bytes]] = field(default_factory=list)
    mask_size: tuple[int, int] | None = None
    id_texts: Sequence[str] | None = None
    texts: Sequence[str] | None = None


def check_id(id: str) -> str:
    """Return the id. Raises UserError if it cannot name a bundle."""
    if not _ID.fullmatch(id):
        raise UserError(f"{id!r} cannot name a bundle; use up to 64 lower-case letters, digits, dots, dashes or underscores.")
    if id.endswith(UNFINISHED):
        raise UserError(f"{id!r} cannot name a bundle; the endings {', '.join(UNFINISHED)} mark unfinished bundles, so choose another.")
    return id


def write_bundle(draft: Draft, folder: Path) -> Path:
    """Write a bundle to `folder`, replacing an existing one. If the process is killed, the old bundle stays whole.

    Raises UserError if there is something else in that place, if another process is writing it, or if it cannot be written, as when the
    disk is full; then nothing is left of the new one.
    """
    outputs = draft.outputs
    with replacing(draft.id, folder) as new:
        places = ImagePack.write(new / IMAGES, draft.images)
        tabled = replace(outputs, logits=None) if outputs.classes <= FEW_CLASSES else outputs
        mask_places = None if draft.mask_size is None else MaskPack.write(new / MASKS, draft.masks)
        write_table(new / TABLE, tabled, places, draft.id_texts, draft.texts, mask_places)
        if outputs.logits is not None:
            save_tensors(new / LOGITS, {"logits": np.ascontiguousarray(outputs.logits)})
        # None: the costs depend on the example, and are in the table.
        costs = {unit: cost.tolist() if cost.ndim == 1 else None for unit, cost in outputs.stage_cost.items()}
        write_manifest(facts_of(draft, _schema(draft), outputs.examples, costs), new)
    return folder


@contextmanager
def replacing(id: str, folder: Path) -> Generator[Path]:
    """An empty folder in which to write the files of a bundle. It takes the place of `folder` once they are written.

    Raises UserError as `write_bundle` does.
    """
    check_id(id)
    prepare_place(folder)
    new = folder.with_name(folder.name + ".new")
    with reporting(folder), writing(folder):
        undo_half_swap(folder)
        shutil.rmtree(new, ignore_errors=True)
        try:
            new.mkdir(parents=True)
            yield new
            swap_in(new, folder)
        except Exception:
            undo_half_swap(folder)
            shutil.rmtree(new, ignore_errors=True)
            raise


def discard_unfinished(folder: Path) -> None:
    """Remove what a process that was ended has left of a bundle that it was writing to `folder`."""
    if folder.with_name(folder.name + ".new").is_dir():
        with suppress(OSError, UserError), writing(folder):
            undo_half_swap(folder)
            shutil.rmtree(folder.with_name(folder.name + ".new"), ignore_errors=True)


def write_manifest(facts: Mapping[str, Any], folder: Path) -> None:
    """facts: the manifest without the list of files;  folder: where all other files are"""
    files = {path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in sorted(folder.iterdir())}
    write_synced(folder / MANIFEST, sealed({**facts, "files": files}))


def facts_of(draft: Draft, schema: int, examples: int, costs: Mapping[str, list[float] | None]) -> dict[str, Any]:
    """The manifest without the list of files. costs: of each stage, by unit, None where they are in the table"""
    outputs = draft.outputs
    return {
        "schema": schema,
        "id": draft.id,
        "title": draft.title,
        "topology": outputs.kind,
        "said": outputs.recorded,
        "examples": examples,
        "class_names": list(draft.class_names),
        "exit_names": list(draft.exit_names),
        "units": {unit: {"stage_cost": cost, "note": draft.unit_notes.get(unit, "")} for unit, cost in costs.items()},
        **({"quality": outputs.quality_name} if outputs.qualities else {}),
        **({"mask_size": list(draft.mask_size)} if draft.mask_size is not None else {}),
        "provenance": dict(draft.provenance),
    }


def read_bundle(folder: Path) -> Bundle:
    """Open a bundle and check every file. Raises UserError, naming the file and the remedy, if anything is wrong.

    Of a large bundle only the sample is read and checked; `Bundle.whole` reads the rest when it is needed.
    """
    manifest = read_manifest(folder)
    large = SAMPLE in manifest["files"]
    check_files(folder, manifest, unread=(TABLE, LOGITS) if large else ())
    table, tensors = (SAMPLE, SAMPLE_LOGITS) if large else (TABLE, LOGITS)
    with consistent(folder):
        exit_names = names_in(manifest["exit_names"])
        rows = read_table(folder / table, len(exit_names))
        logits = map_tensor(folder / tensors, "logits") if tensors in manifest["files"] else None
        outputs = outputs_in(manifest, rows, logits)
        top = rows.top if logits is None or outputs.classes > FEW_CLASSES else top_answers(logits)
        whole = Whole.of(folder, manifest) if large else None
        _check(outputs, top, manifest, outputs.examples if whole is None else whole.all_examples)
        return Bundle(
            id=manifest["id"],
            title=str(manifest["title"])[:200],
            outputs=outputs,
            class_names=class_names_in(manifest, rows),
            exit_names=exit_names,
            unit_notes={unit: str(entry["note"]) for unit, entry in manifest["units"].items()},
            provenance=manifest["provenance"],
            top=top,
            images=ImagePack(folder / IMAGES, rows.ids, rows.image_offset, rows.image_bytes) if IMAGES in manifest["files"] else None,
            masks=_masks(folder, manifest, rows, outputs),
            id_texts=rows.id_texts,
            texts=rows.texts,
            measured=read_measured(manifest),
            sha256=manifest["sha256"],
            whole=whole,
        )


def add_measured(folder: Path, fresh: Sequence[Fresh]) -> None:
    """Add measurements on a device to a bundle. Only its manifest changes, atomically: if the process is killed, the bundle stays whole.

    An earlier measurement of the same device and batch size is replaced. A rewritten bundle starts without measurements, as they belong
    to the weights they were made with. Raises UserError if the bundle is damaged.
    """
    with reporting(folder), writing(folder):
        manifest = with_measured(verify_files(folder), fresh)
        read_measured(manifest)  # so that no manifest is written that could not be read
        write_synced(folder / MANIFEST, sealed(manifest))


def verify_files(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle. Raises UserError if any of its files is missing, truncated or changed."""
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    return manifest


def _check(outputs: Outputs, top: TopAnswers, manifest: Mapping[str, Any], examples: int) -> None:
    """examples: in all"""
    if not isinstance(manifest["id"], str) or not _ID.fullmatch(manifest["id"]) or manifest["id"].endswith(UNFINISHED):
        raise ValueError("its id cannot name a bundle")
    if not isinstance(manifest["provenance"], dict):
        raise ValueError("its provenance is not a mapping")
    if outputs.examples == 0 or examples != manifest["examples"] or len(np.unique(outputs.ids)) != outputs.examples:
        raise ValueError("its table does not have the stated number of examples with distinct ids")
    check_outputs(outputs, top)


def _masks(folder: Path, manifest: Mapping[str, Any], rows: Rows, outputs: Outputs) -> MaskPack | None:
    """The masks of a bundle. Raises ValueError, among others, if their size or places are not valid."""
    if MASKS not in manifest["files"]:
        return None
    if rows.mask_offset is None or rows.mask_bytes is None or outputs.overlap is None:
        raise ValueError("it has masks without their places or their overlap")
    height, width = manifest["mask_size"]
    return MaskPack(folder / MASKS, MaskShape(outputs.exits, outputs.classes, height, width), rows.ids, rows.mask_offset, rows.mask_bytes)


def _schema(draft: Draft) -> int:
    """The oldest version that can hold this bundle."""
    outputs = draft.outputs
    if outputs.qualities or outputs.overlap is not None or draft.mask_size is not None:
        return MASKS_SCHEMA
    varying = any(cost.ndim == 2 or not cost.all() for cost in outputs.stage_cost.values())
    texts = draft.id_texts is not None or draft.texts is not None
    more = varying or texts or outputs.features or outputs.before
    return SCHEMA if outputs.has_classes and "maxprob" in outputs.scores and not more else GRADED_SCHEMA
