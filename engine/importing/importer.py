"""Imports outputs from one `.npz`, `.safetensors` or `.parquet` file into a bundle. Every array is checked.

The outputs of the exits, in one of three forms:

    logits  (exits, examples, classes)  any numeric type; float16 is kept, others become float32, or float16 above 1,000 classes
    probs   (exits, examples, classes)  each row sums to 1
    pred    (exits, examples)           the predicted class of each exit, with
    conf    (exits, examples)           its probability; policies that need the probability of every class cannot run then

Required:

    labels      (examples,)  whole numbers from 0
    cost        (exits,)     the total cost of leaving at each exit, or
    stage_cost  (stages,)    the cost of each stage alone; names such as `cost_latency_ms` or `stage_cost_macs` give the unit, and there may
                             be several units

Optional:

    split        (examples,)  "fit", "calibration" and "test", or 0, 1 and 2. Without it half of the rows, drawn at random with a fixed
                              seed, become calibration and the other half test
    images       (examples, height, width, 3) uint8, at most 512 pixels per side; those of test rows are kept, encoded again
    ids          (examples,)  whole numbers, all different
    class_names  (classes,)   text
    exit_names   (exits,)     text
    factor_NAME  (examples,)  a covariate, such as how hard an example is
    topology     text         "chain" (the default) for the exits of one network, "family" for separate networks from small to large, any of
                              which may be skipped; a family needs `stage_cost`

For the columns of a Parquet file, see `engine.importing.readers.parquet`. The arrays of a safetensors file hold no text: its metadata has
names as JSON lists and topology as text. Limits: 255 exits, 100,000 classes, 10 million examples, 2 GiB on disk and 2 GiB unpacked.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.bundle.bundle import Draft, check_id, write_bundle
from engine.bundle.images import encode
from engine.bundle.replacing import is_imported
from engine.display_text import printable
from engine.errors import UserError
from engine.importing.checks import check_labels
from engine.importing.exit_outputs import read_exit_outputs
from engine.importing.extras import check_costs, check_factor, check_ids, check_images, check_names, check_split
from engine.importing.readers import MOST_BYTES, read_arrays
from engine.importing.schema import Given
from engine.outputs import CascadeKind
from engine.paths import bundles_folder
from engine.splits import Split
from engine.storage.files import sha256_of

logger = logging.getLogger("offramp.importing")

Arrays = Mapping[str, NDArray]
SEED = 0


@dataclass(frozen=True, eq=False)
class Imported:
    """A bundle made from a file. notes: what its owner should know about it, one sentence each"""

    folder: Path
    draft: Draft
    notes: tuple[str, ...]


def import_file(
    path: Path, id: str, title: str | None = None, kind: CascadeKind | None = None, out: Path | None = None, most: int = MOST_BYTES
) -> Imported:
    """Check a file and write its bundle. Raises UserError, and writes nothing, if anything in the file is wrong.

    kind: overrides the file's topology;  out: the bundle's folder, by default the one with that id in the library
    most: largest size of the file and of its unpacked arrays, in bytes
    """
    folder = out or bundles_folder() / check_id(id)
    _check_free(folder)
    draft, notes = draft_from(path, id, title, kind, most)
    logger.info("3 of 3: writing the bundle")
    try:
        write_bundle(draft, folder)
    except OSError as problem:
        raise UserError(f"{folder} cannot be written ({printable(str(problem), 200)}); choose another folder with --out.") from problem
    return Imported(folder, draft, notes)


def draft_from(
    path: Path, id: str, title: str | None = None, kind: CascadeKind | None = None, most: int = MOST_BYTES
) -> tuple[Draft, tuple[str, ...]]:
    """The bundle that a file would make, and the notes about it."""
    check_id(id)
    given = read_arrays(path, most)
    arrays, notes = given.arrays, []
    labels = check_labels(_labels(given))
    kind = kind or _topology(arrays, notes)
    logger.info("2 of 3: checking %s examples and computing their scores", f"{len(labels):,}")
    recorded = read_exit_outputs(arrays, labels)
    split = _split(arrays, len(labels), notes)
    ids = check_ids(arrays["ids"], len(labels)) if "ids" in arrays else np.arange(len(labels))
    costs = check_costs(arrays, recorded.exits, kind == CascadeKind.FAMILY, given.ignored)
    if "cost" in costs:
        notes.append(
            "The costs have no unit, which is shown as cost; to give one, name the array cost_macs or cost_latency_ms, for example."
        )
    factors = [name for name in arrays if name.startswith("factor_")]
    outputs = recorded.outputs(
        labels=labels.astype(np.int32),
        split=split,
        stage_cost=costs,
        ids=ids,
        kind=kind,
        factors={name.removeprefix("factor_"): check_factor(name, arrays[name], len(labels)) for name in factors},
    )
    notes += recorded.notes
    images = _images(arrays, ids, split)
    if given.ignored:
        more = f" and {len(given.ignored) - 5} more" if len(given.ignored) > 5 else ""
        notes.append(f"Ignored, with names that are not known here: {', '.join(given.ignored[:5])}{more}.")
    stages = "Network" if kind == CascadeKind.FAMILY else "Exit"
    draft = Draft(
        id=id,
        title=printable(title or "", 200) or id,
        outputs=outputs,
        class_names=_names(arrays, "class_names", [f"Class {c}" for c in range(outputs.classes)]),
        exit_names=_names(arrays, "exit_names", [f"{stages} {k + 1}" for k in range(outputs.exits)]),
        unit_notes={unit: f"As given in {printable(path.name)}." for unit in outputs.stage_cost},
        provenance={
            "imported_from": printable(path.name),
            "sha256": sha256_of(path),
            "split": "as given" if "split" in arrays else f"half calibration and half test, drawn with seed {SEED}",
            "notes": notes,
        },
        images=images,
    )
    return draft, tuple(notes)


def _labels(given: Given) -> NDArray:
    if "labels" not in given.arrays:
        present = ", ".join([*given.ignored, *given.arrays][:10]) or "nothing"  # unknown names first: one may be misspelt
        raise UserError(f"There is no labels array, only {present}; add labels (examples,), the true class of every example.")
    return given.arrays["labels"]


def _topology(arrays: Arrays, notes: list[str]) -> CascadeKind:
    if "topology" not in arrays:
        notes.append("Read as the exits of one network; if these are separate networks, add --topology family.")
        return CascadeKind.CHAIN
    recorded = printable(str(arrays["topology"].reshape(-1)[0])) if arrays["topology"].size else ""
    if recorded not in list(CascadeKind):
        raise UserError(f"topology is {recorded!r}; use 'chain' for the exits of one network or 'family' for separate networks.")
    return CascadeKind(recorded)


def _split(arrays: Arrays, examples: int, notes: list[str]) -> NDArray[np.str_]:
    if "split" in arrays:
        split = check_split(arrays["split"], examples)
    else:
        split = np.full(examples, str(Split.TEST), dtype="<U11")
        split[np.random.default_rng(SEED).permutation(examples)[: examples // 2]] = Split.CALIBRATION
        half, rest = f"{examples // 2:,}", f"{examples - examples // 2:,}"
        notes.append(f"No split given: {half} rows drawn at random with seed {SEED} are for calibration, the other {rest} for testing.")
    if Split.FIT not in split:
        notes.append("There are no fit rows, so policies with learned gates train them on the calibration rows.")
    return split


def _images(arrays: Arrays, ids: NDArray[np.int64], split: NDArray[np.str_]) -> Iterator[tuple[int, bytes]] | list:
    """The images of the test examples, each encoded when it is written."""
    if "images" not in arrays:
        return []
    images = arrays["images"]
    check_images(images, len(ids))
    return ((int(ids[row]), encode(np.ascontiguousarray(images[row]))) for row in np.flatnonzero(split == Split.TEST))


def _names(arrays: Arrays, name: str, defaults: list[str]) -> tuple[str, ...]:
    return check_names(name, arrays[name], defaults) if name in arrays else tuple(defaults)


def _check_free(folder: Path) -> None:
    """Only an earlier import may be replaced: not a computed bundle, and not an unrelated folder."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not is_imported(folder):
        raise UserError(f"{folder} already exists and is not an imported bundle; choose another --id or --out.")
