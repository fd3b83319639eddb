"""The table of routes: the numbers of the sweep, example by example, and files that spreadsheets and programs read as they are meant."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.analysis.routes_table import as_csv, routes_by, routes_table, write_routes
from engine.analysis.steps_to_exit_change import next_changes
from engine.bundle.bundle import read_bundle, write_bundle
from engine.errors import UserError
from engine.policies import POLICIES, policy
from engine.policies.saved import load_policy, policy_document
from engine.splits import Split
from engine.sweep import run_sweep
from tests.sentences import assert_one_sentence
from tests.synthetic import draft, outputs

BUDGETS = [0.9, 0.4, 0.6, 0.5, 0.7]  # in any order
MADE = {"chain": outputs(seed=4), "family": outputs(exits=3, seed=5, kind="family", features=True)}
PAIRS = [(name, kind) for kind in MADE for name in POLICIES if POLICIES[name].unavailable_reason(MADE[kind]) is None]
KNOWN_BY_SWEEP = ("budget_below", "budget_above", "exit_below", "exit_above")


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_the_table_holds_the_numbers_of_the_sweep(name, kind):
    made = MADE[kind]
    sweep, test = run_sweep(policy(name), made, BUDGETS), made.test()
    for point in range(len(BUDGETS)):
        table = routes_table(sweep, made, point)
        rows = table.to_pylist()
        assert [row["id"] for row in rows] == [str(id) for id in test.ids]
        assert [row["label"] for row in rows] == test.labels.tolist()
        assert [row["exit"] - 1 for row in rows] == sweep.exit[point].tolist()
        assert [row["prediction"] for row in rows] == sweep.answer[point].tolist()
        assert [row["correct"] for row in rows] == sweep.is_correct[point].tolist()
        assert all(row["exit_name"] == f"Exit {row['exit']}" and row["label_name"] == str(row["label"]) for row in rows)
        route = sweep.rules[point].route(test)
        assert [row["cost"] for row in rows] == pytest.approx(list(route.cost(made.cost_in("macs")) / made.full_cost("macs")))


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kind in PAIRS if POLICIES[name].deployable])
def test_a_saved_policy_gives_the_same_table(name, kind):
    made = MADE[kind]
    sweep = run_sweep(policy(name), made, [0.5, 0.8])
    for point, rule in enumerate(sweep.rules):
        saved = load_policy(policy_document(policy(name), rule, made, "macs", sweep.budgets[point]))
        again, table = routes_by(saved, made), routes_table(sweep, made, point)
        assert again.drop_columns(list(KNOWN_BY_SWEEP)).equals(table.drop_columns(list(KNOWN_BY_SWEEP)))
        assert all(again[column].null_count == again.num_rows for column in KNOWN_BY_SWEEP)


def test_score_and_margin_are_those_at_the_exit_taken():
    made = MADE["chain"]
    sweep, test = run_sweep(policy("single_threshold"), made, [0.5]), made.test()
    spec = sweep.rules[0].threshold_spec()
    for i, row in enumerate(routes_table(sweep, made, 0).to_pylist()):
        k = row["exit"] - 1
        if k == made.exits - 1:
            assert row["score"] is None and row["margin"] is None
            continue
        assert row["score"] == test.scores["maxprob"][k, i] and row["margin"] == row["score"] - spec.thresholds[k] >= 0


def test_where_no_threshold_decides_score_and_margin_are_empty():
    for name, budget in (
        ("patience", 0.5),
        ("random_mix", 0.5),
        ("maxprob", MADE["chain"].static_cost("macs")[0] / MADE["chain"].full_cost("macs")),
    ):
        table = routes_table(run_sweep(policy(name), MADE["chain"], [float(budget)]), MADE["chain"], 0)
        assert table["score"].null_count == table["margin"].null_count == table.num_rows, name


def test_changes_of_exit_are_the_nearest_in_either_direction():
    sweep = run_sweep(policy("maxprob"), MADE["chain"], BUDGETS)
    exits = dict(zip(BUDGETS, sweep.exit, strict=True))
    point = BUDGETS.index(0.6)
    seen = set()
    for i, row in enumerate(routes_table(sweep, MADE["chain"], point).to_pylist()):
        differ = [budget for budget in BUDGETS if exits[budget][i] != exits[0.6][i]]
        below, above = [budget for budget in differ if budget < 0.6], [budget for budget in differ if budget > 0.6]
        assert (row["budget_below"], row["budget_above"]) == (max(below, default=None), min(above, default=None))
        for budget, exit in (("budget_below", "exit_below"), ("budget_above", "exit_above")):
            assert row[exit] == (None if row[budget] is None else exits[row[budget]][i] + 1)
        seen.add((bool(below), bool(above)))
    assert len(seen) == 4, "every combination must occur for this test to mean something"


def test_changes_of_exit_skip_equal_exits():
    exit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.uint8)
    below, above = next_changes(np.array([0.1, 0.2, 0.3, 0.4]), exit, 2)
    assert below.budget.tolist() == [0.1, 0.2] and above.budget[0] == 0.4 and np.isnan(above.budget[1])
    assert below.exit.tolist() == [0, 0] and above.exit[0] == 0 and np.isnan(above.exit[1])


def test_the_budget_of_a_table_may_lie_between_evenly_spaced_ones():
    sweep = run_sweep(policy("maxprob"), MADE["chain"], 5, also=[0.43])
    assert len(sweep.budgets) == 6 and 0.43 in sweep.budgets and (np.diff(sweep.budgets) > 0).all()
    with pytest.raises(ValueError, match="also"):
        run_sweep(policy("maxprob"), MADE["chain"], [0.5], also=[0.43])
    with pytest.raises(UserError, match="43%"):
        run_sweep(policy("maxprob"), MADE["chain"], 5, also=[43])


# Files

HOSTILE = (
    *(
        '=HYPERLINK("http://a.example","x")',
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        " =1+1",
        "\t=1",
        "\r=1",
        "＝1+1",
        "a;=1+1",
        '"=1+1',
        "'",
        "a,b",
        'say "hi"',
    ),
    *("two\nlines", "-", "+1", "-1", "null", "", "1e5", "猫"),
)


def hostile_table(folder: Path) -> pa.Table:
    made = outputs(examples=300, exits=3, classes=len(HOSTILE), seed=6)
    made = replace(made, ids=np.where(made.ids % 2, made.ids, -made.ids))
    written = read_bundle(write_bundle(draft(made, images=[]), folder / "tiny"))
    bundle = replace(written, class_names=HOSTILE, exit_names=("=1+1", "-x", "ok"))
    return routes_table(run_sweep(policy("maxprob"), made, [0.5, 0.7]), bundle, 0)


def test_no_cell_of_the_csv_is_a_formula(tmp_path):
    table = hostile_table(tmp_path)
    text = as_csv(table).decode()
    header, *rows = list(csv.reader(io.StringIO(text, newline="")))
    assert header == table.column_names and len(rows) == table.num_rows
    numbers = [name for name in header if not pa.types.is_string(table.schema.field(name).type)]
    seen = set()
    for cells, row in zip(rows, table.to_pylist(), strict=True):
        for name, cell in zip(header, cells, strict=True):
            if name in numbers:
                value = row[name]
                expected = "" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
                assert cell == expected
                continue
            seen.add(row[name])
            changed = cell != row[name]
            assert cell == (f"'{row[name]}" if changed else row[name])
            if name == "id" or row[name] == "-1":
                assert not changed and int(cell) == int(row[name])
            else:
                assert not cell.strip().startswith(("=", "+", "-", "@", "＝")) and not cell.startswith(("\t", "\r"))
    assert set(HOSTILE) <= seen and any(id.startswith("-") for id in table["id"].to_pylist())
    # Text is always in quotes: where semicolons separate cells, a formula behind one must not begin a cell.
    assert '"a;=1+1"' in text and ",a;=1+1" not in text


def test_both_files_hold_the_table(tmp_path):
    table = routes_table(run_sweep(policy("maxprob"), MADE["chain"], [0.5, 0.7]), MADE["chain"], 1)
    write_routes(table, tmp_path / "routes.parquet")
    assert pq.read_table(tmp_path / "routes.parquet").equals(table)
    write_routes(table, tmp_path / "routes.csv")
    header, *rows = csv.reader((tmp_path / "routes.csv").read_text(encoding="utf-8").splitlines())
    for name in ("cost", "score", "margin", "budget_below"):
        column = [cells[header.index(name)] for cells in rows]
        assert [float(cell) if cell else None for cell in column] == table[name].to_pylist()  # to the last bit
    assert sorted(path.name for path in tmp_path.iterdir()) == ["routes.csv", "routes.parquet"]


def test_places_that_cannot_be_written_are_refused(tmp_path):
    table = routes_table(run_sweep(policy("static"), MADE["chain"], [0.5]), MADE["chain"], 0)
    for path, word in ((tmp_path / "routes.xlsx", ".csv and .parquet"), (tmp_path / "missing" / "routes.csv", "cannot be written")):
        with pytest.raises(UserError) as refused:
            write_routes(table, path)
        assert_one_sentence(str(refused.value), str(path), word)


def test_another_split_can_be_routed():
    made = MADE["chain"]
    sweep = run_sweep(policy("maxprob"), made, [0.5], split=Split.CALIBRATION)
    saved = load_policy(policy_document(policy("maxprob"), sweep.rules[0], made, "macs", 0.5))
    table = routes_by(saved, made, Split.CALIBRATION)
    assert table["exit"].to_pylist() == routes_table(sweep, made, 0)["exit"].to_pylist()
    assert table["id"].to_pylist() == [str(id) for id in made.tuning(Split.CALIBRATION).ids]
