"""Other people's outputs -> a bundle: one `.npz`, `.safetensors` or `.parquet` file, every array of it checked.

What the exits said, in one of three forms:

    logits  (exits, examples, classes)  any type of number; float16 is kept, all else becomes float32, or float16 above 1,000 classes
    probs   (exits, examples, classes)  each row sums to 1
    pred    (exits, examples)           the class each exit names, with
    conf    (exits, examples)           how probable it holds that to be; policies that need every class's probability cannot run then

What else must be there:

    labels      (examples,)  whole numbers from 0
    cost        (exits,)     what leaving at each exit costs in all, or
    stage_cost  (stages,)    what each stage alone costs; `cost_latency_ms`, `stage_cost_macs` and the like name the unit, one or several

What may be there:

    split        (examples,)  "fit", "calibration" and "test", or 0, 1 and 2. Without it half of the rows, drawn with a fixed seed, become
                              calibration and the other half test
    images       (examples, height, width, 3) uint8, at most 512 pixels a side; those of test rows are kept, encoded anew
    ids          (examples,)  whole numbers, all different
    class_names  (classes,)   text, as is
    exit_names   (exits,)
    factor_NAME  (examples,)  a covariate, such as how hard an example is
    topology     text         "chain" (the default) for the exits of one network, "family" for separate networks from small to large, any of
                              which may be skipped; for them only `stage_cost` has a meaning

In Parquet these are columns, see `engine.importing.readers.parquet`. A safetensors file holds no text: names and topology are in its
metadata, as JSON lists and as text. Limits: 255 exits, 100,000 classes, 10 million examples, 2 GiB as it lies there and 2 GiB unpacked.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.bundle.bundle import MANIFEST, Draft, check_id, write_bundle
from engine.bundle.images import encode
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

Arrays = Mapping[str, NDArray]
SEED = 0


@dataclass(frozen=True, eq=False)
class Imported:
    """A bundle made of someone's file, and what that person should know about it, a sentence each."""

    folder: Path
    draft: Draft
    notes: tuple[str, ...]


def import_file(
    path: Path, id: str, title: str | None = None, kind: CascadeKind | None = None, out: Path | None = None, most: int = MOST_BYTES
) -> Imported:
    """Check a file and write the bundle; nothing is written unless all is well. Raises UserError otherwise.

    topology: overrules the file's own;  out: the bundle's folder, by default the one of that id in the library
    most:     bytes that the file may have, and may unpack to
    """
    folder = out or bundles_folder() / check_id(id)
    _check_free(folder)
    draft, notes = draft_from(path, id, title, kind, most)
    try:
        write_bundle(draft, folder)
    except OSError as problem:
        raise UserError(f"{folder} cannot be written ({printable(str(problem), 200)}); give another place with --out.") from problem
    return Imported(folder, draft, notes)


def draft_from(
    path: Path, id: str, title: str | None = None, kind: CascadeKind | None = None, most: int = MOST_BYTES
) -> tuple[Draft, tuple[str, ...]]:
    """What the bundle of a file would hold, and the sentences about it."""
    check_id(id)
    given = read_arrays(path, most)
    arrays, notes = given.arrays, []
    labels = check_labels(_labels(given))
    kind = kind or _topology(arrays, notes)
    recorded = read_exit_outputs(arrays, labels)
    split = _split(arrays, len(labels), notes)
    ids = check_ids(arrays["ids"], len(labels)) if "ids" in arrays else np.arange(len(labels))
    costs = check_costs(arrays, recorded.exits, kind == CascadeKind.FAMILY, given.ignored)
    if "cost" in costs:
        notes.append("Costs have no unit, so theirs is called cost; name the array cost_macs or cost_latency_ms to give them one.")
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
        notes.append(f"Of no use here and ignored: {', '.join(given.ignored[:5])}{more}.")
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
            "split": "as given" if "split" in arrays else f"half and half, drawn with seed {SEED}",
            "notes": notes,
        },
        images=images,
    )
    return draft, tuple(notes)


def _labels(given: Given) -> NDArray:
    if "labels" not in given.arrays:
        there = ", ".join([*given.ignored, *given.arrays][:10]) or "nothing"  # the ignored first: one may be meant, misspelt
        raise UserError(f"There is no array labels, only {there}; add the true class of every example, (examples,).")
    return given.arrays["labels"]


def _topology(arrays: Arrays, notes: list[str]) -> CascadeKind:
    if "topology" not in arrays:
        notes.append("Taken as the exits of one network; if these are separate networks, say so with --topology family.")
        return "chain"
    recorded = printable(str(arrays["topology"].reshape(-1)[0])) if arrays["topology"].size else ""
    if recorded not in ("chain", "family"):
        raise UserError(f"topology is {recorded!r}; use 'chain' for the exits of one network and 'family' for separate networks.")
    return recorded


def _split(arrays: Arrays, examples: int, notes: list[str]) -> NDArray[np.str_]:
    if "split" in arrays:
        split = check_split(arrays["split"], examples)
    else:
        split = np.full(examples, str(Split.TEST), dtype="<U11")
        split[np.random.default_rng(SEED).permutation(examples)[: examples // 2]] = Split.CALIBRATION
        half, rest = f"{examples // 2:,}", f"{examples - examples // 2:,}"
        notes.append(f"No split given: {half} rows drawn with seed {SEED} are for calibration, the other {rest} for the test.")
    if Split.FIT not in split:
        notes.append("There are no fit rows, so policies that learn gates learn them on the calibration rows.")
    return split


def _images(arrays: Arrays, ids: NDArray[np.int64], split: NDArray[np.str_]) -> Iterator[tuple[int, bytes]] | list:
    """The pictures of the test examples, each encoded when it is written."""
    if "images" not in arrays:
        return []
    images = arrays["images"]
    check_images(images, len(ids))
    return ((int(ids[row]), encode(np.ascontiguousarray(images[row]))) for row in np.flatnonzero(split == Split.TEST))


def _names(arrays: Arrays, name: str, otherwise: list[str]) -> tuple[str, ...]:
    return check_names(name, arrays[name], otherwise) if name in arrays else tuple(otherwise)


def _check_free(folder: Path) -> None:
    """Nothing may be replaced but an earlier import: not a computed bundle, and not a folder of something else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        replaceable = "imported_from" in json.loads((folder / MANIFEST).read_bytes())["provenance"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        replaceable = False
    if not replaceable:
        raise UserError(f"{folder} is there already and is no imported bundle; choose another --id or --out.")
