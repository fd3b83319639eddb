"""Invented results of models in the forms in which people publish such logs, and what a bundle of each must hold."""

import csv
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Cell:
    """One model on one example. cost: of the stage alone"""

    quality: float
    cost: float
    conf: float


@dataclass(frozen=True)
class Published:
    """A file as published, and the rows it was made of.

    options: of the command line
    models:  in the order in which the bundle must hold them
    cells:   {id as text: {model: cell}} of the examples that the bundle must hold
    chain:   whether the models are exits of one network
    """

    file: Path
    options: list[str]
    models: list[str]
    cells: dict[str, dict[str, Cell]]
    unit: str
    chain: bool = False
    has_conf: bool = True
    split: dict[str, str] = field(default_factory=dict)


def invented(
    models: dict[str, tuple[float, float]], ids: list[str], seed: int, graded: bool = False, varying: bool = True
) -> dict[str, dict[str, Cell]]:
    """models: {name: (mean quality, cost)}. Difficult examples cost more and are answered worse."""
    rng = np.random.default_rng(seed)
    made = {}
    for id in ids:
        hard = rng.uniform()
        made[id] = {}
        for name, (mean, cost) in models.items():
            p = float(np.clip(mean + 0.25 - 0.5 * hard + rng.normal(0, 0.05), 0.02, 0.98))
            quality = round(p, 4) if graded else float(rng.uniform() < p)
            conf = round(float(np.clip(p + rng.normal(0, 0.1), 0.01, 0.99)), 6)
            made[id][name] = Cell(quality, round(cost * (1 + hard), 5) if varying else cost, conf)
    return made


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def wide_with_costs(folder: Path) -> Published:
    """A benchmark of routers: a column for each model, with its response and total cost beside it, and the examples' own text."""
    cells = invented({"big/chat": (0.8, 0.02), "tiny-v0.1": (0.5, 0.001), "mid 7b": (0.65, 0.004)}, [f"mmlu.{i}" for i in range(90)], 1)
    rows = []
    for i, (id, by_model) in enumerate(cells.items()):
        row: dict[str, Any] = {"sample_id": id, "prompt": f"['Question {i}:\nwhat is {i}, and why?']", "eval_name": f"task {i % 3}"}
        for model, cell in by_model.items():
            row |= {model: cell.quality, f"{model}|model_response": "B, because", f"{model}|total_cost": cell.cost}
        rows.append({**row, "oracle_model_to_route_to": "tiny-v0.1"})
    return Published(write_csv(folder / "bench.csv", rows), [], ["tiny-v0.1", "mid 7b", "big/chat"], cells, "cost", has_conf=False)


def arena(folder: Path) -> Published:
    """A leaderboard's lines of JSON: an object for each query and model, with a score and the cost of inference."""
    cells = invented({"m-large": (0.8, 3.0), "m-small": (0.55, 0.5)}, [str(7 * i) for i in range(80)], 2)
    rows = [
        {
            "global_index": int(id),
            "question": f"invented question {id}",
            "llm_selected": model,
            "generated_answer": "...",
            "score": cell.quality,
            "inference_cost": cell.cost,
            "token_usage": {"input": 3, "output": 4},
        }
        for id, by_model in cells.items()
        for model, cell in by_model.items()
    ]
    return Published(write_jsonl(folder / "arena.jsonl", rows), [], ["m-small", "m-large"], cells, "cost", has_conf=False)


def cascade_log(folder: Path) -> Published:
    """A log of a cascade: verdicts in words, times and confidences, in any order of rows."""
    cells = invented({"second": (0.7, 40.0), "first": (0.5, 9.0), "third": (0.85, 300.0)}, [f"q-{i:03}" for i in range(100)], 3)
    rows = [
        {"Query ID": id, "model": model, "isCorrect": str(cell.quality == 1.0), "latency_ms": cell.cost, "Confidence": cell.conf}
        for id, by_model in cells.items()
        for model, cell in by_model.items()
    ]
    np.random.default_rng(0).shuffle(rows)
    return Published(write_csv(folder / "log.csv", rows), [], ["first", "second", "third"], cells, "latency_ms")


def exits_of_a_network(folder: Path) -> Published:
    """Predictions of the exits of a network with text labels: costs are what leaving there costs in total."""
    cells = invented({str(k): (0.4 + 0.1 * k, 1.0 + k) for k in (3, 6, 12)}, [str(i) for i in range(90)], 4)
    labels = ["cat", "dog", "newt"]
    rows = []
    for i, (id, by_model) in enumerate(cells.items()):
        total = 0.0
        for exit, cell in by_model.items():
            total += cell.cost
            pred = labels[i % 3] if cell.quality else labels[(i + 1) % 3]
            row = {"sample": int(id), "exit": int(exit), "pred": pred, "prob": cell.conf, "label": labels[i % 3], "macs": total}
            rows.append({**row, "split": ("validation", "test")[i % 2]})
    pq.write_table(pa.Table.from_pylist(rows), folder / "exits.parquet")
    split = {id: ("calibration", "test")[i % 2] for i, id in enumerate(cells)}
    return Published(folder / "exits.parquet", [], ["Exit 3", "Exit 6", "Exit 12"], _renamed(cells, "Exit {}"), "macs", True, True, split)


def _renamed(cells: dict[str, dict[str, Cell]], name: str) -> dict[str, dict[str, Cell]]:
    return {id: {name.format(model): cell for model, cell in by_model.items()} for id, by_model in cells.items()}


