"""Every mistake in a log is refused with one sentence that names the column, the row and the remedy, and no bundle is written."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.__main__ import main
from engine.commands.arguments import memory
from engine.errors import UserError
from engine.importing.budget import memory_for_log
from engine.importing.ids import numbered
from engine.importing.importer import import_file
from engine.importing.logs.table import scalar_columns
from engine.importing.notebook import import_frame
from engine.importing.options import Options
from engine.importing.readers import csv_file, csv_quotes, json_lines
from engine.importing.readers.jsonl import read_jsonl
from engine.importing.templates import TEMPLATES
from tests.engine.importing.decoding import decode_in_this_process
from tests.engine.importing.invented_logs import write_csv
from tests.sentences import assert_one_sentence


def log(**changes: Any) -> list[dict[str, Any]]:
    """Twenty rows in long form. changes: {column: its values, or None to leave it out, or {row: value}}"""
    rows = [
        {"id": f"e{i // 2}", "model": "ab"[i % 2], "correct": i % 3 % 2, "cost": 1 + i % 2, "conf": (i + 1) / 30, "label": "x", "split": ""}
        for i in range(20)
    ]
    for i, row in enumerate(rows):
        row["split"] = ("calibration", "test")[i // 2 % 2]
        for name, values in changes.items():
            if values is None:
                row.pop(name, None)
            elif not isinstance(values, dict):
                row[name] = values[i]
            elif i in values:
                row[name] = values[i]
    return rows


def wide(**changes: Any) -> list[dict[str, Any]]:
    rows = [{"id": f"e{i}", "a": i % 2, "b": 1, "a.cost": 1, "b.cost": 2} for i in range(10)]
    for i, row in enumerate(rows):
        for name, values in changes.items():
            name = name.replace("__", ".")
            if values is None:
                row.pop(name, None)
            elif not isinstance(values, dict) or i in values:
                row[name] = values[i]
    return rows


NO_COST = [{name: value for name, value in row.items() if name != "cost"} for row in log()]
ONE_COST = [{"model": "a", "cost": 1}]

REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (
        wide(id=[float(i) if i < 4 else 1e21 + i for i in range(10)]),
        {},
        "id holds 1e+21 in row 4 (counted from 0), and of numbers this large not all digits are read; write names as text, in quotes.",
    ),
    # columns
    (
        log(id=None, label=None),
        {},
        "No column gives the id of the example among model, correct, cost, conf, split; call it example_id, query_id, prompt_id,"
        " question_id, or name it with --map example=COLUMN.",
    ),
    (
        log(model=None, correct=None, label=None, conf=None),
        {},
        "No column gives the name of the model among id, cost, split; call it model, model_name, llm, llm_name, or name it with --map"
        " model=COLUMN.",
    ),
    (
        log(id=[(i // 2, 1) for i in range(20)]),
        {},
        "No column gives the id of the example among model, correct, cost, conf, label, split (id holds neither numbers nor text); {}",
    ),
    (
        log(cost=[{"usd": 1}] * 20, tags=[[1]] * 20),
        {},
        "No column gives costs among id, model, correct, conf, label, split (cost, tags hold neither numbers nor text); {}",
    ),
    (
        log(id=[uuid4().bytes for _ in range(20)]),
        {"columns": {"example": "id"}},
        "--map example=id names a column of neither numbers nor text; write it as one of them.",
    ),
    (log(model=None), {}, "No column gives the name of the model among id, correct, cost, conf, label, split; {}"),
    (
        log(correct=None),
        {},
        "No column gives whether the result is correct, or how good it is, among id, model, cost, conf, label, split; call it quality,"
        " correct, is_correct, correctness, or pred and label, or name it with --map quality=COLUMN.",
    ),
    (
        log(),
        {"columns": {"correct": "scor"}},
        "--map correct=scor names no column; the columns are: id, model, correct, cost, conf, label, split.",
    ),
    (
        log(),
        {"columns": {"speed": "cost"}},
        "--map speed= names nothing that a column can be; use one of: example, model, {}, before_NAME or feature_NAME.",
    ),
    (
        log(),
        {"columns": {"correct": "correct", "quality": "conf"}},
        "--map gives two columns for the quality, correct and conf; leave one of them out.",
    ),
    (
        log(),
        {"columns": {"cost": "cost", "stage_cost": "conf"}},
        "--map gives two columns for the cost, cost and conf; leave one of them out.",
    ),
    *(
        (frame, {}, f"Two models or exits are called {name!r}, apart from invisible characters and what follows the first 60; rename one.")
        for frame, name in (
            (log(model=["a\u200b" if i % 2 else "a" for i in range(20)]), "a"),
            (log(model=["b" * 60 + "12"[i % 2] for i in range(20)]), "b" * 60),
            ({"correct": np.ones((2, 5)), "cost": [1.0, 2.0], "exit_names": ["c", "c"]}, "c"),
            ({**TEMPLATES["family"](), "exit_names": ["d", "e", "d"]}, "d"),
        )
    ),
    (log(), {"models": ["c"]}, "--models names 'c', which the file does not have; its models are: a, b."),
    (wide(), {"models": ["c"]}, "--models names 'c', which is no column; the columns are: id, a, b, a.cost, b.cost."),
    (
        wide(b__cost=None),
        {},
        "Only a has a column such as a.cost, so other models cannot be told from other columns, such as b; name the models, for example"
        " with --models a,b.",
    ),
    (wide(b__cost=None), {"models": ["a", "b"]}, "There is a quality but no cost of b in row 0 (counted from 0) and 9 more; {}"),
    # cells
    (log(id={3: ""}), {}, "id is empty in row 3 (counted from 0); fill it or leave that row out."),
    (log(model={3: " "}), {}, "model is empty in row 3 (counted from 0); fill it or leave that row out."),
    (log(split={3: None}), {}, "split is empty in row 3 (counted from 0); fill it or leave that row out."),
    (
        log(id={4: "e0"}),
        {},
        "a has two rows for example 'e0', 0 and 4 (counted from 0); keep one, or give each its own id.",
    ),
    (log(split={3: "test", 2: "dev"}), {}, "split of example 'e1' differs between rows 2 and 3 (counted from 0); make it one."),
    (log(label={3: "y"}), {}, "label of example 'e1' differs between rows 2 and 3 (counted from 0); make it one."),
    (
        log(correct=["maybe" if i == 5 else "1" for i in range(20)]),
        {},
        "correct is 'maybe' in row 5 (counted from 0), which is not a number; give a number or leave it empty.",
    ),
    (
        log(correct=["0,5" if i == 5 else "1" for i in range(20)]),
        {},
        "correct is '0,5' in row 5 (counted from 0), which is not a number; write it with a point.",
    ),
    *(
        (
            log(cost=[text if i == 5 else f"{i}" for i in range(20)]),
            {},
            f"cost is '{text}' in row 5 (counted from 0), which is not a number; {remedy}.",
        )
        for text, remedy in (
            ("\uff11", "give a number"),
            ("\u0661", "give a number"),
            ("5 %", "give a number"),
            ("1,2,3", "give a number"),
            ("1.234,5", "give a number"),
            ("1_0", "write it as 10"),
            ("$5", "write it as 5"),
            ("1,234.5", "write it as 1234.5"),
            ("1,234,567", "write it as 1234567"),
            ("1,234", "write it as 1234, or with a point"),
            ("\u20ac0,5", "write it with a point"),
        )
    ),
    (
        log(correct=["\uff11" if i > 4 else "1" for i in range(20)]),
        {},
        "correct is '\uff11' in row 5 (counted from 0), which is not a number; give a number or leave it empty.",
    ),
    (log(cost={5: float("inf")}), {}, "cost is inf in row 5 (counted from 0); give a finite number."),
    (log(conf={5: float("inf")}), {}, "conf is inf in row 5 (counted from 0); give a finite number or leave the cell empty."),
    (log(cost={5: 1e30}), {}, "cost is 1e+30 in row 5 (counted from 0); a cost is 0 or more and below 1e30."),
    (log(cost={5: -1}), {}, "cost is -1 in row 5 (counted from 0); a cost is 0 or more and below 1e30."),
    (
        log(conf={5: 87}),
        {},
        "conf is 87 in row 5 (counted from 0); give the probability of being correct, between 0 and 1, or leave the column out with --map"
        " conf=.",
    ),
    (
        log(conf={5: None, 7: None}),
        {},
        "There is a quality but no confidence of b in row 5 (counted from 0) and 1 more; add it, or leave the column out with --map conf=.",
    ),
    (
        log(cost={5: None}),
        {},
        "There is a quality but no cost of b in row 5 (counted from 0); add the cost, or leave these examples out.",
    ),
    (
        log(cost={5: None}, failed=[i == 5 for i in range(20)]),
        {},
        "There is no cost of the failed b in row 5 (counted from 0); give what the attempt cost, 0 if nothing.",
    ),
    (
        log(correct=None, pred=["x"] * 20, label={2: "", 3: ""}),
        {},
        "label is empty in row 2 (counted from 0); give the true class, or leave the example out.",
    ),
    # quality
    (
        log(correct={5: -0.03, 6: 1.0}),
        {},
        "correct is -0.03 in row 5 (counted from 0), but a quality is from 0 to 1; add --clip to cut such values.",
    ),
    (
        log(correct=[50 * (i % 3) for i in range(20)]),
        {},
        "correct is 50 in row 1 (counted from 0) and 12 more, but a quality is from 0 to 1; add --scale 0.01 if 100 is the best value, or"
        " --clip to cut them.",
    ),
    (
        log(correct=[1 + i % 5 for i in range(20)]),
        {},
        "correct is 2 in row 1 (counted from 0) and 15 more, but a quality is from 0 to 1; add --scale 0.2 if 5 is the best value, or"
        " --clip to cut them.",
    ),
    (
        log(correct=[i - 5 for i in range(20)]),
        {},
        "correct is -5 in row 0 (counted from 0) and 17 more, but a quality is from 0 to 1; bring the values to [0, 1] before the import,"
        " or add --clip to cut them.",
    ),
    (
        wide(length=[30 + i for i in range(10)], a__cost=None, b__cost=None),
        {"cost": {"a": 1, "b": 2}},
        "The quality goes up to 39 for length, but only to 1 for a, b; bring all models to one scale before the import; if a column is not"
        " a model, name the models with --models A,B.",
    ),
    (
        log(correct=[100 * (i % 2) + i % 3 % 2 for i in range(20)]),
        {},
        "The quality goes up to 101 for b, but only to 1 for a; bring all models to one scale before the import.",
    ),
    (
        {"quality": np.array([[0, 0.5], [50, 90]]), "cost": [1.0, 2], "exit_names": ["a", "b"]},
        {"scale": 0.01},
        "The quality goes up to 90 for b, but only to 0.5 for a; bring all models to one scale before the import, or add --clip if they are"
        " on one.",
    ),
    (
        wide(length=[-30 - i for i in range(10)], a__cost=None, b__cost=None),
        {"cost": {"a": 1, "b": 2}},
        "length is -30 in row 0 (counted from 0) and 9 more, but a quality is from 0 to 1; {}; if a column is not a model, name the models"
        " with --models A,B.",
    ),
    # examples
    (
        [row for i, row in enumerate(log()) if i % 2 == 0 or i < 9],
        {},
        "Only 4 of 10 examples have a row for each of the 2 models (b has 4 rows), less than half; run the missing ones, or select models"
        " with --models.",
    ),
    (log()[:2], {}, "The log has 1 complete example; give between 2 and 10,000,000."),
    (
        [{**row, "model": f"m{i}"} for i, row in enumerate(log() * 15)],
        {},
        "The log has 300 models; give between 1 and 255, for example with {}",
    ),
    ([], {}, "the table has no rows; write one for each example, or for each example and model."),
    (
        log(split=["test"] * 20),
        {},
        "split has no calibration rows; mark some, or leave out split to have one drawn at random: `route --split all` routes every row by"
        " a saved policy.",
    ),
    (
        log(split=["train"] * 20),
        {},
        "split contains 'train' at row 0 (counted from 0); leave out the training examples, or write fit where only gates learn on them.",
    ),
    (
        [row for i, row in enumerate(log(split={12: "tets", 13: "tets"})) if i != 1],
        {},
        "split contains 'tets' at row 11 (counted from 0); use fit, calibration or test.",
    ),
    (
        {"quality": np.ones((2, 5)), "cost": [1.0, 2], "split": ["fit", "test", "calibration", "tets", "test"]},
        {},
        "split contains 'tets' at row 3; use fit, calibration or test.",
    ),
    (
        log(split=None, text=["same"] * 20),
        {},
        "No calibration examples could be drawn, because nearly all have the same text; add a column split.",
    ),
    (wide(id={4: "e2"}), {}, "id is 'e2' in rows 2 and 4 (counted from 0); give each its own id."),
    (log(factor_size=[1e300] * 20), {}, "factor_size contains a number that overflows float32; give smaller numbers."),
    # costs
    (
        log(cost=None),
        {},
        "No column gives costs among id, model, correct, conf, label, split; call it cost, inference_cost, total_cost, price or cost_UNIT,"
        " name it with --map cost=COLUMN, or give --cost a=0.2 for each model or --costs FILE.",
    ),
    (
        log(),
        {"cost": {"a": 1}},
        "The log has costs of its own (cost), so --cost is not needed; leave it out, or leave theirs out with --map cost=.",
    ),
    (log(), {"costs": ONE_COST}, "The log has costs of its own (cost), so --costs is not needed; leave it out, {}"),
    (NO_COST, {"cost": {"a": 1}}, "--cost gives no cost for b; add --cost b=NUMBER."),
    (NO_COST, {"cost": {"a": 1, "c": 2}}, "--cost names 'c', which the log does not have; its models are: a, b."),
    (NO_COST, {"cost": {"a": 1, "b": -2}}, "--cost b=-2 is no cost; give a number of 0 or more, below 1e30."),
    (NO_COST, {"cost": {"a": 1, "b": float("nan")}}, "--cost b=nan is no cost; give a number of 0 or more, below 1e30."),
    (
        NO_COST,
        {"cost": {"a": 1, "b": 2}, "cost_unit": "US $"},
        "--cost-unit 'US $' cannot name a unit; use lower-case letters, digits and underscores, such as usd.",
    ),
    (
        [{**row, "usd": 1} for row in log()],
        {"cost_unit": "usd"},
        "The log has costs in usd already, beside some without a unit (cost, usd); give those another --cost-unit.",
    ),
    (
        [{**row, "usd": 1} for row in NO_COST],
        {"cost_unit": "joules"},
        "--cost-unit joules is for costs without a unit, and those of the log are in usd by their names; leave it out.",
    ),
    (
        TEMPLATES["logits"](),
        {"cost_unit": "usd"},
        "--cost-unit is for logs of models, and this file holds arrays that it cannot change; leave it out.",
    ),
    (NO_COST, {"costs": ONE_COST}, "the table has no costs of b; add them, or select models with --models."),
    (NO_COST, {"costs": [{"name": "a", "amount": 1}]}, "the table has no costs that can be read; give the columns model and cost, {}"),
    (
        NO_COST,
        {"costs": [*ONE_COST, {"model": "b", "cost": 2}, {"model": "a", "cost": 3}]},
        "the table gives the costs of one model in rows 0 and 2 (counted from 0); leave one out.",
    ),
    (
        NO_COST,
        {"costs": [{"id": "e0", "model": "a", "cost": 1}, {"id": "e0", "model": "b", "cost": 1}, {"id": "e0", "model": "a", "cost": 2}]},
        "the table gives the costs of one cell in rows 0 and 2 (counted from 0); leave one out.",
    ),
    (
        NO_COST,
        {"costs": [{"id": f"e{i}", "model": model, "cost": 1} for i in range(9) for model in "ab"]},
        "There is a quality but no cost of a in row 18 (counted from 0) and 1 more; add the cost, or leave these examples out.",
    ),
    (
        NO_COST,
        {"costs": [*ONE_COST, {"model": "b", "cost": -2}]},
        "In the table, cost is -2 in row 1 (counted from 0); a cost is 0 or more and below 1e30.",
    ),
    (
        NO_COST,
        {"costs": [{"id": f"q{i}", "model": model, "cost": 1} for i in range(10) for model in "ab"]},
        "the table has costs of no example of the log: id is 'q0', for example, and 'e0' in the log; give both the same ids.",
    ),
    (NO_COST, {"costs": [*ONE_COST, {"model": "b", "cost": None}]}, "the table has no cost in row 1 (counted from 0); fill it."),
    (NO_COST, {"costs": TEMPLATES["logits"]()}, "The costs are arrays, not a table; give rows of a model and its cost."),
    (
        log(cost=[0] * 20),
        {},
        "The cost of a, the best model, is 0, and budgets are shares of it, so nothing can be saved; give costs in another unit.",
    ),
    (
        log(model=["exit2" if i % 2 else "exit1" for i in range(20)], cost=[2 - i % 2 for i in range(20)]),
        {},
        "The cost does not rise from 2 at exit1 to 1 at exit2 in row 1 (counted from 0), but it is what leaving there costs in total; if it"
        " is the cost of one stage, call the column stage_cost, and if these are separate models, add --family.",
    ),
    # classes and arrays
    (wide(a=None, a__pred=["x"] * 10), {}, "a.pred is a prediction, but the label is not known for every row; add a column label."),
    (
        {"correct": np.ones((2, 5)), "cost": [1.0, 2.0], "logits": np.ones((2, 5, 3))},
        {},
        "The file has both correct and logits; leave one of them out.",
    ),
    (
        {"correct": np.full((2, 5), 0.5), "cost": [1.0, 2.0]},
        {},
        "correct contains 0.5 at [0, 0] (exit 1, row 0); give 0 or 1, or call the array quality if it is graded.",
    ),
    (
        {"quality": np.full((2, 5), 50), "cost": [1.0, 2.0]},
        {},
        "quality is 50 in [0, 0] (exit 1, row 0) and 9 more, but a quality is from 0 to 1; {}",
    ),
    (
        {"quality": np.array([[1, np.inf], [1, 0]]), "cost": [1.0, 2.0]},
        {},
        "quality is inf at [0, 1] (exit 1, row 1); give a finite number, or nan where there is none.",
    ),
    ({"quality": np.full((2, 5), "a"), "cost": [1.0, 2.0]}, {}, "quality has dtype <U1; give booleans or numbers."),
    ({"quality": np.ones((2, 5)), "cost": [1.0, -2.0]}, {}, "cost is -2 at [1] (exit 2); a cost is 0 or more and less than 1e30."),
    (
        {"quality": np.ones((2, 5)), "labels": np.zeros(4, int), "cost": [1.0, 2.0]},
        {},
        "quality has 5 examples but other arrays have 4; give the same examples in all of them.",
    ),
    (
        {"quality": np.ones((2, 5)), "conf": np.full((2, 5), 2.0), "cost": [1.0, 2.0]},
        {},
        "conf contains 2 at [0, 0] (exit 1, row 0); give the probability of being correct, between 0 and 1.",
    ),
    (
        {"quality": np.ones((2, 5)), "conf": np.ones((4, 5)), "cost": [1.0, 2.0]},
        {},
        "conf has 4 exits but other arrays have 2; give the same exits in all of them.",
    ),
    (
        {"quality": np.ones((2, 5)), "conf": np.full((2, 5), "high"), "cost": [1.0, 2.0]},
        {},
        "conf has dtype <U4; give floats.",
    ),
    (
        {"quality": np.ones((2, 5)), "exit_names": ["a", "b", "c"], "cost": [1.0, 2.0]},
        {},
        "quality has 2 exits but other arrays have 3; give the same exits in all of them.",
    ),
    (
        {"quality": np.ones((2, 5)), "failed": np.full((2, 5), "no"), "cost": [1.0, 2.0]},
        {},
        "failed has dtype <U2; give booleans.",
    ),
    (
        {"quality": np.ones((2, 5)), "failed": np.ones((2, 4)), "cost": [1.0, 2.0]},
        {},
        "failed has 4 examples but other arrays have 5; give the same examples in all of them.",
    ),
    (
        {"quality": np.ones((2, 5)), "cost": [1.0, 2.0]},
        {"models": ["a"]},
        "--models is for logs of models, and this file holds arrays that it cannot change; leave it out.",
    ),
    (
        TEMPLATES["logits"](),
        {"clip": True},
        "--clip is for logs of models, and this file holds arrays that it cannot change; leave it out.",
    ),
    (
        TEMPLATES["logits"](),
        {"columns": {"a": "b"}},
        "--map is for logs of models, and this file holds arrays that it cannot change; leave it out.",
    ),
    (
        TEMPLATES["logits"](),
        {"costs": ONE_COST},
        "--costs is for logs of models, and this file holds arrays that it cannot change; leave it out and put exit0.cost and so on into "
        "the file.",
    ),
    (
        {"exit0.logits": np.ones((4, 3)), "exit2.probs": np.ones((4, 3)), "logits": np.ones((1, 4, 3))},
        {},
        "The file has exit2.logits but no exit1.logits or exit1.probs; add it (exits are counted from 0).",
    ),
    (
        {"exit0.logits": np.ones((4, 3)), "exit2.logits": np.ones((4, 3)), "probs": np.ones((1, 2, 3))},
        {},
        "The file has exit2.logits but no exit1.logits; add it (exits are counted from 0).",
    ),
    (
        {"exit0.logits": np.ones((4, 3)), "exit0.probs": np.ones((4, 3)), "exit1.probs": np.ones((4, 3))},
        {},
        "The file has both exit0.logits and exit0.probs; leave one of them out.",
    ),
    (
        {"exit0.logits": np.ones((4, 3)), "logits": np.ones((1, 4, 3))},
        {},
        "The file has logits as well as one per exit; leave one of the two out.",
    ),
    (
        {"exit0.logits": np.ones((4, 3)), "exit1.logits": np.ones((5, 3))},
        {},
        "exit1.logits has shape (5, 3) but exit0.logits has (4, 3); give the same examples in both.",
    ),
    (
        {"exit0.logits": np.ones((4, 3)), "exit1.probs": np.ones((5, 3)), "labels": [0, 1, 2, 0], "cost": [1.0, 2]},
        {},
        "exit1.probs has shape (5, 3) but must be (4, classes), as at every exit; give the same examples in all.",
    ),
    (
        {"exit0.logits": np.eye(4)[:, :3] * 2, "exit1.probs": np.ones((4, 3)), "labels": [0, 1, 2, 0], "cost": [1.0, 2]},
        {},
        "probs sum to 3 at [1, 0] (exit 2, row 0), not to 1; give the softmax over all classes.",
    ),
    # frames
    (log(), {"cost": {"a": "$1", "b": 2}}, "The cost of a is '$1'; give a number such as 0.2."),
    (log(), {"cost": {1: 1}}, "1 is no text, so it names no column and no model; give the name as text."),
    (log(), {"scale": "0.01"}, "scale is '0.01'; give a number such as 0.01, or leave it out."),
    (log(), {"columns": None}, "columns is None; give a dictionary such as {}, or leave it out."),
    (log(), {"models": "a"}, "models is 'a'; give a list of names, or leave it out."),
    *(
        (log(), {"scale": scale}, f"--scale is {scale:g}; give a number above 0, such as 0.01 for percentages.")
        for scale in (float("nan"), 0, float("inf"), -0.01)
    ),
    (log(), {"kind": "row"}, "kind is 'row'; use 'chain' for the exits of one network or 'family' for separate networks."),
    (3, {}, "A int cannot be imported; give a data frame, a list of dictionaries, a dictionary of columns, or a path."),
    ({"id": [1, 2], "model": ["a"]}, {}, "The table cannot be read ({}); give every column one kind of value."),
    ({"logits": np.full((2, 2, 2), None)}, {}, "logits holds Python objects, which only pickle can read; {}"),
]


@pytest.mark.parametrize(("frame", "options", "expected"), REFUSED, ids=[sentence[:70] for _, _, sentence in REFUSED])
def test_a_mistake_is_refused_in_one_sentence(frame: Any, options: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        import_frame(frame, "x", out=tmp_path / "bundle", **options)
    sentence = str(refused.value)
    assert sentence.isprintable() and len(sentence) < 400
    assert_one_sentence(sentence)
    parts = expected.split("{}")
    assert sentence.startswith(parts[0]) and sentence.endswith(parts[-1]) and (len(parts) > 1 or sentence == expected), sentence
    assert not list(tmp_path.iterdir())


def test_the_unchanged_logs_are_valid(tmp_path: Path) -> None:
    typed = {"a": 1, "b": 5}
    for frame, options, cost in (
        (log(), {}, [1]),  # b is no better
        (wide(), {}, [1, 2]),
        (wide(b__cost=None), {"models": ["a"]}, [1]),
        (wide(a__conf=[88] * 10, b__conf=[88] * 10), {"columns": {"conf": "", "cost": ""}, "cost": typed}, [1, 5]),
        (wide(b__cost=None), {"columns": {"cost": ""}, "models": ["a", "b"], "cost": typed}, [1, 5]),
        (NO_COST, {"cost": typed}, [1]),
    ):
        outputs = import_frame(frame, "x", out=tmp_path / "bundle", **options).draft.outputs
        assert outputs.stage_cost["cost"].reshape(len(cost), -1)[:, 0].tolist() == cost


def test_ids_with_the_same_hash_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.importing.ids.hash_texts", lambda texts: np.array([len(text) for text in texts]))
    with pytest.raises(UserError, match="The ids 'ab' and 'cd' have the same 64-bit hash; rename one of them."):
        numbered(["ab", "abc", "cd"], "id")
    with pytest.raises(UserError, match="id has an id of more than 200 characters, 'yyy"):
        numbered(["x", "y" * 201], "id")


# Command lines


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--cost", "a=cheap"], "--cost a=cheap is not a number; give one such as --cost a=0.2."),
        (["--cost", "a=1", "--cost", "a=2"], "--cost gives 'a' twice; leave one out."),
        (["--map", "correct"], "Argument --map: 'correct' is not of the form NAME=VALUE; see `python -m engine import --help`."),
        (["--chain", "--family"], "Argument --family: not allowed with argument --chain; see `python -m engine import --help`."),
        (["--costs", "gone.csv"], "There is no file gone.csv; check the path."),
        (["--costs", "arrays.npz"], "arrays.npz holds arrays, not a table of costs; give rows of a model and its cost."),
        (["--cost", "a=1", "--costs", "log.csv"], "Both --cost and --costs give costs; leave one of them out."),
        (["--scale", "nan"], "--scale is nan; give a number above 0, such as 0.01 for percentages."),
        (["--scale", "x"], "Argument --scale: 'x' is not a number such as 0.3; see `python -m engine import --help`."),
    ],
)
def test_invalid_options_are_refused(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OFFRAMP_DATA", str(tmp_path / "data"))
    write_csv(tmp_path / "log.csv", NO_COST)
    np.savez(tmp_path / "arrays.npz", **TEMPLATES["probs"]())
    assert main(["import", "log.csv", "--id", "x", *arguments]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == sentence
    assert not (tmp_path / "data").exists()


# Hostile files


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(UserError) as refused:
        import_file(path, "x", out=path.parent / "bundle", **options)
    sentence = str(refused.value)
    assert sentence.endswith(".") and sentence.isprintable() and len(sentence) < 400
    assert not (path.parent / "bundle").exists()
    return sentence


def test_a_log_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,model,correct,cost\n" + "1,a,1,1\n" * 20_000)
    assert "a.csv has about 20,000 rows of 4 columns, whose import takes about " in refusal(tmp_path / "a.csv", most=200_000)
    rows = pa.table({"id": np.zeros(2**22, np.int64), "model": ["a"] * 2**22})
    pq.write_table(rows, tmp_path / "b.parquet", compression="zstd")
    assert (tmp_path / "b.parquet").stat().st_size < 100_000
    assert "more than the 1 MiB " in refusal(tmp_path / "b.parquet", most=2**20)


def test_quotes_within_text_are_read_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where they end a block, or one ends the file."""
    decode_in_this_process(monkeypatch)
    cells = ['"5"" disk"', '5" disk', '"two\nlines"', '""', '"a,b"', 'say "hi"']
    content = "\ufeffid,model,correct,cost,text\n" + "".join(f"{i // 2},{'ab'[i % 2]},1,{1 + i % 2},{cells[i // 2]}\n" for i in range(12))
    path = tmp_path / "a.csv"
    path.write_text(content.removesuffix("\n"), encoding="utf-8")
    expected = ['5" disk', '5" disk', "two lines", "", "a,b", 'say "hi"']
    for block in (2**24, 1, 2, 3, 7):
        monkeypatch.setattr(csv_quotes, "_BLOCK", block)
        assert import_file(path, "x", out=tmp_path / "bundle").draft.texts == expected


