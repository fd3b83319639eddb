"""Small example files of every form that can be imported, to copy from."""

import csv
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
from engine.importing.help_text import TEMPLATE_KINDS

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


def _mixed() -> Arrays:
    """Some exits have logits and others probabilities, an array each."""
    logits, labels = _made_up()
    outputs = {"exit0.logits": logits[0], "exit1.probs": softmax(logits[1], axis=-1), "exit2.logits": logits[2]}
    return {**outputs, "labels": labels, "cost_macs": np.array([2e6, 5e6, 9e6])}


def _correct() -> Arrays:
    """Only which model is correct on which example, without a confidence."""
    logits, labels = _made_up()
    return {
        "correct": logits.argmax(axis=-1) == labels,
        "stage_cost_usd": np.array([0.001, 0.004, 0.02]),
        "exit_names": np.array(["small", "medium", "large"]),
        "topology": np.array("family"),
    }


def _quality() -> Arrays:
    """How good each exit is, such as the overlap of two masks, with costs that depend on the example."""
    logits, labels = _made_up()
    of_label = softmax(logits, axis=-1)[:, np.arange(EXAMPLES), labels]
    size = np.random.default_rng(1).uniform(0.5, 1.5, EXAMPLES)
    return {
        "quality": of_label,
        "conf": softmax(logits, axis=-1).max(axis=-1),
        "stage_cost_latency_ms": np.array([8.0, 9.0, 13.0])[:, None] * size,
        "ids": np.array([f"scene-{i:03d}" for i in range(EXAMPLES)]),
        "factor_size": size,
    }


def _log() -> list[dict[str, Any]]:
    """Rows of three models that answer questions: a log in long form."""
    logits, labels = _made_up()
    probs = softmax(logits.astype(np.float64), axis=-1)
    rows = []
    for i in range(EXAMPLES):
        for k, (model, cost) in enumerate({"small": 0.001, "medium": 0.004, "large": 0.02}.items()):
            rows.append(
                {
                    "query_id": f"q{i:03d}",
                    "model": model,
                    "score": int(probs[k, i].argmax() == labels[i]),
                    "confidence": round(float(probs[k, i].max()), 6),
                    "cost_usd": round(cost * (1 + len(str(i * 7919)) / 4), 6),
                    "prompt": f"Which of the shapes in picture {i} is a {NAMES[labels[i]]}?",
                    "split": ("fit", "calibration", "test")[i * 3 // EXAMPLES],
                }
            )
    return rows


def _wide_log() -> list[dict[str, Any]]:
    """The same log in wide form."""
    made: dict[str, dict[str, Any]] = {}
    for row in _log():
        example = made.setdefault(row["query_id"], {name: row[name] for name in ("query_id", "prompt", "split")})
        model = row["model"]
        example |= {model: row["score"], f"{model}.conf": row["confidence"], f"{model}.cost_usd": row["cost_usd"]}
    return list(made.values())


TEMPLATES: Mapping[str, Callable[[], Arrays]] = {
    "logits": _logits,
    "probs": _probs,
    "confidence": _confidence,
    "family": _family,
    "parquet": _logits,
    "mixed": _mixed,
    "correct": _correct,
    "quality": _quality,
}
LOG_TEMPLATES: Mapping[str, Callable[[], list[dict[str, Any]]]] = {"long": _log, "wide": _wide_log}


def write_template(kind: str, path: Path) -> Path:
    """Write an example file of one of `TEMPLATE_KINDS`, in one of its formats, by the ending of the path. Raises UserError."""
    if kind not in TEMPLATE_KINDS:
        raise UserError(f"There is no template {kind!r}; choose one of: {', '.join(TEMPLATE_KINDS)}.")
    writers = _writers(kind)
    if path.suffix not in writers:
        *most, last = writers
        endings = f"{', '.join(most)} or {last}" if most else last
        raise UserError(f"The template {kind} cannot be written to {printable(path.name)!r}; use a name that ends in {endings}.")
    try:
        if path.exists():
            raise UserError(f"{printable(path.name)} already exists and is not overwritten; choose another name with --out.")
        path.parent.mkdir(parents=True, exist_ok=True)
        writers[path.suffix](path)
    except OSError as problem:
        raise UserError(f"{path} cannot be written ({problem.strerror}); choose another place with --out.") from problem
    return path


def _writers(kind: str) -> dict[str, Callable[[Path], None]]:
    """What writes the template, by ending."""
    if kind in LOG_TEMPLATES:
        rows = LOG_TEMPLATES[kind]
        return {
            ".csv": lambda path: _write_csv(path, rows()),
            ".jsonl": lambda path: _write_jsonl(path, rows()),
            ".parquet": lambda path: _write_rows(path, rows()),
        }
    arrays = TEMPLATES[kind]
    if kind == "parquet":
        return {".parquet": lambda path: _write_parquet(path, arrays())}
    return {".npz": lambda path: _write_npz(path, arrays()), ".safetensors": lambda path: _write_safetensors(path, arrays())}


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path)


def _write_npz(path: Path, arrays: Arrays) -> None:
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _write_safetensors(path: Path, arrays: Arrays) -> None:
    """Numbers as tensors, text as metadata."""
    splits = ["fit", "calibration", "test"]
    if "split" in arrays:
        arrays["split"] = np.array([splits.index(part) for part in arrays["split"]], np.uint8)
    # The library writes the bytes as they lie in memory.
    numbers = {name: np.ascontiguousarray(array) for name, array in arrays.items() if array.dtype.kind != "U"}
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