def matrix(folder: Path) -> Published:
    """A matrix of what each model got right, and nothing else; costs are typed."""
    cells = invented({"small": (0.5, 0.2), "large": (0.8, 0.9)}, [str(i) for i in range(80)], 5, varying=False)
    rows = [{model: int(cell.quality) for model, cell in by_model.items()} for by_model in cells.values()]
    options = ["--cost", "small=0.2", "--cost", "large=0.9", "--cost-unit", "usd"]
    return Published(write_csv(folder / "matrix.csv", rows), options, ["small", "large"], cells, "usd", has_conf=False)


def percentages(folder: Path) -> Published:
    """Graded in per cent, with costs of each model in a second file."""
    cells = invented({"a": (0.4, 1.0), "b": (0.7, 5.0)}, [f"{i}.png" for i in range(80)], 6, graded=True, varying=False)
    rows = [
        {"id": id, "network": model, "IoU": round(100 * cell.quality, 2), "conf": cell.conf, "factor_size": i}
        for i, (id, by_model) in enumerate(cells.items())
        for model, cell in by_model.items()
    ]
    write_csv(folder / "costs.csv", [{"model": "b", "gflops": 5.0}, {"model": "a", "gflops": 1.0}, {"model": "c", "gflops": 2.0}])
    (folder / "costs.csv").write_text((folder / "costs.csv").read_text().replace("gflops", "cost_gflops"))
    options = ["--scale", "0.01", "--costs", str(folder / "costs.csv")]
    return Published(write_csv(folder / "scenes.csv", rows), options, ["a", "b"], cells, "gflops")


def summaries(folder: Path) -> Published:
    """A score that may be a little below 0, mapped by name, with costs of each example in a second file, in semicolons."""
    cells = invented({"a": (0.3, 1.0), "b": (0.7, 5.0)}, [f"doc {i}" for i in range(80)], 7, graded=True)
    first = next(iter(cells))
    cells[first]["a"] = Cell(0.0, cells[first]["a"].cost, cells[first]["a"].conf)
    rows = [
        {"document": id, "system": model, "METEOR": -0.03 if (id, model) == (first, "a") else cell.quality, "p": cell.conf}
        for id, by_model in cells.items()
        for model, cell in by_model.items()
    ]
    lines = ["example;model;seconds", *(f'"{id}";{model};{cell.cost}' for id, by in reversed(cells.items()) for model, cell in by.items())]
    (folder / "times.csv").write_text("\n".join(lines))
    options = [word for column in ("example=document", "model=system", "quality=METEOR", "conf=p") for word in ("--map", column)]
    options += ["--clip", "--costs", str(folder / "times.csv")]
    return Published(write_jsonl(folder / "summaries.jsonl", rows), options, ["a", "b"], cells, "seconds")


def with_gaps(folder: Path) -> Published:
    """Some rows failed, by an error or by an empty score beside a cost; some are absent, so their examples are left out."""
    cells = invented({"cheap": (0.5, 1.0), "best": (0.9, 4.0), "worse": (0.6, 9.0)}, [f"r{i}" for i in range(100)], 8)
    rows = []
    for i, (id, by_model) in enumerate(list(cells.items())):
        for model, cell in by_model.items():
            row = {"prompt_id": id, "model_name": model, "reward": cell.quality, "price": cell.cost, "confidence": cell.conf, "error": ""}
            if i % 10 == 3 and model == "cheap":
                row |= {"reward": "", "error": "time-out", "confidence": ""}
            elif i % 10 == 4 and model == "best":
                row |= {"reward": "", "confidence": ""}
            if i % 10 in (3, 4) and row["reward"] == "":
                by_model[model] = Cell(0.0, cell.cost, -np.inf)
            if not (i % 10 == 7 and model == "best"):
                rows.append(row)
        if i % 10 == 7:
            del cells[id]
    return Published(write_csv(folder / "gaps.csv", rows), [], ["cheap", "best"], cells, "price")


def graded_arrays(folder: Path) -> Published:
    """Segmentation: the quality of each mask, with text ids and times that depend on the picture."""
    cells = invented({"Exit 1": (0.4, 3.0), "Exit 2": (0.6, 5.0)}, [f"scene {i}" for i in range(80)], 9, graded=True)

    def grid(of: Callable[[Cell], float]) -> np.ndarray:
        return np.array([[of(by_model[model]) for by_model in cells.values()] for model in ("Exit 1", "Exit 2")])

    arrays = {"quality": grid(lambda cell: cell.quality), "conf": grid(lambda cell: cell.conf)}
    costs = {"stage_cost_latency_ms": grid(lambda cell: cell.cost), "ids": np.array(list(cells))}
    np.savez(folder / "masks.npz", **arrays, **costs, topology=np.array("chain"))
    return Published(folder / "masks.npz", [], ["Exit 1", "Exit 2"], cells, "latency_ms", chain=True)


FORMS = (
    *(wide_with_costs, arena, cascade_log, exits_of_a_network, matrix),
    *(percentages, summaries, with_gaps, graded_arrays),
)


def write_bfloat16(path: Path, arrays: dict[str, np.ndarray], half: str) -> Path:
    """A safetensors file with one array in bfloat16, as its format defines it."""
    header, data = {}, b""
    names = {"f4": "F32", "i8": "I64", "f8": "F64"}
    for name, array in arrays.items():
        content = (array.astype("<f4").view("<u4") >> 16).astype("<u2") if name == half else np.ascontiguousarray(array)
        dtype = "BF16" if name == half else names[array.dtype.str[1:]]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + content.nbytes]}
        data += content.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path