@pytest.mark.parametrize("block", [1, 2, 3, 7, 2**24])
def test_balanced_quotes_need_no_second_look(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_quotes, "_BLOCK", block)
    for content, is_open in ((b'a,b\n"1","x, ""y"""\r\n"2",""\n3,"z"', False), (b'\xef\xbb\xbf"a",b\n"1"', False), (b'"a",b\n"1', True)):
        (tmp_path / "a.csv").write_bytes(content)
        assert csv_quotes._may_be_unbalanced(tmp_path / "a.csv", ord(",")) is is_open


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_memory_that_a_refusal_names_suffices(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the file states no sizes and is refused after a part of it."""
    decode_in_this_process(monkeypatch)
    monkeypatch.setattr(csv_file, "_MOST_ROW", 5_000)
    monkeypatch.setattr(json_lines, "MOST_LINE", 5_000)
    rng, path = np.random.default_rng(0), tmp_path / f"a.{form}"
    rows = [{"id": i, "model": m, "correct": bool(rng.random() < 0.7), "cost": 1 + (m == "b"), "text": "why " * int(rng.integers(9))}
            for i in range(1500) for m in "ab"]  # fmt: skip
    if form == "csv":
        path.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    sentence = refusal(path, most=300_000)
    assert re.search(r"has about (2,9|3,[01])00 rows", sentence), sentence
    most = memory(sentence.split("--most-memory ")[1].split(",")[0])
    assert most < 1.5 * memory_for_log(3000, 5, 2, path.stat().st_size)
    import_file(path, "x", out=tmp_path / "bundle", most=most, options=Options(columns={"text": "text"}))


HEADER = b"id,model,correct,cost,text\n"
MALFORMED = [
    (
        "a.csv",
        HEADER + b'1,a,1,1,"x"\n1,b,1,2,"open\n2,a,1,1,x\n',
        "In the row of a.csv that begins in line 3, a quote is never closed; {}",
    ),
    ("a.csv", HEADER + b'1,"a,1,1,x\n1,b,1,2,"y"\n', "In the row of a.csv that begins in line 2, text follows the quote that closes a {}"),
    ("a.csv", b'id,"model\n1,a\n', "In the row of a.csv that begins in line 1, a quote is never closed; {}"),
    ("a.csv", HEADER + b"1,a,1,1,x\n\n1,b,1,2\n", "a.csv has 4 cells in row 1 (counted from 0) but 5 columns; {}"),
    ("a.csv", b"", "a.csv is empty; write the names of the columns in the first line."),
    ("a.csv", b"id,model\n", "a.csv has no rows; {}"),
    ("a.csv", b"id,model,id\n1,2,3\n", "Two columns are called 'id'; rename or leave out one of them."),
    ("a.csv", b"id,model\n1,2,3\n", "a.csv has 3 cells in row 0 (counted from 0) but 2 columns; {}"),
    ("a.csv", b"id,model\n1,\xff\xfe\n", "Line 2 of a.csv is not text in UTF-8; save the file in UTF-8."),
    ("a.csv", b"\xff\xfei\x00d\x00", "a.csv is text in UTF-16; save it in UTF-8."),
    ("a.csv", "id,model\n1,a\n".encode("utf-16-le"), "a.csv has zero bytes in its first line, as text in UTF-16 has; save it in UTF-8."),
    ("a.csv", b"id,model\n" + b"1,a\n" * 9000 + b"1,\xe9\n", "Line 9,002 of a.csv is not text in UTF-8; save the file in UTF-8."),
    ("a.csv", b"\x1f\x8b\x08\x00", "a.csv is compressed with gzip; unpack it and import what it holds."),
    ("a.jsonl", b"PK\x03\x04\x00", "a.jsonl is a zip archive or a spreadsheet; unpack it, or save its rows as CSV."),
    ("a.csv", b"PAR1\x15\x04", "a.csv is a Parquet file; let its name end in .parquet."),
    ("a.csv.gz", b"", "a.csv.gz is compressed, which is not read; unpack it and import what it holds."),
    ("a.tsv", b"", "a.tsv cannot be imported under this name; let it end in .csv, whose cells may be separated by tabs."),
    ("a.csv", b"id,model", "a.csv has no rows; {}"),
    ("a.csv", b"   ", "a.csv is empty; write the names of the columns in the first line."),
    ("a.jsonl", b"{}\n{}\n", "No column gives the name of the model among no columns; {}"),
    ("a.jsonl", b"\xef\xbb\xbf{}\n\n  {}\nnull\n", "Line 4 of a.jsonl begins with 'null'; write a JSON object in braces on each line."),
    ("a.jsonl", b'[\n{"id": 1}\n]\n', "Line 1 of a.jsonl begins with '['; write a JSON object in braces on each line."),
    ("a.csv", "model,correct\nd\xe9j\xe0,1\n".encode("latin-1"), "Line 2 of a.csv is not text in UTF-8; save the file in UTF-8."),
    ("a.csv", b'"' + b"x" * 200_000, "a.csv is damaged or not a valid .csv file (its first line: field larger than field limit{}"),
    ("a.csv", ",".join(f"c{i}" for i in range(2001)).encode() + b"\n1\n", "a.csv has 2,001 columns; give at most 2,000."),
    ("a.jsonl", b'{"id": 1}\n{"id": "a"}\n', "a.jsonl is damaged or not a valid .jsonl file (JSON parse error: Column(/id) changed{}"),
    ("a.jsonl", b'{"id": 1', "a.jsonl is damaged or not a valid .jsonl file (JSON parse error{}"),
    ("a.jsonl", b"[" * 100_000, "Line 1 of a.jsonl begins with '[[[[{}"),
    ("a.jsonl", b'{"a": ' * 50_000, "a.jsonl is damaged {}"),
    ("a.jsonl", b'{"id": "\xff"}\n', "a.jsonl is damaged or not a valid .jsonl file ({}"),
]


@pytest.mark.parametrize(("name", "content", "start"), MALFORMED)
def test_a_malformed_file_is_refused(name: str, content: bytes, start: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    sentence = refusal(tmp_path / name)
    first, _, last = start.partition("{}")
    assert sentence.startswith(first) and sentence.endswith(last), sentence


def test_nothing_in_a_name_or_cell_reaches_the_terminal_unclean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "model": f"\x1b[31m{row['model']}\x07", "\x1b]0;x\x07": 1} for row in log()]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["import", str(tmp_path / "a.jsonl"), "--id", "x", "--out", str(tmp_path / "b")]) == 0
    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_nested_values_are_left_out_and_texts_cut(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "x" * 9000, "tokens": {"in": 1}, "list": [1, 2], "time": "2026-01-02"}) + "\n")
    given = read_jsonl(tmp_path / "a.jsonl", 10**8)
    assert given.table is not None and given.ignored == ("tokens", "list")
    assert len(given.table.data["id"][0].as_py()) == 2000


def test_random_bytes_are_refused_or_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is done to a valid file, the answer is a bundle or a sentence."""
    decode_in_this_process(monkeypatch)
    rng = np.random.default_rng(0)
    whole = ("id,model,correct,cost\n" + "".join(f"{i},{m},1,2\n" for i in range(6) for m in "ab")).encode()
    for _ in range(6):
        data = bytearray(whole)
        for at in rng.integers(len(data), size=3):
            data[at] = rng.integers(256)
        (tmp_path / "a.csv").write_bytes(data)
        code = main(["import", str(tmp_path / "a.csv"), "--id", "x", "--out", str(tmp_path / "b")])
        assert code in (0, 2)


def test_columns_of_many_types_are_read() -> None:
    table = pa.table(
        {
            "dictionary": pa.array(["a", "b"]).dictionary_encode(),
            "decimal": pa.array([1, 2], pa.decimal128(9, 2)),
            "date": pa.array([0, 1], pa.date32()),
            "empty": pa.nulls(2),
            "view": pa.array(["a", "b"], pa.string_view()),
            "binary": [b"a", b"b"],
        }
    )
    made, ignored = scalar_columns(table, "x", 10**6)
    assert made.column_names == ["dictionary", "decimal", "date", "empty", "view"] and ignored == ["binary"]
    assert made["decimal"].to_pylist() == [1.0, 2.0] and made["date"][1].as_py() == "1970-01-02"


def test_whole_numbers_of_json_that_lose_their_last_digits_are_not_taken_for_equal(tmp_path):
    path = tmp_path / "large_numbers.jsonl"
    rows = [{"label": 10**21 + i % 2, "exit0.pred": 10**21, "exit0.cost_usd": 1} for i in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError) as refused:
        import_file(path, "x", out=tmp_path / "bundle")
    assert_one_sentence(str(refused.value), "1e+21", "not all digits are read", "as text")
