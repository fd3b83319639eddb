"""Small example files of every form that can be imported, to copy from."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.special import log_softmax, softmax

from engine.display_text import printable
from engine.errors import UserError

Arrays = dict[str, NDArray]
EXAMPLES, EXITS, CLASSES = 300, 3, 4
NAMES = ("circle", "square", "star", "cross")


def _made_up() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits (exits, examples, classes) of a network whose accuracy rises with depth, and labels (examples,)."""
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=EXAMPLES)
    own, shared = rng.standard_normal((EXITS, EXAMPLES, CLASSES)), rng.standard_normal((EXAMPLES, CLASSES))
    lift = np.linspace(1.0, 2.5, EXITS)[:, None, None] * (labels[:, None] == np.arange(CLASSES))
    return (1.5 * (own + shared + lift)).astype(np.float32), labels


def _logits() -> Arrays:
    """Every array that a file may hold."""
    logits, labels = _made_up()
    shade = np.linspace(60, 220, CLASSES).astype(np.uint8)[labels]
    return {
        "logits": logits,
        "labels": labels,
        "cost_macs": np.array([2e6, 5e6, 9e6]),  # total cost of leaving at each exit
        "stage_cost_latency_ms": np.array([0.8, 0.9, 1.3]),  # cost of each stage alone
        "split": np.repeat(["fit", "calibration", "test"], EXAMPLES // 3),
        "images": np.broadcast_to(shade[:, None, None, None], (EXAMPLES, 16, 16, 3)).copy(),
        "ids": np.arange(1000, 1000 + EXAMPLES),
        "class_names": np.array(NAMES),
        "exit_names": np.array(["after block 1", "after block 2", "end"]),
        "factor_difficulty": 1 - softmax(logits, axis=-1)[:, np.arange(EXAMPLES), labels].mean(axis=0),
        "topology": np.array("chain"),
    }


def _probs() -> Arrays:
    """Only the arrays that a file must hold."""
    logits, labels = _made_up()
    return {"probs": softmax(logits, axis=-1), "labels": labels, "cost": np.array([2.0, 5.0, 9.0])}


def _confidence() -> Arrays:
    logits, labels = _made_up()
    # From float64, so that high confidences do not all round to 1.
    conf = np.exp(log_softmax(logits.astype(np.float64), axis=-1)).max(axis=-1)
    return {"pred": logits.argmax(axis=-1), "conf": conf, "labels": labels, "cost": np.array([2.0, 5.0, 9.0])}


def _family() -> Arrays:
    logits, labels = _made_up()
    return {
        "logits": logits,
        "labels": labels,
        "stage_cost_macs": np.array([1e6, 4e6, 20e6]),  # cost of each network alone
        "exit_names": np.array(["small", "medium", "large"]),
        "topology": np.array("family"),
    }


TEMPLATES: Mapping[str, Callable[[], Arrays]] = {
    "logits": _logits,
    "probs": _probs,
    "confidence": _confidence,
    "family": _family,
    "parquet": _logits,
}


def write_template(kind: str, path: Path) -> Path:
    """Write an example file: "parquet" as .parquet, the others as .npz or .safetensors by the ending of the path. Raises UserError."""
    if kind not in TEMPLATES:
        raise UserError(f"There is no template {kind!r}; choose one of: {', '.join(TEMPLATES)}.")
    writers = {".parquet": _write_parquet} if kind == "parquet" else {".npz": _write_npz, ".safetensors": _write_safetensors}
    if path.suffix not in writers:
        raise UserError(
            f"The template {kind} cannot be written to {printable(path.name)!r}; use a name that ends in {' or '.join(writers)}."
        )
    try:
        if path.exists():
            raise UserError(f"{printable(path.name)} already exists and is not overwritten; choose another name with --out.")
        path.parent.mkdir(parents=True, exist_ok=True)
        writers[path.suffix](path, TEMPLATES[kind]())
    except OSError as problem:
        raise UserError(f"{path} cannot be written ({problem.strerror}); choose another place with --out.") from problem
    return path


def _write_npz(path: Path, arrays: Arrays) -> None:
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _write_safetensors(path: Path, arrays: Arrays) -> None:
    """Numbers as tensors, text as metadata."""
    splits = ["fit", "calibration", "test"]
    if "split" in arrays:
        arrays["split"] = np.array([splits.index(part) for part in arrays["split"]], np.uint8)
    numbers = {name: array for name, array in arrays.items() if array.dtype.kind != "U"}
    save_file(numbers, path, metadata=_metadata(arrays))


def _write_parquet(path: Path, arrays: Arrays) -> None:
    """A column of lists for each exit, names as metadata. Images are left out: the form has no place for them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {
        "id": arrays["ids"],
        "label": arrays["labels"],
        "split": arrays["split"],
        "factor_difficulty": arrays["factor_difficulty"],
    }
    for k in range(EXITS):
        columns[f"exit{k}.logits"] = list(arrays["logits"][k])
        columns |= {f"exit{k}.{cost}": np.full(EXAMPLES, arrays[cost][k]) for cost in ("cost_macs", "stage_cost_latency_ms")}
    pq.write_table(pa.table(columns).replace_schema_metadata(_metadata(arrays)), path)


def _metadata(arrays: Arrays) -> dict[str, str]:
    named = {name: json.dumps(arrays[name].tolist()) for name in ("class_names", "exit_names") if name in arrays}
    return named | ({"topology": str(arrays["topology"])} if "topology" in arrays else {})
